using ControlCenter.Runtime.EventLog;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Events;

/// <summary>The live tail of the log, newest first, with its filters in the address.</summary>
public sealed partial class EventsPage
{
    private const int PageSize = 100;

    private readonly ShownEvents _events = new();
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
        _open = At ?? 0;
        _events.IsPaused |= At is not null;
        await _events.ReadAsync(() => Log.ReadBeforeAsync(At is { } at ? at + 1 : Feed.Head + 1, Filter, PageSize, Closed), PageSize);
    }

    /// <inheritdoc />
    protected override async Task HearAsync(IReadOnlyList<FeedEvent> events)
    {
        _events.Hear(events.Select(e => e.Record));
        if (events.Count == 0)
        {
            _events.Miss();
        }

        if (_events is { HasMissed: true, IsPaused: false })
        {
            await RefreshAsync();
        }
    }

    private async Task TogglePauseAsync()
    {
        _events.IsPaused = !_events.IsPaused;
        if (!_events.IsPaused)
        {
            await ShowFreshAsync();
        }
    }

    // On top of what is shown only where it follows on from that.
    private async Task ShowFreshAsync()
    {
        if (At is not null)
        {
            SetInAddress("at", null);
        }
        else if (_events.HasMissed)
        {
            await RefreshAsync();
        }
        else
        {
            _events.ShowFresh();
        }
    }

    private async Task OlderAsync()
    {
        _events.IsPaused = true;
        var last = _events.Items[^1];
        _events.AddOlder(last, await Log.ReadBeforeAsync(last.Seq, Filter, PageSize, Closed), PageSize);
    }
}
