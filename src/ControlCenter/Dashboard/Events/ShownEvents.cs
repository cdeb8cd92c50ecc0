using ControlCenter.Domain.Events;

namespace ControlCenter.Dashboard.Events;

/// <summary>The log as a page shows it, newest first: what was read, what was heard since on top of it, and nothing missing between the two.</summary>
internal sealed class ShownEvents
{
    /// <summary>What the browser holds at the most: older events are a click away, and a day's tail does not slow the page.</summary>
    public const int Most = 500;

    private readonly List<EventRecord> _items = [];
    private readonly List<EventRecord> _fresh = [];
    private bool _isReading;

    /// <summary>What is shown.</summary>
    public IReadOnlyList<EventRecord> Items => _items;

    /// <summary>How many were heard of and are not shown yet.</summary>
    public int Fresh => _fresh.Count;

    /// <summary>Whether there are older ones.</summary>
    public bool HasOlder { get; private set; }

    /// <summary>Whether nothing is to move while somebody reads.</summary>
    public bool IsPaused { get; set; }

    /// <summary>Whether more has happened than was heard: what is fresh does not follow on from what is shown.</summary>
    public bool HasMissed { get; private set; }

    /// <summary>Reads what to show. What is heard meanwhile may be newer than what is found, and comes on top of it.</summary>
    /// <param name="read">Gives the newest first.</param>
    /// <param name="pageSize">How many it gives at the most.</param>
    public async Task ReadAsync(Func<Task<List<EventRecord>>> read, int pageSize)
    {
        _isReading = true;
        _fresh.Clear();
        try
        {
            var found = await read();
            _items.Clear();
            _items.AddRange(found);
            (HasOlder, HasMissed) = (found.Count == pageSize, false);
        }
        catch
        {
            // What was fresh is gone, and what is heard next does not follow on.
            HasMissed = true;
            throw;
        }
        finally
        {
            _isReading = false;
        }

        if (!IsPaused)
        {
            ShowFresh();
        }
    }

    /// <summary>Takes in what has happened, in the log's order.</summary>
    public void Hear(IEnumerable<EventRecord> events)
    {
        _fresh.AddRange(events);
        if (_fresh.Count > Most)
        {
            _fresh.RemoveRange(0, _fresh.Count - Most);
        }

        if (!IsPaused)
        {
            ShowFresh();
        }
    }

    /// <summary>Takes in that more has happened than can be told.</summary>
    public void Miss() => HasMissed = true;

    /// <summary>Shows what was heard, where it follows on from what is shown.</summary>
    public void ShowFresh()
    {
        if (_isReading || HasMissed)
        {
            return;
        }

        var known = _items.Count > 0 ? _items[0].Seq : 0;
        _items.InsertRange(0, Enumerable.Reverse(_fresh).Where(e => e.Seq > known));
        _fresh.Clear();
        if (_items.Count > Most)
        {
            _items.RemoveRange(Most, _items.Count - Most);
            HasOlder = true;
        }
    }

    /// <summary>Shows older ones below, unless something else has come to be shown there since they were asked for.</summary>
    /// <param name="below">The last that was shown then.</param>
    /// <param name="older">Those before it.</param>
    /// <param name="pageSize">How many were asked for.</param>
    public void AddOlder(EventRecord below, List<EventRecord> older, int pageSize)
    {
        if (_items.Count == 0 || _items[^1] != below)
        {
            return;
        }

        _items.AddRange(older);
        HasOlder = older.Count == pageSize;
    }
}
