using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Work;

namespace ControlCenter.Dashboard.Work;

/// <summary>A ticket while it is being written.</summary>
public sealed class TicketDraft
{
    public string Title { get; set; } = "";

    public string? Description { get; set; }

    public string? Project { get; set; }

    public int Priority { get; set; } = Domain.Work.Priority.Default;

    /// <summary>The state, for a ticket that is there already.</summary>
    public TicketState State { get; set; }

    /// <summary>The states that can be chosen; none for a new ticket.</summary>
    public IReadOnlyList<TicketState> States { get; private init; } = [];

    /// <summary>A draft of the changes to a ticket.</summary>
    public static TicketDraft Of(TicketView ticket) => new()
    {
        Title = ticket.Title,
        Description = ticket.Description,
        Project = ticket.Project,
        Priority = ticket.Priority,
        State = ticket.State,
        States = [ticket.State, .. TicketTransitions.After(ticket.State)],
    };

    /// <summary>The request for a new ticket.</summary>
    public CreateTicketRequest ToCreate() => new(Title, Blank(Description), Blank(Project), Priority);

    /// <summary>The request for a change: what was emptied is cleared.</summary>
    public EditTicketRequest ToEdit() => new(Title, Priority, State)
    {
        Description = TextChange.To(Blank(Description)),
        Project = TextChange.To(Blank(Project)),
    };

    private static string? Blank(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();
}
