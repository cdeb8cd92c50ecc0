using System.Net;
using System.Text.Json.Nodes;

namespace ControlCenter.Tests.Jobs;

/// <remarks>One test of it all in order: each of them trims the whole database.</remarks>
public sealed class TrimHistoryTests(HostFixture fixture) : JobBusTests(fixture)
{
    [Fact]
    public async Task History_goes_by_its_policy_after_a_dry_run_and_what_is_needed_stays()
    {
        var agent = await AgentAsync("any");
        var ticket = await TicketAsync();
        await TaskAsync(ticket);
        var over = (await agent.ClaimAsync(Stop))!;
        await agent.WriteAsync(over, "checkpoint", Stop, new { state = new { step = 1 } });
        (await agent.WriteAsync(over, "complete", Stop, new { result = new { } })).IsRefused.ShouldBeFalse();
        await TaskAsync(ticket);
        var held = (await agent.ClaimAsync(Stop))!;
        await agent.WriteAsync(held, "checkpoint", Stop, new { state = new { step = 1 } });
        await AgeAsync(over, held, agent.Id);

        // A dry run says what would go, and nothing does.
        var dry = await RunAsync("trim-history", new { dry_run = true });
        dry["run"]!["progress_words"]!.ToString().ShouldBe("0 removed, 4 would go");
        (await CountAsync("checkpoints")).ShouldBe(2);
        (await RetentionAsync("checkpoints"))["would_remove"]!.GetValue<long>().ShouldBe(1);
        (await RetentionAsync("checkpoints"))["old"]!.GetValue<long>().ShouldBe(1);

        // A policy that is changed is tried before it takes effect; the others take effect now.
        var changed = await PutAsync("retention/host-samples", new { days = 5 });
        changed.Status.ShouldBe(HttpStatusCode.OK, changed.Body?.ToJsonString());
        changed.Body!["tried_at"].ShouldBeNull();
        var real = await RunAsync("trim-history");
        real["run"]!["state"]!.ToString().ShouldBe("succeeded", real.ToJsonString());
        real["run"]!["progress_words"]!.ToString().ShouldBe("4 removed, 2 would go");

        (await CountAsync($"checkpoints where task_id = '{over.TaskId}'")).ShouldBe(0);
        (await CountAsync($"checkpoints where task_id = '{held.TaskId}'")).ShouldBe(1, "its task is not over");
        (await CountAsync("audit_entries where action = 'test.old'")).ShouldBe(0);
        (await CountAsync("audit_entries where action = 'test.recent'")).ShouldBe(1);
        (await CountAsync("interventions where text = 'old'")).ShouldBe(0);
        (await CountAsync("interventions where kind = 'stop'")).ShouldBe(1, "it is still in force");
        (await CountAsync("host_samples")).ShouldBe(2, "that policy was only tried");

        // The lease went with its checkpoint before it; one that is in force stays.
        (await CountAsync($"leases where id = '{over.LeaseId}'")).ShouldBe(0);
        (await CountAsync($"leases where id = '{held.LeaseId}'")).ShouldBe(1);

        // History of an incident stays, whatever the policies say, until it is released.
        var pin = await Founder.PostAsync("retention/pins", new { title = "the outage", from = DateTimeOffset.UtcNow.AddYears(-2), to = DateTimeOffset.UtcNow }, Stop);
        pin.Status.ShouldBe(HttpStatusCode.Created, pin.Body?.ToJsonString());
        (await RunAsync("trim-history"))["run"]!["progress_words"]!.ToString().ShouldBe("0 removed");
        (await CountAsync("host_samples")).ShouldBe(2, "they are of a time that is pinned");
        (await Founder.SendAsync(HttpMethod.Delete, $"retention/pins/{pin.Body!["pin_id"]}", null, null, Stop)).Status.ShouldBe(HttpStatusCode.NoContent);
        (await Founder.GetAsync("retention/pins", Stop)).Body!["items"]![0]!["released_at"].ShouldNotBeNull();

        (await RunAsync("trim-history"))["run"]!["progress_words"]!.ToString().ShouldBe("2 removed");
        (await CountAsync("host_samples")).ShouldBe(0);
        (await CountAsync("events where kind = 'runtime.history_removed'")).ShouldBe(5);
    }

    [Fact]
    public async Task A_policy_has_its_bounds_and_for_ever_is_one()
    {
        (await PutAsync("retention/audit", new { days = 30 })).Body!.ToJsonString().ShouldContain("from 91 to 3650");
        (await PutAsync("retention/no-such-class", new { days = 30 })).Status.ShouldBe(HttpStatusCode.NotFound);
        var kept = await PutAsync("retention/job-runs", new { days = (int?)null });
        kept.Body!["days"].ShouldBeNull();
        (await CountAsync("audit_entries where action = 'retention.set' and subject = 'retention:job-runs'")).ShouldBe(1);
    }

    [Fact]
    public async Task The_audit_is_append_only_for_everybody_else()
    {
        await Should.ThrowAsync<Npgsql.PostgresException>(() => Host.SqlAsync<object>("delete from audit_entries returning id", Stop));
        await Should.ThrowAsync<Npgsql.PostgresException>(() => Host.SqlAsync<object>("set cc.retention = 'on'; delete from audit_entries where at > now() - interval '90 days' returning id", Stop));
        await Should.ThrowAsync<Npgsql.PostgresException>(() => Host.SqlAsync<object>("set cc.retention = 'on'; update audit_entries set action = 'x' returning id", Stop));
    }

    private async Task<JsonNode> RetentionAsync(string name) =>
        (await Founder.GetAsync("retention", Stop)).Body!["items"]!.AsArray().First(i => i!["class"]!.ToString() == name)!;

    // A year goes by. The agent's stop is acknowledged after its last lease.
    private Task<long> AgeAsync(Held over, Held held, string agent) => Host.SqlAsync<long>(
        $"""
        update tasks set ended_at = now() - interval '1 year' where id = '{over.TaskId}';
        update leases set granted_at = now() - interval '1 year', ended_at = now() - interval '1 year' where id = '{over.LeaseId}';
        update leases set granted_at = now() - interval '1 year' where id = '{held.LeaseId}';
        update checkpoints set created_at = now() - interval '1 year';
        insert into audit_entries (id, actor_id, at, action, detail) values
            (gen_random_uuid(), '00000000-0000-7000-8000-000000000001', now() - interval '3 years', 'test.old', '{"{}"}'),
            (gen_random_uuid(), '00000000-0000-7000-8000-000000000001', now() - interval '1 year', 'test.recent', '{"{}"}');
        insert into interventions (id, agent_id, kind, text, requested_by, requested_at, acknowledged_at) values
            (gen_random_uuid(), '{agent}', 'message', 'old', '00000000-0000-7000-8000-000000000002', now() - interval '1 year', now() - interval '1 year'),
            (gen_random_uuid(), '{agent}', 'stop', null, '00000000-0000-7000-8000-000000000002', now() - interval '300 days', now() - interval '300 days');
        insert into actors (id, name, role) values ('00000000-0000-7000-8000-0000000000ff', 'a-host', 'host_runner');
        insert into hosts (id, name, state) values ('00000000-0000-7000-8000-0000000000ff', 'a-host', 'online');
        insert into host_samples (host_id, at, cpu_percent, memory_used_mb, disk_free_mb, runtimes) values
            ('00000000-0000-7000-8000-0000000000ff', now() - interval '1 year', 1, 1, 1, 0), ('00000000-0000-7000-8000-0000000000ff', now() - interval '10 days', 1, 1, 1, 0);
        select 1::bigint;
        """,
        Stop);
}
