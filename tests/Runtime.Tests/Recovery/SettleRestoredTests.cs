using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Storage.Invariants;
using ControlCenter.Runtime.Tests.Jobs;
using ControlCenter.TestSupport;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>What follows from going back in time. A database that was never away stands for a restored one: to it they are the same.</summary>
public sealed class SettleRestoredTests : IAsyncLifetime
{
    private const string Founder = "00000000-0000-7000-8000-000000000002";
    private const string Agent = "00000000-0000-7000-8000-0000000000a1";
    private const string Held = "00000000-0000-7000-8000-000000000071";
    private const string Last = "00000000-0000-7000-8000-000000000072";
    private const string Done = "00000000-0000-7000-8000-000000000073";

    private const string World =
        $"""
        insert into actors (id, name, role) values ('{Agent}', 'agent', 'agent_runtime');
        insert into agents (id, name, kind, capabilities, liveness, paused) values ('{Agent}', 'agent', 'test', array[]::text[], 'live', false);
        insert into tickets (id, title, priority, state, created_by) values (gen_random_uuid(), 'a ticket', 2, 'in_progress', '{Founder}');
        insert into capability_sets (capabilities) values (array[]::text[]) on conflict do nothing;
        insert into tasks (id, ticket_id, title, capability_set_id, priority, state, attempt, max_attempts, lease_seconds, fencing_token, lease_id, agent_id, checkpoint_id, created_by, ended_at)
        select v.id, t.id, 'a task', s.id, 2, v.state, v.attempt, 3, 3600, 7, v.lease, '{Agent}', v.checkpoint, '{Founder}', case when v.state = 'completed' then now() end
        from tickets t, capability_sets s, (values ('{Held}'::uuid, 'running', 1, '{Held}'::uuid, '{Agent}'::uuid), ('{Last}', 'leased', 3, '{Last}', null), ('{Done}', 'completed', 1, null, null)) v (id, state, attempt, lease, checkpoint)
        where s.capabilities = array[]::text[];
        insert into leases (id, task_id, agent_id, attempt, fencing_token, granted_at, expires_at)
        select id, id, agent_id, attempt, 7, now(), now() + interval '1 h' from tasks where lease_id is not null;
        insert into checkpoints (id, task_id, lease_id, attempt, state, size_bytes) values ('{Agent}', '{Held}', '{Held}', 1, '1', 1);
        insert into events (seq, at, actor_id, kind, subject_type, subject_id, task_id, data)
        select nextval('events_seq'), now(), '{Founder}', e.kind, 'task', e.task::text, e.task, jsonb_build_object()
        from (values ('task.claimed', '{Held}'::uuid), ('task.claimed', '{Last}'), ('task.completed', '{Done}')) e (kind, task);
        insert into leaderships (name, epoch, holder_id, holder_name, surface, since, expires_at) values ('primary', 5, '{Agent}', 'host', 'host', now(), now() + interval '1 min');
        insert into jobs (name, cron, time_zone, missed_runs, updated_by) values ('a-job', '0 3 * * *', 'UTC', 'skip', '{Founder}');
        insert into job_runs (id, job, root_id, attempt, slot, trigger, state, due_at, started_at, fencing_token) values ('{Held}', 'a-job', '{Held}', 1, now(), 'manual', 'running', now(), now(), 7);
        insert into job_leases (job, run_id, slot, holder_id, holder_name, fencing_token, expires_at) values ('a-job', '{Held}', now(), '{Agent}', 'host', 7, now() + interval '1 min');
        insert into backups (id, kind, state, requested_by) values ('{Held}', 'base', 'running', '{Founder}');
        insert into restores (id, target, state, requested_by) values ('{Held}', now(), 'running', '{Founder}');
        insert into sign_in_links (hash, actor_id, expires_at) values (decode(repeat('00', 32), 'hex'), '{Founder}', now() + interval '1 h');
        insert into actors (id, name, role) values ('{Last}', 'one', 'host_runner'), ('{Done}', 'two', 'host_runner');
        insert into hosts (id, name, state, last_report_at) values ('{Last}', 'one', 'online', now()), ('{Done}', 'two', 'draining', now());
        """;

    private string _connectionString = "";
    private NpgsqlDataSource _database = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _connectionString = await TestCluster.CreateDatabaseAsync(Stop);
        _database = NpgsqlDataSource.Create(_connectionString);
        await using var command = _database.CreateCommand(World);
        await command.ExecuteNonQueryAsync(Stop);
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task A_held_task_is_ready_for_its_next_attempt_with_its_checkpoint_and_one_on_its_last_has_failed()
    {
        await SettleAsync();
        (await TextAsync("select state || ' ' || attempt || ' ' || (checkpoint_id = '{0}') from tasks where id = '{1}'", Agent, Held)).ShouldBe("ready 2 true");
        (await TextAsync("select state || ' ' || attempt from tasks where id = '{0}'", Last)).ShouldBe("failed 3");
        (await TextAsync("select string_agg(distinct end_reason, ',') from leases")).ShouldBe("expired");
        (await TextAsync("select count(*)::text from events where kind = 'lease.expired'")).ShouldBe("2");
    }

    [Fact]
    public async Task No_token_and_no_epoch_is_given_out_that_the_lost_time_may_have_given_out()
    {
        // An hour was lost; nothing gives out a hundred thousand a second.
        await SettleAsync(TimeSpan.FromHours(1));
        const long Most = 3_600 * 100_000;
        (await _database.ScalarAsync<long>($"select fencing_token from tasks where id = '{Held}'", Stop)).ShouldBeGreaterThan(7 + Most);
        (await _database.ScalarAsync<long>("select epoch from leaderships", Stop)).ShouldBeGreaterThan(5 + Most);
        (await _database.ScalarAsync<long>("select fencing_token from job_leases", Stop)).ShouldBeGreaterThan(7 + Most);
        (await _database.ScalarAsync<long>("select last_value from events_seq", Stop)).ShouldBeGreaterThan(Most);
        (await _database.ScalarAsync<long>("select nextval(pg_get_serial_sequence('tickets', 'number'))", Stop)).ShouldBeGreaterThan(3_600 * 10);
        (await _database.ScalarAsync<long>("select nextval(pg_get_serial_sequence('tasks', 'ordinal'))", Stop)).ShouldBeGreaterThan(Most);
        (await _database.ScalarAsync<long>($"select fencing_token from tasks where id = '{Done}'", Stop)).ShouldBe(7, "nobody claims it again");
    }

    [Fact]
    public async Task A_reader_that_was_in_the_lost_time_is_told_to_start_again_after_the_last_event_that_both_have()
    {
        var before = await _database.ScalarAsync<long>("select max(seq) from events", Stop);
        await SettleAsync();
        var log = new EventReader(_database);
        var head = await _database.ScalarAsync<long>("select max(seq) from events", Stop);
        (await log.ResetAsync(before, head, Stop)).ShouldBeNull("it has missed nothing");
        (await log.ResetAsync(before - 1, head, Stop)).ShouldBeNull();
        foreach (var lost in new[] { before + 1, before + 5_000, before + 1_000_000 })
        {
            (await log.ResetAsync(lost, head, Stop)).ShouldNotBeNull().ResumesAfter.ShouldBe(before);
        }

        (await log.ResetAsync(head, head, Stop)).ShouldBeNull("it is in the time that is");
        (await log.ReadAfterAsync(before, head, new EventFilter("backup."), 10, Stop)).ShouldHaveSingleItem().Kind.ShouldBe("backup.restored");
        (await _database.ScalarAsync<long>("select min(seq) from events where seq > " + before, Stop)).ShouldBeGreaterThan(before + 1_000_000);
    }

    [Fact]
    public async Task Nobody_leads_no_host_has_a_job_and_no_link_signs_in()
    {
        await SettleAsync();
        (await TextAsync("select count(*)::text from leaderships where holder_id is not null or expires_at > now()")).ShouldBe("0");
        (await TextAsync("select count(*)::text from job_leases where expires_at > clock_timestamp()")).ShouldBe("0");
        (await TextAsync("select state from restores")).ShouldBe("failed");
        (await TextAsync("select state from backups")).ShouldBe("failed");
        (await TextAsync("select count(*)::text from sign_in_links where used_at is null")).ShouldBe("0");
        (await TextAsync("select string_agg(state, ',' order by name) from hosts")).ShouldBe("lost,draining");
    }

    [Fact]
    public async Task What_was_under_way_of_a_job_is_taken_over_by_the_next_host()
    {
        await SettleAsync();
        var job = new TestJob((_, _) => Task.CompletedTask) { JobName = "a-job" };
        await using var host = await JobHost.StartAsync(_connectionString, job, Stop);
        await host.RunAllAsync(Stop);
        (await TextAsync("select string_agg(state || ' ' || was_lost, ',' order by attempt) from job_runs where job = 'a-job'")).ShouldBe("failed true,succeeded false");
        job.Runs.ShouldHaveSingleItem().FencingToken.ShouldBeGreaterThan(1_000_000);
    }

    [Fact]
    public async Task What_was_done_is_one_event_and_the_database_does_not_contradict_itself()
    {
        var done = await SettleAsync();
        done.ShouldContain(line => line.StartsWith("2 leases of tasks ended", StringComparison.Ordinal));
        (await TextAsync("select data->>'from' || ' ' || jsonb_array_length(data->'done') from events where kind = 'backup.restored'")).ShouldBe($"the-base {done.Count}");
        await using var connection = await _database.OpenConnectionAsync(Stop);
        (await CheckInvariants.ExecuteAsync(connection, Stop)).Where(v => !v.Passed).ShouldBeEmpty();
    }

    private Task<IReadOnlyList<string>> SettleAsync(TimeSpan? lost = null)
    {
        var to = TimeProvider.System.GetUtcNow() - (lost ?? TimeSpan.Zero);
        var plan = new RestorePlan(new MarkedSnapshot("the-base", SnapshotKind.Base, Guid.NewGuid(), "system", to), [], to, null, default, 1);
        return SettleRestored.ExecuteAsync(_connectionString, plan, NullLoggerFactory.Instance, TimeProvider.System, Stop);
    }

    private Task<string> TextAsync(string sql, params object[] values) =>
        _database.ScalarAsync<string>(string.Format(System.Globalization.CultureInfo.InvariantCulture, sql, values), Stop);
}
