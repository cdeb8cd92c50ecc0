using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Work;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ControlCenter.Tests.Work;

/// <summary>
/// The moves that are written in SQL for their speed, from every state that there is, against the one table that says
/// which are allowed: a line changed on either side alone fails here.
/// </summary>
public sealed class TransitionTableTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public Task A_claim_takes_a_task_from_just_the_states_that_the_table_lets_it() => EachMovesAsync(TaskTrigger.Claimed, async placed =>
    {
        foreach (var task in placed)
        {
            var claimed = (await task.Agent.ClaimAsync(Stop))?.TaskId;
            claimed.ShouldBe(IsAllowed(task.From, TaskTrigger.Claimed) ? task.Id : null, task.From.ToString());
        }
    });

    [Fact]
    public Task A_completion_ends_a_task_in_just_the_states_that_the_table_lets_it() => EachMovesAsync(TaskTrigger.Completed, async placed =>
    {
        foreach (var task in placed)
        {
            var answer = await task.Agent.WriteAsync(task.Lease, "complete", Stop);
            answer.IsRefused.ShouldBe(!IsAllowed(task.From, TaskTrigger.Completed), task.From.ToString());
        }
    });

    [Fact]
    public Task A_lease_that_runs_out_moves_a_task_as_the_table_says() => EachMovesAsync(TaskTrigger.LeaseExpired, ExpireAllAsync);

    [Fact]
    public Task A_last_lease_that_runs_out_moves_a_task_as_the_table_says() => EachMovesAsync(TaskTrigger.AttemptsExhausted, ExpireAllAsync, maxAttempts: 1);

    [Fact]
    public Task A_dependency_that_is_completed_moves_a_task_as_the_table_says() => EachMovesAsync(TaskTrigger.DependenciesMet, async placed =>
    {
        var agent = await AgentAsync("dependency");
        await TaskAsync(await TicketAsync(), capability: "dependency");
        var dependency = (await agent.ClaimAsync(Stop)).ShouldNotBeNull();
        foreach (var task in placed)
        {
            await DoAsync($"insert into task_dependencies (task_id, depends_on_id) values ('{task.Id}', '{dependency.TaskId}')");
        }

        (await agent.WriteAsync(dependency, "complete", Stop)).IsRefused.ShouldBeFalse();
    });

    [Fact]
    public async Task The_database_lets_a_task_have_a_lease_in_just_the_states_in_which_one_is_held()
    {
        foreach (var state in Enum.GetValues<TaskState>())
        {
            var task = await PlaceAsync(state, maxAttempts: 3);
            var other = TaskTransitions.HoldsLease(state) ? "null" : $"'{task.Lease.LeaseId}'";
            (await Should.ThrowAsync<PostgresException>(() => DoAsync($"update tasks set lease_id = {other} where id = '{task.Id}'"), state.ToString()))
                .ConstraintName.ShouldBe("tasks_lease_check");
        }
    }

    private static bool IsAllowed(TaskState from, TaskTrigger trigger) => TaskTransitions.Table.ContainsKey((from, trigger));

    /// <summary>Puts a task into each state, lets the same happen to all, and compares where they end with what the table says.</summary>
    private async Task EachMovesAsync(TaskTrigger trigger, Func<IReadOnlyList<Placed>, Task> happens, int maxAttempts = 3)
    {
        var placed = new List<Placed>();
        foreach (var from in Enum.GetValues<TaskState>())
        {
            placed.Add(await PlaceAsync(from, maxAttempts));
        }

        await happens(placed);
        foreach (var task in placed)
        {
            var expected = TaskTransitions.Table.GetValueOrDefault((task.From, trigger), task.From);
            (await Founder.GetAsync($"tasks/{task.Id}", Stop))["state"].ShouldBe(expected.Wire(), $"{task.From} when {trigger}");
        }
    }

    /// <summary>A task in a state, with an agent that alone can take it and a lease of that agent: in force where the state holds one, ended where it does not.</summary>
    private async Task<Placed> PlaceAsync(TaskState state, int maxAttempts)
    {
        var capability = $"place-{Guid.NewGuid():N}";
        var agent = await AgentAsync(capability);
        var task = await TaskAsync(await TicketAsync(), new { max_attempts = maxAttempts }, capability);
        var lease = (await agent.ClaimAsync(Stop)).ShouldNotBeNull();
        if (!TaskTransitions.HoldsLease(state))
        {
            (await agent.WriteAsync(lease, "release", Stop)).IsRefused.ShouldBeFalse();
        }

        await DoAsync($"update tasks set state = '{state.Wire()}' where id = '{task}'");
        return new Placed(state, task, agent, lease);
    }

    private async Task ExpireAllAsync(IReadOnlyList<Placed> placed)
    {
        await DoAsync($"update leases set expires_at = clock_timestamp() - interval '1 ms' where id in ({string.Join(", ", placed.Select(p => $"'{p.Lease.LeaseId}'"))})");

        // Two cycles: the one under way may have looked before.
        var sweeper = Host.Services.GetRequiredService<ExpireLeases>();
        await sweeper.NextCycleAsync().WaitAsync(Stop);
        await sweeper.NextCycleAsync().WaitAsync(Stop);
    }

    private async Task DoAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(Host.ConnectionString);
        await connection.OpenAsync(Stop);
        await using var command = new NpgsqlCommand(sql, connection);
        (await command.ExecuteNonQueryAsync(Stop)).ShouldBeGreaterThan(0);
    }

    private sealed record Placed(TaskState From, string Id, TestAgent Agent, Held Lease);
}
