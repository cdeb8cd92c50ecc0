using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;

namespace ControlCenter.Domain.Work;

/// <summary>Where a ticket stands.</summary>
public enum TicketState
{
    /// <summary>Nothing of it has been taken up.</summary>
    Open,

    /// <summary>An agent has taken one of its tasks.</summary>
    InProgress,

    /// <summary>The founder has what was wanted.</summary>
    Done,

    /// <summary>No longer wanted.</summary>
    Cancelled,
}

/// <summary>Which move of a ticket is allowed.</summary>
public static class TicketTransitions
{
    private static readonly Dictionary<TicketState, TicketState[]> Table = new()
    {
        [TicketState.Open] = [TicketState.InProgress, TicketState.Done, TicketState.Cancelled],
        [TicketState.InProgress] = [TicketState.Open, TicketState.Done, TicketState.Cancelled],
        [TicketState.Done] = [TicketState.Open],
        [TicketState.Cancelled] = [TicketState.Open],
    };

    /// <summary>The states that can follow.</summary>
    public static IReadOnlyList<TicketState> After(TicketState from) => Table[from];

    /// <summary>Refuses a move that the table does not have.</summary>
    /// <exception cref="ConflictException"><c>invalid_transition</c>.</exception>
    public static void Require(TicketState from, TicketState to)
    {
        if (!Table[from].Contains(to))
        {
            throw new ConflictException(
                ProblemTypes.InvalidTransition,
                $"A ticket that is {WireNames<TicketState>.ToWire(from)} cannot become {WireNames<TicketState>.ToWire(to)}; allowed: {string.Join(", ", Table[from].Select(WireNames<TicketState>.ToWire))}.");
        }
    }
}
