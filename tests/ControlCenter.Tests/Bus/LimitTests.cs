using System.Net;

namespace ControlCenter.Tests.Bus;

public sealed class LimitTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task An_agent_that_asks_too_often_is_warned_about_and_then_turned_away()
    {
        var agent = await AgentAsync();
        var answers = new List<TestSupport.BusAnswer>();
        for (var i = 0; i < 205; i++)
        {
            answers.Add(await agent.Bus.GetAsync("admission", Stop));
        }

        answers.Take(200).ShouldAllBe(a => a.Status == HttpStatusCode.OK);
        answers[204].Code.ShouldBe("rate_limited");
        answers[204].Headers.RetryAfter!.Delta!.Value.TotalSeconds.ShouldBeInRange(1, 60);
        await Work.LeaseTests.Eventually(async () =>
            await Host.SqlAsync<long>($"select count(*) from events where actor_id = '{agent.Id}' and kind in ('bus.rate_limit_warning', 'bus.rate_limited')", Stop) == 2);
    }

    [Fact]
    public async Task Fifty_events_a_minute_are_taken_from_an_agent_and_the_excess_is_refused_as_a_whole()
    {
        var agent = await AgentAsync();
        var batch = Enumerable.Range(0, 30).Select(i => new { kind = "limit.test", data = new { i } }).ToArray();
        (await agent.Bus.PostAsync("events", batch, Stop)).Status.ShouldBe(HttpStatusCode.Created);
        (await agent.Bus.PostAsync("events", batch, Stop)).Status.ShouldBe(HttpStatusCode.TooManyRequests);
        (await agent.Bus.PostAsync("events", batch[..20], Stop)).Status.ShouldBe(HttpStatusCode.Created);
        (await Host.SqlAsync<long>($"select count(*) from events where actor_id = '{agent.Id}' and kind = 'limit.test'", Stop)).ShouldBe(50);
    }

    [Fact]
    public async Task The_founder_and_services_are_not_limited()
    {
        for (var i = 0; i < 250; i++)
        {
            (await Founder.GetAsync("admission", Stop)).Status.ShouldBe(HttpStatusCode.OK);
        }
    }
}
