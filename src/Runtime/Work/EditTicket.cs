using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Work;

/// <summary>What is to change of a ticket; what is left out stays.</summary>
public sealed record EditTicketRequest(
    string? Title = null, string? Description = null, string? Project = null, int? Priority = null, TicketState? State = null);

/// <summary>Changes a ticket.</summary>
public sealed class EditTicket(Transactions transactions, TicketQueries tickets)
{
    /// <summary>Changes what the request names.</summary>
    /// <exception cref="NotFoundException">No ticket has this id or key.</exception>
    /// <exception cref="ConflictException"><c>invalid_transition</c>: the state cannot follow the present one.</exception>
    public async Task<TicketView> ExecuteAsync(string idOrKey, EditTicketRequest request, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.EditTickets);
        new FieldErrors()
            .Add("title", request.Title is null ? null : TextRules.Title(request.Title))
            .Add("description", TextRules.OptionalLongText(request.Description))
            .Add("project", TextRules.OptionalName(request.Project))
            .Add("priority", Priority.Problem(request.Priority))
            .ThrowIfAny();
        var found = await tickets.FindAsync(idOrKey, cancellationToken) ?? throw new NotFoundException("ticket", idOrKey);
        await transactions.RunAsync(caller, (unit, ct) => ChangeAsync(unit, found.TicketId, request, ct), cancellationToken);
        return (await tickets.FindAsync(idOrKey, cancellationToken))!;
    }

    private static async Task<bool> ChangeAsync(UnitOfWork unit, Guid id, EditTicketRequest request, CancellationToken cancellationToken)
    {
        TicketState before;
        await using (var look = unit.Command("select state from tickets where id = @id for update", ("id", id)))
        {
            before = WireNames<TicketState>.Parse((string)(await look.ExecuteScalarAsync(cancellationToken))!);
        }

        if (request.State is { } next && next != before)
        {
            TicketTransitions.Require(before, next);
        }

        await unit.ExecuteAsync(
            """
            update tickets set
                title = coalesce(@title, title), description = coalesce(@description, description),
                project = coalesce(@project, project), priority = coalesce(@priority, priority),
                state = coalesce(@state, state), updated_at = clock_timestamp()
            where id = @id
            """,
            cancellationToken,
            ("id", id), ("title", request.Title?.Trim()), ("description", request.Description), ("project", request.Project?.Trim()),
            ("priority", (short?)request.Priority), ("state", request.State is { } state ? WireNames<TicketState>.ToWire(state) : null));
        unit.Record("ticket.updated", ("ticket", id.ToString()), new { request.Title, request.Priority, request.Project, request.State }, ticketId: id);
        return true;
    }
}
