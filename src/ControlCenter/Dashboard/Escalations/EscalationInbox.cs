using ControlCenter.Runtime.Escalations;

namespace ControlCenter.Dashboard.Escalations;

/// <summary>The inbox as it stands before the founder's eyes: what is listed, what is chosen, and what is chosen next.</summary>
internal sealed class EscalationInbox
{
    /// <summary>What is listed, in order.</summary>
    public IReadOnlyList<EscalationView> Items { get; private set; } = [];

    /// <summary>What is chosen.</summary>
    public EscalationView? Selected { get; private set; }

    /// <summary>Where the list goes on.</summary>
    public string? NextCursor { get; private set; }

    /// <summary>Takes in a fresh list, and the one that the address names, which need not be on it.</summary>
    public void Show(IReadOnlyList<EscalationView> items, string? nextCursor, EscalationView? named)
    {
        Items = named is null || items.Any(i => i.EscalationId == named.EscalationId) ? items : [named, .. items];
        NextCursor = nextCursor;
        Selected = named ?? (items.Count > 0 ? items[0] : null);
    }

    /// <summary>Adds the next page.</summary>
    public void Append(IReadOnlyList<EscalationView> items, string? nextCursor) => (Items, NextCursor) = ([.. Items, .. items], nextCursor);

    /// <summary>The one a step away from the chosen, staying at the ends.</summary>
    public EscalationView? Neighbour(int step)
    {
        var index = Items.ToList().FindIndex(i => i.EscalationId == Selected?.EscalationId);
        return Items.Count == 0 ? null : Items[Math.Clamp(index + step, 0, Items.Count - 1)];
    }

    /// <summary>The one to look at after the chosen has been decided: the next, or else the one before, or none.</summary>
    public EscalationView? AfterDecision() =>
        Neighbour(1) is { } next && next.EscalationId != Selected?.EscalationId ? next
        : Neighbour(-1) is { } previous && previous.EscalationId != Selected?.EscalationId ? previous
        : null;
}
