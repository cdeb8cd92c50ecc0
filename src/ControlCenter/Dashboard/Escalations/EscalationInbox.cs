using ControlCenter.Runtime.Escalations;

namespace ControlCenter.Dashboard.Escalations;

/// <summary>The inbox as it stands before the founder's eyes: what is listed, what is chosen, and what is chosen next.</summary>
/// <remarks>
/// What is chosen stays chosen, whatever happens to the list: a key that is pressed a moment after somebody else has decided
/// must not decide about something that was not looked at.
/// </remarks>
internal sealed class EscalationInbox
{
    private Guid? _left;

    /// <summary>What is listed, in order; with the chosen one at its old place when it has left the list meanwhile.</summary>
    public IReadOnlyList<EscalationView> Items { get; private set; } = [];

    /// <summary>What is chosen.</summary>
    public EscalationView? Selected { get; private set; }

    /// <summary>Whether the one that was asked for is nowhere.</summary>
    public bool IsMissing { get; private set; }

    /// <summary>Which one is to be chosen from a fresh list: the one that the address names, or the one that was chosen.</summary>
    /// <remarks>The address goes on naming what was decided here for a moment: until it has moved on too, that one is not wanted.</remarks>
    public Guid? Wanted(Guid? named)
    {
        _left = named == _left ? _left : null;
        return _left is null && named is not null ? named : Selected?.EscalationId;
    }

    /// <summary>Takes in a fresh list.</summary>
    /// <param name="items">What is listed now.</param>
    /// <param name="wanted">The one to be chosen, which need not be on the list any more; null if there is none such.</param>
    /// <param name="named">Whether the address names it.</param>
    public void Show(IReadOnlyList<EscalationView> items, EscalationView? wanted, bool named)
    {
        // This list may have been asked for before the decision was made.
        wanted = wanted is not null && wanted.EscalationId == _left ? Selected : wanted;
        IsMissing = named && wanted is null && _left is null;
        if (wanted is not null && IndexIn(items, wanted) < 0)
        {
            var place = Math.Clamp(IndexIn(Items, wanted), 0, items.Count);
            items = [.. items.Take(place), wanted, .. items.Skip(place)];
        }

        Items = items;
        Selected = wanted ?? (IsMissing || items.Count == 0 ? null : items[0]);
    }

    /// <summary>Forgets what is chosen: another list is opened.</summary>
    public void Leave() => (Items, Selected, IsMissing, _left) = ([], null, false, null);

    /// <summary>The one a step away from the chosen, staying at the ends.</summary>
    public EscalationView? Neighbour(int step) =>
        Items.Count == 0 ? null : Items[Math.Clamp((Selected is null ? -1 : IndexIn(Items, Selected)) + step, 0, Items.Count - 1)];

    /// <summary>The chosen has been decided: goes on to the next, or else to the one before, or to none.</summary>
    public EscalationView? MoveOn()
    {
        var next = Other(Neighbour(1)) ?? Other(Neighbour(-1));
        _left = Selected?.EscalationId;
        Items = [.. Items.Where(e => e.EscalationId != _left)];
        return Selected = next;
    }

    private static int IndexIn(IReadOnlyList<EscalationView> items, EscalationView one)
    {
        for (var i = 0; i < items.Count; i++)
        {
            if (items[i].EscalationId == one.EscalationId)
            {
                return i;
            }
        }

        return -1;
    }

    private EscalationView? Other(EscalationView? one) => one?.EscalationId == Selected?.EscalationId ? null : one;
}
