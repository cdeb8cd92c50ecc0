using ControlCenter.Runtime.Storage.Invariants;
using ControlCenter.TestSupport;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Storage;

public sealed class InvariantTests
{
    private const string Founder = "00000000-0000-7000-8000-000000000002";
    private const string Agent = "00000000-0000-7000-8000-0000000000a1";
    private const string Task1 = "00000000-0000-7000-8000-000000000071";
    private const string Task2 = "00000000-0000-7000-8000-000000000072";
    private const string Lease = "00000000-0000-7000-8000-0000000000e1";
    private const string Budget = "00000000-0000-7000-8000-0000000000b1";

    // A task that is held, one that waits for it, a budget that has been charged, a job under way.
    private const string World =
        $"""
        insert into actors (id, name, role) values ('{Agent}', 'agent', 'agent_runtime');
        insert into agents (id, name, kind, capabilities, liveness, paused) values ('{Agent}', 'agent', 'test', array[]::text[], 'unknown', false);
        insert into tickets (id, title, priority, state, created_by) values (gen_random_uuid(), 'a ticket', 2, 'in_progress', '{Founder}');
        insert into capability_sets (capabilities) values (array[]::text[]) on conflict do nothing;
        insert into tasks (id, ticket_id, title, capability_set_id, priority, state, max_attempts, lease_seconds, fencing_token, lease_id, agent_id, created_by)
        select '{Task1}', t.id, 'held', s.id, 2, 'leased', 3, 60, 1, '{Lease}', '{Agent}', '{Founder}' from tickets t, capability_sets s where s.capabilities = array[]::text[];
        insert into tasks (id, ticket_id, title, capability_set_id, priority, state, max_attempts, lease_seconds, created_by)
        select '{Task2}', t.id, 'blocked', s.id, 2, 'blocked', 3, 60, '{Founder}' from tickets t, capability_sets s where s.capabilities = array[]::text[];
        insert into leases (id, task_id, agent_id, attempt, fencing_token, granted_at, expires_at) values ('{Lease}', '{Task1}', '{Agent}', 1, 1, now(), now() + interval '1 h');
        insert into task_dependencies (task_id, depends_on_id) values ('{Task2}', '{Task1}');
        insert into events (seq, at, actor_id, kind, subject_type, subject_id, task_id, data)
        select nextval('events_seq'), now(), '{Founder}', kind, 'task', '{Task1}', '{Task1}', jsonb_build_object() from unnest(array['task.created', 'task.claimed', 'task.progress']) kind;
        insert into budgets (id, scope, scope_id, period, hard_limit, currency, created_by, created_at) values ('{Budget}', 'global', '', 'day', 10, 'USD', '{Founder}', now() - interval '2 days');
        insert into cost_event_ids (event_id, at) values ('{Task1}', now());
        insert into cost_events (event_id, at, actor_id, environment, estimated_cost, currency, knowledge) values ('{Task1}', now(), '{Founder}', 'TST', 0.25, 'USD', 'estimated');
        select budget_charge(array[now()], array['global'], array[''], array[0.25], array['USD'], array[false]);
        insert into jobs (name, cron, time_zone, missed_runs, updated_by) values ('a-job', '0 3 * * *', 'UTC', 'skip', '{Founder}');
        insert into job_runs (id, job, root_id, attempt, slot, trigger, state, due_at, started_at, fencing_token)
        values ('{Lease}', 'a-job', '{Lease}', 1, now(), 'manual', 'running', now(), now(), 7);
        insert into job_leases (job, run_id, slot, holder_id, holder_name, fencing_token, expires_at) values ('a-job', '{Lease}', now(), '{Agent}', 'host', 7, now() + interval '1 min');
        insert into escalations (id, kind, title, requested_by, options, state, expires_at) values ('{Task1}', 'question', 'which', '{Agent}', array[]::text[], 'answered', now());
        insert into decisions (id, escalation_id, verdict, decided_by) values ('{Task1}', '{Task1}', 'answered', '{Founder}');
        """;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_database_that_was_written_by_the_rules_passes_all()
    {
        await using var connection = await OpenAsync();
        (await CheckInvariants.ExecuteAsync(connection, Stop)).ShouldAllBe(v => v.Passed);
        await ExecuteAsync(connection, World);
        var verdicts = await CheckInvariants.ExecuteAsync(connection, Stop);
        verdicts.Where(v => !v.Passed).ShouldBeEmpty();
        verdicts.Select(v => v.Name).ShouldBe(CheckInvariants.All.Select(i => i.Name));
        verdicts.Select(v => v.Name).ShouldBeUnique();
        verdicts.ShouldAllBe(v => v.Sentence.EndsWith('.'));
    }

    [Theory]
    [InlineData("held-tasks-have-their-lease", $"update leases set ended_at = now(), end_reason = 'expired' where id = '{Lease}'")]
    [InlineData("held-tasks-have-their-lease", $"update tasks set fencing_token = 2 where id = '{Task1}'")]
    [InlineData("fencing-tokens-only-grow", $"update tasks set fencing_token = 0 where id = '{Task1}'")]
    [InlineData("tasks-complete-once", $"update leases set ended_at = now(), end_reason = 'completed' where id = '{Lease}'")]
    [InlineData("tasks-agree-with-their-events", $"update tasks set state = 'cancelled', lease_id = null, ended_at = now() where id = '{Task1}'")]
    [InlineData("blocked-tasks-wait-for-something", $"delete from task_dependencies where task_id = '{Task2}'")]
    [InlineData("blocked-tasks-wait-for-something", $"update tasks set state = 'ready' where id = '{Task2}'")]
    [InlineData("checkpoints-are-there", $"update tasks set checkpoint_id = '{Lease}' where id = '{Task1}'")]
    [InlineData("escalations-agree-with-their-decisions", $"update escalations set state = 'waiting' where id = '{Task1}'")]
    [InlineData("event-places-are-unique", "insert into events select seq, at - interval '1 s', actor_id, kind, subject_type, subject_id, ticket_id, task_id, data from events limit 1")]
    [InlineData("event-places-lie-ahead", "select setval('events_seq', 1)")]
    [InlineData("readers-are-in-the-log", "insert into log_positions values ('somebody', 1000)")]
    [InlineData("records-are-append-only", "alter table decisions disable trigger all")]
    [InlineData("references-are-checked", "alter table tasks add constraint nobody_looked check (priority < 4) not valid")]
    [InlineData("indexes-are-whole", "update pg_index set indisvalid = false where indexrelid = 'tasks_pkey'::regclass")]
    [InlineData("costs-are-there-once", "insert into cost_event_ids values (gen_random_uuid(), now())")]
    [InlineData("budgets-agree-with-their-buckets", "update budget_spending set spent = spent + 1")]
    [InlineData("budgets-agree-with-their-costs", "update budget_periods set spent = spent + 1")]
    [InlineData("reservations-agree-with-budgets", "update budget_periods set reserved = 1")]
    [InlineData("runs-have-their-lease", "update job_leases set fencing_token = 8")]
    [InlineData("runs-have-their-lease", "update job_runs set state = 'succeeded', ended_at = now()")]
    [InlineData("backups-that-succeeded-are-somewhere", $"insert into backups (id, kind, state, requested_by) values (gen_random_uuid(), 'base', 'succeeded', '{Founder}')")]
    public async Task What_breaks_a_rule_is_named_with_what_it_is_about(string invariant, string damage)
    {
        await using var connection = await OpenAsync();
        await ExecuteAsync(connection, World);
        await ExecuteAsync(connection, damage);
        var verdict = (await CheckInvariants.ExecuteAsync(connection, Stop)).Single(v => v.Name == invariant);
        verdict.Passed.ShouldBeFalse();
        verdict.Detail.ShouldMatch("^[0-9]+ exceptions?: .+");
    }

    private static async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(await TestCluster.CreateDatabaseAsync(Stop));
        await connection.OpenAsync(Stop);
        return connection;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Stop);
    }
}
