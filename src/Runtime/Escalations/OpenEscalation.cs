using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Json;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Work;

namespace ControlCenter.Runtime.Escalations;

/// <summary>Something that is asked of a human.</summary>
/// <param name="Kind">What kind of answer is wanted.</param>
/// <param name="Title">1 to 500 characters.</param>
/// <param name="Detail">Up to 64 KiB.</param>
/// <param name="TaskId">The task that it is about.</param>
/// <param name="LeaseId">The lease that waits for the answer; its task then goes to <c>waiting_human</c>.</param>
/// <param name="FencingToken">That lease's number.</param>
/// <param name="Action">Exactly what is to be approved: any JSON.</param>
/// <param name="Options">Answers to choose from; at the most 20.</param>
/// <param name="ExpiresInSeconds">1 second to 30 days; a day unless said. An expiry is a no.</param>
public sealed record OpenEscalationRequest(
    EscalationKind Kind,
    string Title,
    string? Detail = null,
    Guid? TaskId = null,
    Guid? LeaseId = null,
    long? FencingToken = null,
    JsonElement? Action = null,
    string[]? Options = null,
    int? ExpiresInSeconds = null);

/// <summary>The escalation as it was kept.</summary>
public sealed record OpenedEscalation(
    Guid EscalationId, EscalationKind Kind, string Title, EscalationState State, Guid? TaskId, string? ActionHash, DateTimeOffset OpenedAt, DateTimeOffset ExpiresAt);

/// <summary>Asks a human.</summary>
public sealed class OpenEscalation(Transactions transactions, TimeProvider time)
{
    private const int DefaultExpirySeconds = 86_400;
    private const int LongestExpirySeconds = 30 * 86_400;
    private const int MostOptions = 20;

    /// <summary>Opens an escalation.</summary>
    /// <exception cref="ConflictException"><c>lease_lost</c>: the lease given is not the one in force; nothing was opened.</exception>
    public Task<Outcome<OpenedEscalation>> ExecuteAsync(
        OpenEscalationRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.OpenEscalations);
        var hash = Validate(request);
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var (task, ticket) = await AboutAsync(unit, request, ct);
            var id = Uuid7.New(time);
            await using var insert = unit.Command(
                """
                insert into escalations (id, kind, title, detail, task_id, ticket_id, lease_id, requested_by, action, action_hash, options, state, opened_at, expires_at)
                select @id, @kind, @title, @detail, @task, @ticket, @lease, @actor, @action, @hash, @options, 'waiting', t.now, t.now + make_interval(secs => @seconds)
                from (select clock_timestamp() as now) t
                returning opened_at, expires_at
                """,
                ("id", id), ("kind", WireNames<EscalationKind>.ToWire(request.Kind)), ("title", request.Title.Trim()), ("detail", request.Detail),
                ("task", task), ("ticket", ticket), ("lease", request.LeaseId), ("actor", unit.Caller.ActorId),
                ("action", request.Action?.GetRawText()), ("hash", hash), ("options", request.Options ?? []),
                ("seconds", request.ExpiresInSeconds ?? DefaultExpirySeconds));
            await using var reader = await insert.ExecuteReaderAsync(ct);
            await reader.ReadAsync(ct);
            var opened = new OpenedEscalation(
                id, request.Kind, request.Title.Trim(), EscalationState.Waiting, task, hash,
                reader.GetFieldValue<DateTimeOffset>(0), reader.GetFieldValue<DateTimeOffset>(1));
            unit.Record(
                "escalation.opened", ("escalation", id.ToString()),
                new { EscalationId = id, request.Kind, opened.Title, AgentId = unit.Caller.ActorId, ActionHash = hash, opened.ExpiresAt }, ticket, task);
            return opened;
        }, cancellationToken);
    }

    private static string? Validate(OpenEscalationRequest request)
    {
        new FieldErrors()
            .Add("title", TextRules.Title(request.Title))
            .Add("detail", TextRules.OptionalLongText(request.Detail))
            .Add("options", TextRules.NameList(request.Options, MostOptions))
            .Add("expires_in_seconds", request.ExpiresInSeconds is < 1 or > LongestExpirySeconds ? $"Between 1 and {LongestExpirySeconds}; {request.ExpiresInSeconds} was given." : null)
            .Add("lease_id", request.LeaseId is not null && (request.TaskId is null || request.FencingToken is null) ? "A lease comes with its task_id and its fencing_token." : null)
            .Add("action", JsonRules.Storable(request.Action))
            .ThrowIfAny();
        return request.Action is { } action ? ActionHash.Of(action) : null;
    }

    private static async Task<(Guid? Task, Guid? Ticket)> AboutAsync(UnitOfWork unit, OpenEscalationRequest request, CancellationToken cancellationToken)
    {
        if (request.TaskId is not { } task)
        {
            return (null, null);
        }

        if (request.LeaseId is { } lease)
        {
            var held = await HumanWait.BeginAsync(unit, new LeaseProof(task, lease, request.FencingToken!.Value), cancellationToken);
            return (task, held.TicketId);
        }

        await using var command = unit.Command("select ticket_id from tasks where id = @id", ("id", task));
        return await command.ExecuteScalarAsync(cancellationToken) is Guid ticket ? (task, ticket) : throw new NotFoundException("task", task.ToString());
    }
}
