using System.Collections.Concurrent;
using System.Net;

namespace ControlCenter.Tests.Work;

public sealed class RaceTests(HostFixture fixture) : BusTests(fixture)
{
    private const int Agents = 50;
    private const int Tasks = 2_000;

    [Fact]
    public async Task Fifty_agents_race_for_two_thousand_tasks_and_each_is_completed_exactly_once()
    {
        var ticket = await TicketAsync();
        var planned = new ConcurrentBag<string>();
        await Parallel.ForAsync(0, Tasks, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = Stop }, async (_, _) =>
            planned.Add(await TaskAsync(ticket, new { max_attempts = 10 }, "race")));
        var agents = await Task.WhenAll(Enumerable.Range(0, Agents).Select(_ => AgentAsync("race")));

        // The founder's key acts for them, so that the limits of fifty actors do not make the race take minutes.
        var completed = new ConcurrentDictionary<string, int>();
        var lateAnswers = new ConcurrentBag<string>();
        var takeovers = new ConcurrentBag<int>();
        await Task.WhenAll(agents.Select(a => RaceAsync(a with { Bus = Founder }, completed, lateAnswers, takeovers)));

        completed.Count.ShouldBe(Tasks);
        completed.Values.ShouldAllBe(count => count == 1);
        completed.Keys.ShouldBe(planned, ignoreOrder: true);
        lateAnswers.ShouldNotBeEmpty();
        lateAnswers.ShouldAllBe(code => code == "lease_lost");
        takeovers.Count.ShouldBeGreaterThanOrEqualTo(lateAnswers.Count);
        takeovers.ShouldAllBe(step => step == 1);
        (await Host.SqlAsync<long>("select count(*) from events where kind = 'task.completed'", Stop)).ShouldBe(Tasks);
    }

    private async Task RaceAsync(
        TestAgent agent, ConcurrentDictionary<string, int> completed, ConcurrentBag<string> late, ConcurrentBag<int> takeovers)
    {
        var turn = 0;
        while (completed.Count < Tasks)
        {
            if (await agent.ClaimAsync(Stop, waitSeconds: 1) is not { } held)
            {
                continue;
            }

            var task = held.Claim.Body!["task"]!;
            if ((int)task["attempt"]! > 1)
            {
                takeovers.Add((int)task["checkpoint"]!["step"]!);
            }

            // A tenth of them stall past their lease after a checkpoint, and then try to finish.
            if (++turn % 10 == 0)
            {
                await agent.WriteAsync(held, "checkpoint", Stop, new { state = new { step = 1 } });
                await ExpireAsync(held);
                late.Add((await agent.WriteAsync(held, "complete", Stop)).Code ?? "written");
                continue;
            }

            if ((await agent.WriteAsync(held, "complete", Stop)).Status == HttpStatusCode.OK)
            {
                completed.AddOrUpdate(held.TaskId, 1, (_, count) => count + 1);
            }
        }
    }
}
