using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Work;

/// <summary>A ticket as a command needs it.</summary>
internal sealed record FoundTicket(Guid Id, long Number, int Priority, TicketState State);

/// <summary>Finds the ticket that a caller names by id or by key.</summary>
internal static class TicketLookup
{
    /// <summary>Finds a ticket and holds it: against any change if it is to be changed, against deletion otherwise.</summary>
    /// <exception cref="NotFoundException">No ticket has this id or key.</exception>
    public static async Task<FoundTicket> RequireAsync(UnitOfWork unit, string idOrKey, bool toChange, CancellationToken cancellationToken)
    {
        Guid? id = Guid.TryParseExact(idOrKey, "D", out var parsed) ? parsed : null;
        await using var command = unit.Command(
            $"select id, number, priority, state from tickets where id = @id or number = @number for {(toChange ? "update" : "key share")}",
            ("id", id ?? Guid.Empty), ("number", Ticket.NumberOf(idOrKey) ?? 0L));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new FoundTicket(reader.GetGuid(0), reader.GetInt64(1), reader.GetInt16(2), WireNames<TicketState>.Parse(reader.GetString(3)))
            : throw new NotFoundException("ticket", idOrKey);
    }
}
