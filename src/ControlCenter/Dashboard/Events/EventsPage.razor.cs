using ControlCenter.Domain.Events;
using ControlCenter.Runtime.EventLog;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Events;

/// <summary>The live tail of the log, newest first, with its filters in the address.</summary>
public sealed partial class EventsPage
{
    private const int PageSize = 100;

    // What the browser holds at the most: older events are a click away, and a day's tail does not slow the page.
    private const int MostShown = 500;

    private readonly List<EventRecord> _fresh = [];
    private List<EventRecord> _shown = [];
    private bool _paused;
    private bool _more;
    private long _open;

    [SupplyParameterFromQuery]
    private string? Kind { get; set; }

    [SupplyParameterFromQuery]
    private string? Subject { get; set; }

    [SupplyParameterFromQuery]
    private string? Actor { get; set; }

    [SupplyParameterFromQuery]
    private string? Task { get; set; }

    [SupplyParameterFromQuery]
    private long? At { get; set; }

    private EventFilter Filter => new(
        Kind, Subject, Guid.TryParse(Task, out var task) ? task : null, null, Guid.TryParse(Actor, out var actor) ? actor : null);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => Filter.Fits(happened.Record);

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        _shown = await Log.ReadBeforeAsync(At is { } at ? at + 1 : Feed.Head + 1, Filter, PageSize, Closed);
        _more = _shown.Count == PageSize;
        _open = At ?? 0;
        _paused |= At is not null;
        _fresh.Clear();
    }

    /// <inheritdoc />
    protected override async Task HearAsync(IReadOnlyList<FeedEvent> events)
    {
        if (events.Count == 0)
        {
            await ReadAsync();
            return;
        }

        _fresh.AddRange(events.Select(e => e.Record));
        if (_fresh.Count > MostShown)
        {
            _fresh.RemoveRange(0, _fresh.Count - MostShown);
        }

        if (!_paused)
        {
            ShowFresh();
        }
    }

    private void ShowFresh()
    {
        var known = _shown.Count > 0 ? _shown[0].Seq : 0;
        _shown.InsertRange(0, Enumerable.Reverse(_fresh).Where(e => e.Seq > known));
        _fresh.Clear();
        if (_shown.Count > MostShown)
        {
            _shown.RemoveRange(MostShown, _shown.Count - MostShown);
            _more = true;
        }
    }

    private void TogglePause()
    {
        _paused = !_paused;
        if (!_paused)
        {
            ShowFresh();
        }
    }

    private async Task OlderAsync()
    {
        _paused = true;
        var older = await Log.ReadBeforeAsync(_shown[^1].Seq, Filter, PageSize, Closed);
        _more = older.Count == PageSize;
        _shown.AddRange(older);
    }
}
