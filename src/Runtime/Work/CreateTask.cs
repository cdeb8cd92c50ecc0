using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Work;

/// <summary>A new task of a ticket.</summary>
/// <param name="Title">1 to 500 characters.</param>
/// <param name="Instructions">Up to 64 KiB of text.</param>
/// <param name="RequiredCapabilities">What an agent must have; at the most 50.</param>
/// <param name="DependsOn">Tasks that must be completed first; at the most 200.</param>
/// <param name="Priority">0 to 4, 4 first; the ticket's unless said.</param>
/// <param name="MaxAttempts">1 to 100; 3 unless said.</param>
/// <param name="LeaseSeconds">1 to 86,400; 60 unless said.</param>
/// <param name="DueAt">When it is to be done: of two tasks of the same priority an agent is started for the sooner one first.</param>
public sealed record CreateTaskRequest(
    string Title,
    string? Instructions = null,
    string[]? RequiredCapabilities = null,
    Guid[]? DependsOn = null,
    int? Priority = null,
    int? MaxAttempts = null,
    int? LeaseSeconds = null,
    DateTimeOffset? DueAt = null);

/// <summary>The task as it was planned.</summary>
public sealed record PlannedTask(
    Guid TaskId, Guid TicketId, string TicketKey, string Title, string? Instructions, string[] RequiredCapabilities, Guid[] DependsOn, int Priority,
    int MaxAttempts, int LeaseSeconds, TaskState State, int Attempt, Guid CreatedBy, DateTimeOffset CreatedAt,
    DateTimeOffset? DueAt = null);

/// <summary>Plans a task.</summary>
public sealed class CreateTask(Transactions transactions, TimeProvider time)
{
    private const int DefaultMaxAttempts = 3;
    private const int DefaultLeaseSeconds = 60;
    private const int MostCapabilities = 50;
    private const int MostDependencies = 200;

    /// <summary>Adds a task to a ticket: <c>ready</c> at once, or <c>blocked</c> while a task that it depends on is unfinished.</summary>
    /// <exception cref="NotFoundException">No such ticket.</exception>
    /// <exception cref="ValidationException">A field is not as described, or a dependency is no task, or would close a circle.</exception>
    public Task<Outcome<PlannedTask>> ExecuteAsync(
        string ticket, CreateTaskRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.CreateTasks);
        Validate(request);
        return transactions.RunAsync(
            caller, idempotency, async (unit, ct) => await AddAsync(unit, await TicketLookup.RequireAsync(unit, ticket, toChange: false, ct), request, ct), cancellationToken);
    }

    private static void Validate(CreateTaskRequest request) =>
        new FieldErrors()
            .Add("title", TextRules.Title(request.Title))
            .Add("instructions", TextRules.OptionalLongText(request.Instructions))
            .Add("required_capabilities", TextRules.NameList(request.RequiredCapabilities, MostCapabilities))
            .Add("depends_on", request.DependsOn is { Length: > MostDependencies } ? $"At the most {MostDependencies} tasks; {request.DependsOn.Length} were given." : null)
            .Add("priority", Domain.Work.Priority.Problem(request.Priority))
            .Add("max_attempts", request.MaxAttempts is < 1 or > 100 ? $"Between 1 and 100; {request.MaxAttempts} was given." : null)
            .Add("lease_seconds", request.LeaseSeconds is < 1 or > 86_400 ? $"Between 1 and 86400; {request.LeaseSeconds} was given." : null)
            .ThrowIfAny();

    private async Task<PlannedTask> AddAsync(UnitOfWork unit, FoundTicket ticket, CreateTaskRequest request, CancellationToken cancellationToken)
    {
        var id = Uuid7.New(time);
        var dependencies = (request.DependsOn ?? []).Distinct().ToArray();
        var unfinished = await UnfinishedAsync(unit, dependencies, cancellationToken);
        var state = unfinished > 0 ? TaskState.Blocked : TaskState.Ready;
        var capabilities = (request.RequiredCapabilities ?? []).Select(c => c.Trim()).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray();
        var planned = new PlannedTask(
            id, ticket.Id, Ticket.KeyOf(ticket.Number), request.Title.Trim(), request.Instructions, capabilities, dependencies,
            request.Priority ?? ticket.Priority, request.MaxAttempts ?? DefaultMaxAttempts, request.LeaseSeconds ?? DefaultLeaseSeconds, state, 1,
            unit.Caller.ActorId, default, request.DueAt?.ToUniversalTime());
        await using var insert = unit.Command(
            """
            insert into tasks (id, ticket_id, title, instructions, capability_set_id, priority, state, max_attempts, lease_seconds, due_at, created_by)
            values (@id, @ticket, @title, @instructions, @set, @priority, @state, @max_attempts, @lease_seconds, @due, @actor)
            returning created_at
            """,
            ("id", id), ("ticket", ticket.Id), ("title", planned.Title), ("instructions", planned.Instructions),
            ("set", await CapabilitySets.IdOfAsync(unit, capabilities, cancellationToken)), ("priority", (short)planned.Priority),
            ("state", WireNames<TaskState>.ToWire(state)), ("max_attempts", planned.MaxAttempts),
            ("lease_seconds", planned.LeaseSeconds), ("due", planned.DueAt?.UtcDateTime), ("actor", planned.CreatedBy));
        planned = planned with { CreatedAt = new DateTimeOffset((DateTime)(await insert.ExecuteScalarAsync(cancellationToken))!, TimeSpan.Zero) };
        if (dependencies.Length > 0)
        {
            await unit.ExecuteAsync(
                "insert into task_dependencies (task_id, depends_on_id) select @id, d from unnest(@dependencies) d",
                cancellationToken, ("id", id), ("dependencies", dependencies));
        }

        unit.Record(
            "task.created", ("task", id.ToString()),
            new { planned.Title, planned.State, planned.Priority, planned.RequiredCapabilities, planned.DependsOn }, ticket.Id, id);
        return planned;
    }

    /// <summary>Locks the dependencies, so that none can be completed between this count and the insert, and counts the unfinished.</summary>
    /// <remarks>
    /// A new task cannot be depended on before it exists, so what it names can close a circle only by naming itself,
    /// which its id, made here, rules out. An id that names no task is therefore refused as unknown.
    /// </remarks>
    private static async Task<int> UnfinishedAsync(UnitOfWork unit, Guid[] dependencies, CancellationToken cancellationToken)
    {
        if (dependencies.Length == 0)
        {
            return 0;
        }

        var found = new Dictionary<Guid, string>();
        await using var command = unit.Command("select id, state from tasks where id = any(@ids) order by id for share", ("ids", dependencies));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            found[reader.GetGuid(0)] = reader.GetString(1);
        }

        var unknown = dependencies.Where(d => !found.ContainsKey(d)).ToArray();
        if (unknown.Length > 0)
        {
            throw new ValidationException("depends_on", $"No task has the id {string.Join(", ", unknown)}.");
        }

        return found.Values.Count(s => s != "completed");
    }
}
