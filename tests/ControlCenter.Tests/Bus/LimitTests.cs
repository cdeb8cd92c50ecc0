using System.Net;

namespace ControlCenter.Tests.Bus;

public sealed class LimitTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task An_agent_that_asks_too_often_is_warned_about_and_then_turned_away()
    {
        var agent = await AgentAsync();
        // Together: one after another they would last longer on a slow machine than a burst may.
        (await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => agent.Bus.GetAsync("admission", Stop)))).ShouldAllBe(a => a.Status == HttpStatusCode.OK);
        var refused = await agent.Bus.GetAsync("admission", Stop);
        refused.Code.ShouldBe("rate_limited");
        refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds.ShouldBeInRange(1, 60);
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

    [Fact]
    public async Task Every_answer_to_a_limited_caller_says_how_much_it_has_left()
    {
        var agent = await AgentAsync();
        var first = await agent.Bus.GetAsync("admission", Stop);
        Told(first, "RateLimit-Limit").ShouldBe("200");
        Told(first, "RateLimit-Remaining").ShouldBe("199");
        int.Parse(Told(first, "RateLimit-Reset")).ShouldBeInRange(59, 60);
        Told(first, "RateLimit-Policy").ShouldBe("100;w=60, 200;w=60;comment=\"for 30 s\"");

        var notFound = await agent.Bus.GetAsync("tickets/T-999999", Stop);
        notFound.Status.ShouldBe(HttpStatusCode.NotFound);
        Told(notFound, "RateLimit-Remaining").ShouldBe("198");
        Told(notFound, "X-Content-Type-Options").ShouldBe("nosniff");
    }

    [Fact]
    public async Task Posting_events_tells_of_the_limit_on_events_also_when_it_refuses()
    {
        var agent = await AgentAsync();
        var taken = await agent.Bus.PostAsync("events", Enumerable.Repeat(new { kind = "limit.test" }, 50), Stop);
        Told(taken, "RateLimit-Limit").ShouldBe("50");
        Told(taken, "RateLimit-Remaining").ShouldBe("0");
        Told(taken, "RateLimit-Policy").ShouldBe("50;w=60");

        var refused = await agent.Bus.PostAsync("events", new { kind = "limit.test" }, Stop);
        refused.Status.ShouldBe(HttpStatusCode.TooManyRequests);
        Told(refused, "RateLimit-Remaining").ShouldBe("0");
        int.Parse(Told(refused, "RateLimit-Reset")).ShouldBe((int)refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds);
    }

    [Fact]
    public async Task Who_is_not_limited_is_told_of_no_limit() =>
        (await Founder.GetAsync("admission", Stop)).Headers.Contains("RateLimit-Limit").ShouldBeFalse();

    [Fact]
    public async Task A_batch_that_could_never_pass_is_told_so_in_its_429_and_is_counted_and_told_of()
    {
        var agent = await AgentAsync();
        var refused = await agent.Bus.PostAsync("events", Enumerable.Repeat(new { kind = "limit.test" }, 51), Stop);
        refused.Status.ShouldBe(HttpStatusCode.TooManyRequests);
        refused.Code.ShouldBe("rate_limited");
        refused["detail"].ShouldContain("can never pass as it is. Post it in parts of at the most 50");

        (await agent.Bus.PostAsync("events", Enumerable.Repeat(new { kind = "limit.test" }, 50), Stop)).Status.ShouldBe(HttpStatusCode.Created, "it used nothing up");
        await Work.LeaseTests.Eventually(async () =>
            await Host.SqlAsync<long>($"select count(*) from events where actor_id = '{agent.Id}' and kind = 'bus.rate_limited'", Stop) == 1);
    }

    [Fact]
    public async Task No_events_at_all_is_a_request_that_is_not_as_it_must_be() =>
        (await (await AgentAsync()).Bus.PostAsync("events", Array.Empty<object>(), Stop)).Code.ShouldBe("validation_failed");

    private static string Told(TestSupport.BusAnswer answer, string header) => answer.Headers.GetValues(header).Single();
}
