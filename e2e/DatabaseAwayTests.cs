using System.Collections.Concurrent;
using System.Net;
using ControlCenter.TestSupport;

namespace ControlCenter.E2E;

[Takes(seconds: 40)]
public sealed class DatabaseAwayTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_killed_database_is_a_503_until_it_is_back_by_itself_and_every_event_answered_201_is_there_once()
    {
        await using var host = new HostProcess();
        await host.StartAsync(Stop);
        await using var posters = new Posters(host, "away.test");
        posters.Start(callers: 8);
        for (var kill = 0; kill < 2; kill++)
        {
            var taken = posters.Taken.Count;
            await Patience.UntilAsync(() => posters.Taken.Count > taken + 200, Stop);
            var refused = posters.Refusals.Count;
            await host.KillPostgresAsync(Stop);
            await Patience.UntilAsync(() => posters.Refusals.Count > refused, Stop);
            taken = posters.Taken.Count;
            await Patience.UntilAsync(() => posters.Taken.Count > taken + 200, Stop);
        }

        await posters.StopAsync();
        posters.Refusals.ShouldAllBe(r => IsSayingComeBack(r));
        host.IsRunning.ShouldBeTrue(host.Output);
        await posters.ShouldAllBeKeptOnceAsync(Stop);
        using var http = new HttpClient { BaseAddress = host.Address };
        await Patience.UntilAsync(async () => (await http.GetAsync("/health/ready", Stop)).StatusCode == HttpStatusCode.OK, Stop);
    }

    [Fact]
    public async Task Every_door_says_the_same_while_the_database_is_away()
    {
        await using var host = new HostProcess();
        await host.StartAsync(Stop);
        using var bus = host.Founder;
        var ticket = (await bus.PostAsync("tickets", new { title = "While it is away" }, Stop))["key"];
        var agent = (await bus.PostAsync("agents", new { name = "unlucky", kind = "test" }, Stop))["agent_id"];
        Func<Task<BusAnswer>>[] doors =
        [
            () => bus.GetAsync("tickets", Stop),
            () => bus.GetAsync($"tickets/{ticket}", Stop),
            () => bus.GetAsync("events", Stop),
            () => bus.GetAsync("escalations?state=waiting", Stop),
            () => bus.PostAsync("tickets", new { title = "Another" }, Stop),
            () => bus.PostAsync($"tickets/{ticket}/tasks", new { title = "A task" }, Stop),
            () => bus.PostAsync("tasks/claim", new { agent_id = agent }, Stop),
            () => bus.PostAsync($"agents/{agent}/heartbeat", new { state = "idle" }, Stop),
            () => bus.PostAsync("escalations", new { kind = "question", title = "Anybody there?" }, Stop),
            () => bus.PostAsync("events", new { kind = "door.test" }, Stop),
        ];
        var refusals = new ConcurrentDictionary<int, BusAnswer>();
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var knocking = Task.WhenAll(doors.Select(async (door, number) =>
        {
            while (!enough.IsCancellationRequested)
            {
                if (await door() is { IsRefused: true } refusal)
                {
                    refusals[number] = refusal;
                    await Task.Delay(10, CancellationToken.None);
                }
            }
        }));

        // It is back within a second or so: a door that nobody happened to knock at in that time is tried with the next kill.
        for (var kills = 0; refusals.Count < doors.Length; kills++)
        {
            kills.ShouldBeLessThan(10, $"Only the doors {string.Join(", ", refusals.Keys.Order())} have refused anybody.");
            var killed = await host.KillPostgresAsync(Stop);
            await Patience.UntilAsync(() => host.HasAnotherPostgresAsync(killed, Stop), Stop);
            await Patience.UntilAsync(async () => !(await bus.GetAsync("tickets", Stop)).IsRefused, Stop);
        }

        await enough.CancelAsync();
        await knocking;
        refusals.Values.ShouldAllBe(r => IsSayingComeBack(r));
    }

    private static bool IsSayingComeBack(BusAnswer answer) =>
        answer is { Status: HttpStatusCode.ServiceUnavailable, Code: "database_unavailable", ContentType: "application/problem+json" }
        && answer.Headers.RetryAfter?.Delta > TimeSpan.Zero;
}
