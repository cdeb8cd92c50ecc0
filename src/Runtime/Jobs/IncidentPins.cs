using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Jobs;

/// <summary>Keep all history of a stretch of time, however long it is kept otherwise.</summary>
/// <param name="Title">Why: <c>the outage of 30 March</c>.</param>
/// <param name="From">From when.</param>
/// <param name="To">To when.</param>
public sealed record PinHistoryRequest(string Title, DateTimeOffset From, DateTimeOffset To);

/// <summary>A stretch of time whose history is kept.</summary>
/// <param name="PinId">Its id.</param>
/// <param name="Title">Why.</param>
/// <param name="From">From when.</param>
/// <param name="To">To when.</param>
/// <param name="PinnedAt">Since when.</param>
/// <param name="PinnedByName">By whom.</param>
/// <param name="ReleasedAt">Since when not any more; null while it is.</param>
public sealed record IncidentPinView(Guid PinId, string Title, DateTimeOffset From, DateTimeOffset To, DateTimeOffset PinnedAt, string PinnedByName, DateTimeOffset? ReleasedAt);

/// <summary>The pins, newest first.</summary>
public sealed record IncidentPinList(IReadOnlyList<IncidentPinView> Items, string? NextCursor);

/// <summary>Reads which history is pinned.</summary>
public sealed class IncidentPinQueries(NpgsqlDataSource database)
{
    // A pin is made by hand, for an incident; a list of more is one that nobody reviews.
    private const int Most = 500;

    /// <summary>All of them, those in force first.</summary>
    public async Task<IncidentPinList> ListAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select p.id, p.title, p.from_at, p.to_at, p.pinned_at, a.name, p.released_at from incident_pins p join actors a on a.id = p.pinned_by
            order by p.released_at is not null, p.pinned_at desc limit @most
            """);
        command.Parameters.AddWithValue("most", Most);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var pins = new List<IncidentPinView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            pins.Add(new IncidentPinView(
                reader.GetGuid(0), reader.GetString(1), reader.GetFieldValue<DateTimeOffset>(2), reader.GetFieldValue<DateTimeOffset>(3), reader.GetFieldValue<DateTimeOffset>(4),
                reader.GetString(5), reader.ValueOrNull<DateTimeOffset>(6)));
        }

        return new IncidentPinList(pins, null);
    }
}

/// <summary>Keeps the history of an incident: what was measured, logged and decided then goes by no policy until the pin is released (blueprint 12.8).</summary>
public sealed class PinHistory(Transactions transactions, TimeProvider time)
{
    /// <summary>Pins it.</summary>
    /// <exception cref="ValidationException">It has no title, or ends before it begins.</exception>
    public Task<Outcome<IncidentPinView>> ExecuteAsync(PinHistoryRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageJobs);
        new FieldErrors()
            .Add("title", TextRules.Title(request.Title))
            .Add("to", request.To > request.From ? null : "A moment after 'from'.")
            .ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var id = Uuid7.New(time);
            await using var insert = unit.Command(
                "insert into incident_pins (id, title, from_at, to_at, pinned_by) values (@id, @title, @from, @to, @by) returning pinned_at",
                ("id", id), ("title", request.Title.Trim()), ("from", request.From.UtcDateTime), ("to", request.To.UtcDateTime), ("by", caller.ActorId));
            var at = new DateTimeOffset((DateTime)(await insert.ExecuteScalarAsync(ct))!, TimeSpan.Zero);
            await AuditLog.WriteAsync(unit, time, "retention.pinned", $"incident_pin:{id}", new { request.Title, request.From, request.To }, ct);
            unit.Record("governor.history_pinned", ("incident_pin", id.ToString()), new { PinId = id, request.Title, request.From, request.To, By = caller.Name });
            return new IncidentPinView(id, request.Title.Trim(), request.From, request.To, at, caller.Name, null);
        }, cancellationToken);
    }

    /// <summary>Releases one: its history goes by the policies again.</summary>
    /// <exception cref="NotFoundException">There is none, or it is released.</exception>
    public async Task<bool> ReleaseAsync(Guid id, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageJobs);
        return await transactions.RunAsync(caller, async (unit, ct) =>
        {
            if (await unit.ExecuteAsync("update incident_pins set released_at = clock_timestamp(), released_by = @by where id = @id and released_at is null", ct, ("id", id), ("by", caller.ActorId)) == 0)
            {
                throw new NotFoundException("pin", id.ToString());
            }

            await AuditLog.WriteAsync(unit, time, "retention.released", $"incident_pin:{id}", new { PinId = id }, ct);
            unit.Record("governor.history_released", ("incident_pin", id.ToString()), new { PinId = id, By = caller.Name });
            return true;
        }, cancellationToken);
    }
}
