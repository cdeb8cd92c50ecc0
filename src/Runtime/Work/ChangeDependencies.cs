using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Work;

/// <summary>What a task is to wait for from now on.</summary>
/// <param name="DependsOn">The whole list; an empty one waits for nothing.</param>
public sealed record ChangeDependenciesRequest(Guid[] DependsOn);

/// <summary>Changes what a task that nobody has taken yet waits for.</summary>
public sealed class ChangeDependencies(Transactions transactions)
{
    // One at a time over the whole bus: two changes that are each fine could close a circle together.
    private const long GraphLock = 0x43435F4445505321;

    /// <summary>Replaces the list of dependencies.</summary>
    /// <exception cref="NotFoundException">No such task.</exception>
    /// <exception cref="ValidationException"><c>cyclic_dependency</c>, or a dependency that is no task.</exception>
    /// <exception cref="ConflictException"><c>invalid_transition</c>: the task is no longer waiting to be taken.</exception>
    public Task<TaskStanding> ExecuteAsync(Guid task, ChangeDependenciesRequest request, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.CreateTasks);
        return transactions.RunAsync(caller, (unit, ct) => ChangeAsync(unit, task, request.DependsOn.Distinct().ToArray(), ct), cancellationToken);
    }

    private static async Task<TaskStanding> ChangeAsync(UnitOfWork unit, Guid task, Guid[] dependencies, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync("select pg_advisory_xact_lock(@key)", cancellationToken, ("key", GraphLock));
        var (before, _, _) = await LookAsync(unit, task, cancellationToken);
        if (before is not (TaskState.Blocked or TaskState.Ready))
        {
            throw new ConflictException(ProblemTypes.InvalidTransition, $"Task {task} is {WireNames<TaskState>.ToWire(before)}; only what a blocked or ready task waits for can be changed.");
        }

        await RefuseCircleAsync(unit, task, dependencies, cancellationToken);
        await unit.ExecuteAsync("delete from task_dependencies where task_id = @task", cancellationToken, ("task", task));
        var added = await unit.ExecuteAsync(
            "insert into task_dependencies (task_id, depends_on_id) select @task, t.id from tasks t where t.id = any(@dependencies)",
            cancellationToken, ("task", task), ("dependencies", dependencies));
        if (added != dependencies.Length)
        {
            throw new ValidationException("depends_on", "One of these ids names no task.");
        }

        await unit.ExecuteAsync(
            """
            update tasks t set updated_at = clock_timestamp(), state = case when exists (
                select 1 from task_dependencies d join tasks u on u.id = d.depends_on_id where d.task_id = t.id and u.state <> 'completed')
                then 'blocked' else 'ready' end
            where t.id = @task and t.state in ('blocked', 'ready')
            """,
            cancellationToken, ("task", task));
        var (after, attempt, ticket) = await LookAsync(unit, task, cancellationToken);
        unit.Record("task.dependencies_changed", ("task", task.ToString()), new { DependsOn = dependencies, State = after }, ticket, task);
        return new TaskStanding(task, after, attempt);
    }

    private static async Task<(TaskState State, int Attempt, Guid Ticket)> LookAsync(UnitOfWork unit, Guid task, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select state, attempt, ticket_id from tasks where id = @id for update", ("id", task));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? (WireNames<TaskState>.Parse(reader.GetString(0)), reader.GetInt32(1), reader.GetGuid(2))
            : throw new NotFoundException("task", task.ToString());
    }

    private static async Task RefuseCircleAsync(UnitOfWork unit, Guid task, Guid[] dependencies, CancellationToken cancellationToken)
    {
        var edges = new List<(Guid Task, Guid DependsOn)>();
        await using (var command = unit.Command(
            """
            with recursive reachable as (
                select d.task_id, d.depends_on_id from task_dependencies d where d.task_id = any(@dependencies)
                union
                select d.task_id, d.depends_on_id from task_dependencies d join reachable r on d.task_id = r.depends_on_id)
            select task_id, depends_on_id from reachable
            """,
            ("dependencies", dependencies)))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                edges.Add((reader.GetGuid(0), reader.GetGuid(1)));
            }
        }

        edges.AddRange(dependencies.Select(d => (task, d)));
        if (DependencyGraph.FindCycle(edges) is { } cycle)
        {
            throw new DomainException(ProblemTypes.CyclicDependency, $"These tasks would wait for each other: {string.Join(" → ", cycle)}.");
        }
    }
}
