using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Work;

/// <summary>What is to change of a ticket; what is left out stays.</summary>
public sealed record EditTicketRequest(string? Title = null, int? Priority = null, TicketState? State = null)
{
    /// <summary>Up to 64 KiB of text; null clears it.</summary>
    public TextChange Description { get; init; }

    /// <summary>Up to 200 characters; null clears it.</summary>
    public TextChange Project { get; init; }
}

/// <summary>Changes a ticket.</summary>
public sealed class EditTicket(Transactions transactions)
{
    /// <summary>Changes what the request names, and answers with the whole ticket.</summary>
    /// <exception cref="NotFoundException">No ticket has this id or key.</exception>
    /// <exception cref="ConflictException"><c>invalid_transition</c>: the state cannot follow the present one.</exception>
    public Task<CreatedTicket> ExecuteAsync(string idOrKey, EditTicketRequest request, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.EditTickets);
        new FieldErrors()
            .Add("title", request.Title is null ? null : TextRules.Title(request.Title))
            .Add("description", TextRules.OptionalLongText(request.Description.Text))
            .Add("project", TextRules.OptionalName(request.Project.Text))
            .Add("priority", Priority.Problem(request.Priority))
            .ThrowIfAny();
        return transactions.RunAsync(caller, (unit, ct) => ChangeAsync(unit, idOrKey, request, ct), cancellationToken);
    }

    private static async Task<CreatedTicket> ChangeAsync(UnitOfWork unit, string idOrKey, EditTicketRequest request, CancellationToken cancellationToken)
    {
        var before = await TicketLookup.RequireAsync(unit, idOrKey, toChange: true, cancellationToken);
        if (request.State is { } next && next != before.State)
        {
            TicketTransitions.Require(before.State, next);
        }

        await using var update = unit.Command(
            """
            update tickets set
                title = coalesce(@title, title), priority = coalesce(@priority, priority),
                description = case when @has_description then @description else description end,
                project = case when @has_project then @project else project end,
                state = coalesce(@state, state), updated_at = clock_timestamp()
            where id = @id
            returning title, description, project, priority, state, created_by, created_at, updated_at
            """,
            ("id", before.Id), ("title", request.Title?.Trim()),
            ("has_description", request.Description.IsGiven), ("description", request.Description.Text),
            ("has_project", request.Project.IsGiven), ("project", request.Project.Text?.Trim()),
            ("priority", (short?)request.Priority), ("state", request.State is { } state ? WireNames<TicketState>.ToWire(state) : null));
        CreatedTicket after;
        await using (var reader = await update.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            after = new CreatedTicket(
                before.Id, Ticket.KeyOf(before.Number), reader.GetString(0),
                reader.IsDBNull(1) ? null : reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetString(2), reader.GetInt16(3),
                WireNames<TicketState>.Parse(reader.GetString(4)), reader.GetGuid(5),
                reader.GetFieldValue<DateTimeOffset>(6), reader.GetFieldValue<DateTimeOffset>(7));
        }

        unit.Record(
            "ticket.updated", ("ticket", before.Id.ToString()),
            new { after.Key, after.Title, after.Priority, after.Project, Before = before.State, after.State }, ticketId: before.Id);
        return after;
    }
}
