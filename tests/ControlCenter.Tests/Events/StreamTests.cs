using System.Net;
using ControlCenter.TestSupport;

namespace ControlCenter.Tests.Events;

public sealed class StreamTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task Nothing_is_missing_twice_or_out_of_order_while_many_write_at_once()
    {
        const int Writers = 16, Each = 60;
        using var stream = await Founder.StreamAsync("?channel=all", Stop);
        var ticket = await TicketAsync();
        var writing = Task.WhenAll(Enumerable.Range(0, Writers).Select(async w =>
        {
            for (var i = 0; i < Each; i++)
            {
                // Two kinds of transactions, so that places are taken and committed in different orders.
                await Founder.PostAsync("events", new { kind = "storm", data = new { w, i } }, Stop);
                await Founder.PostAsync("escalations", new { kind = "question", title = $"{w}/{i}" }, Stop);
            }
        }));

        var seen = new List<StreamMessage>();
        while (seen.Count(m => m.Data!["kind"]!.ToString() == "storm") < Writers * Each || seen.Count(m => m.Data!["kind"]!.ToString() == "escalation.opened") < Writers * Each)
        {
            seen.Add((await stream.NextAsync(Stop)).ShouldNotBeNull());
        }

        await writing;
        var ids = seen.ConvertAll(m => m.Id!.Value);
        ids.ShouldBe(ids.Distinct().Order());
        var kept = await Host.SqlAsync<long[]>($"select array_agg(seq order by seq) from events where seq between {ids[0]} and {ids[^1]}", Stop);
        ids.ShouldBe(kept);
        _ = ticket;
    }

    [Fact]
    public async Task A_reader_resumes_after_the_last_message_it_had()
    {
        var first = await Founder.PostAsync("events", Enumerable.Range(0, 20).Select(i => new { kind = "resume.test", data = new { i } }).ToArray(), Stop);
        var middle = (long)first.Body!["first_seq"]! + 9;
        using var stream = await Founder.StreamAsync("", Stop, lastEventId: middle);
        (await stream.NextAsync(Stop)).ShouldNotBeNull().Id.ShouldBe(middle + 1);
        using var asked = await Founder.StreamAsync($"?after={middle}", Stop);
        (await asked.NextAsync(Stop)).ShouldNotBeNull().Id.ShouldBe(middle + 1);
    }

    [Fact]
    public async Task A_second_stream_of_an_agent_replaces_the_first()
    {
        var agent = await AgentAsync();
        using var old = await agent.Bus.StreamAsync("?channel=agent", Stop);
        using var fresh = await agent.Bus.StreamAsync("?channel=agent", Stop);
        var last = (await old.NextAsync(Stop)).ShouldNotBeNull();
        last.Event.ShouldBe("replaced");
        last.Id.ShouldBeNull();
        (await old.NextAsync(Stop)).ShouldBeNull();

        await Founder.PostAsync($"agents/{agent.Id}/interventions", new { kind = "message", text = "hello" }, Stop);
        (await fresh.NextAsync(Stop)).ShouldNotBeNull().Data!["data"]!["text"]!.ToString().ShouldBe("hello");
    }

    [Fact]
    public async Task An_agents_own_channel_carries_only_what_is_for_it()
    {
        var (mine, other) = (await AgentAsync("own"), await AgentAsync("own"));
        using var stream = await mine.Bus.StreamAsync("?channel=agent", Stop);
        await Founder.PostAsync($"agents/{other.Id}/interventions", new { kind = "message", text = "not yours" }, Stop);
        await TaskAsync(await TicketAsync(), capability: "own");
        var held = (await mine.ClaimAsync(Stop)).ShouldNotBeNull();
        await ExpireAsync(held);
        var heard = (await stream.NextAsync(Stop)).ShouldNotBeNull();
        heard.Data!["kind"]!.ToString().ShouldBe("lease.expired");
        heard.Data["data"]!["lease_id"]!.ToString().ShouldBe(held.LeaseId);
    }

    [Fact]
    public async Task A_position_that_is_no_longer_kept_is_told_of_and_never_skipped_in_silence()
    {
        await using var host = await RunningHost.StartAsync(Stop);
        await host.Client().PostAsync("events", new { kind = "old" }, Stop);
        var head = await host.SqlAsync<long>("with p as (update event_log_state set pruned_through = (select max(seq) from events) returning pruned_through) select pruned_through from p", Stop);
        using var stream = await host.Client().StreamAsync("?after=0", Stop);
        var reset = (await stream.NextAsync(Stop)).ShouldNotBeNull();
        reset.Event.ShouldBe("reset");
        reset.Id.ShouldBeNull();
        ((long)reset.Data!["resumes_after"]!).ShouldBe(head);
    }

    [Fact]
    public async Task A_stopping_host_says_goodbye_with_a_hint_when_to_come_back()
    {
        var host = await RunningHost.StartAsync(Stop);
        using var stream = await host.Client().StreamAsync("", Stop);
        var stopping = host.DisposeAsync();
        (await stream.NextAsync(m => m.Event is not null, Stop)).Event.ShouldBe("shutdown");
        await stopping;
    }

    [Fact]
    public async Task Posted_events_are_all_there_or_none_and_are_found_by_kind_and_subject()
    {
        var bad = Enumerable.Range(0, 10).Select(i => new { kind = i == 9 ? "NOT VALID" : "atomic.test" }).ToArray();
        (await Founder.PostAsync("events", bad, Stop)).Status.ShouldBe(HttpStatusCode.BadRequest);
        (await Host.SqlAsync<long>("select count(*) from events where kind = 'atomic.test'", Stop)).ShouldBe(0);

        var posted = await Founder.PostAsync("events", new[] { new { kind = "found.here", subject = "thing:one" }, new { kind = "found.there", subject = "thing:two" } }, Stop);
        await Work.LeaseTests.Eventually(async () => (await Founder.GetAsync("events?kind=found.", Stop)).Body!["items"]!.AsArray().Count == 2);
        var one = (await Founder.GetAsync($"events?subject=thing:one&after={(long)posted.Body!["first_seq"]! - 1}", Stop)).Body!["items"]!.AsArray();
        one.Count.ShouldBe(1);
        one[0]!["subject"]!.ToString().ShouldBe("thing:one");
    }

    [Fact]
    public async Task Two_hosts_on_one_database_hear_each_other()
    {
        await using var other = await RunningHost.StartAsync(Stop, Host.ConnectionString);
        using var stream = await other.Client().StreamAsync("?channel=work", Stop);
        var key = await TicketAsync();
        (await stream.NextAsync(m => m.Data?["kind"]?.ToString() == "ticket.created", Stop)).Data!["data"]!["key"]!.ToString().ShouldBe(key);
    }
}
