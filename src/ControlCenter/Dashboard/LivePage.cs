using ControlCenter.Access;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.EventLog;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard;

/// <summary>A page that shows what is, and goes on showing it: reads when it opens and again when something that concerns it happens.</summary>
public abstract class LivePage : ComponentBase, IDisposable
{
    private readonly CancellationTokenSource _closed = new();
    private IDisposable? _subscription;
    private ITimer? _timer;
    private Task _reading = Task.CompletedTask;
    private bool _readAgain;
    private bool _doing;

    /// <summary>A page that opens.</summary>
    protected LivePage() => Closed = _closed.Token;

    [Inject]
    internal CircuitFeed Feed { get; set; } = default!;

    [Inject]
    internal CallerAccessor Callers { get; set; } = default!;

    [Inject]
    internal RefusedAttempts Refused { get; set; } = default!;

    [Inject]
    internal NavigationManager Navigation { get; set; } = default!;

    [Inject]
    internal TimeProvider Time { get; set; } = default!;

    /// <summary>Ends when the page closes.</summary>
    protected CancellationToken Closed { get; }

    /// <summary>Whether the page has read once: before that, an empty list means nothing.</summary>
    protected bool Loaded { get; private set; }

    /// <summary>What the last command was refused for, to be shown beside its form.</summary>
    protected string? Problem { get; set; }

    /// <summary>How often to look without an event, for what is seen but not told: heartbeats, probes. Null for a page that events tell all.</summary>
    protected virtual TimeSpan? LookEvery => null;

    /// <summary>Whether an event concerns this page.</summary>
    protected abstract bool Concerns(FeedEvent happened);

    /// <summary>Reads what the page shows. Never called again before it is through.</summary>
    protected abstract Task ReadAsync();

    /// <summary>Takes in what happened; reads afresh unless a page knows better. An empty list means that too much happened to follow.</summary>
    protected virtual Task HearAsync(IReadOnlyList<FeedEvent> events) => RefreshAsync();

    /// <summary>Reads afresh: done when a reading that began after this call is done.</summary>
    /// <remarks>One reading at a time, so that an older one that was slow cannot overwrite what a newer one has shown.</remarks>
    protected Task RefreshAsync()
    {
        if (_reading.IsCompleted)
        {
            return _reading = ReadUntilFreshAsync();
        }

        _readAgain = true;
        return _reading;
    }

    /// <inheritdoc />
    protected override Task OnParametersSetAsync() => RefreshAsync();

    /// <inheritdoc />
    protected override void OnInitialized()
    {
        _subscription = Feed.Subscribe(Concerns, events => ShowAsync(() => HearAsync(events)));
        if (LookEvery is { } interval)
        {
            _timer = Time.CreateTimer(_ => _ = LookAsync(), null, interval, interval);
        }
    }

    /// <summary>Does something on the signed-in caller's behalf, and keeps what it was refused for. A second press while it is under way does nothing.</summary>
    /// <returns>True if it was done.</returns>
    protected async Task<bool> DoAsync(Func<Caller, Task> command)
    {
        if (_doing)
        {
            return false;
        }

        try
        {
            (_doing, Problem) = (true, null);
            await command(await Callers.CallerAsync());
            return true;
        }
        catch (DomainException refused)
        {
            Problem = Words(refused);
            if (RefusedAttempts.IsOne(refused))
            {
                await Refused.RecordAsync(await Callers.CallerAsync(), $"page {new Uri(Navigation.Uri).AbsolutePath}", refused, Closed);
            }

            return false;
        }
        finally
        {
            _doing = false;
        }
    }

    /// <summary>Changes one part of the page's address, which is where its state is.</summary>
    protected void SetInAddress(string name, string? value) =>
        Navigation.NavigateTo(Navigation.GetUriWithQueryParameter(name, string.IsNullOrEmpty(value) ? null : value), replace: true);

    /// <inheritdoc />
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Lets go of the feed.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            _subscription?.Dispose();
            _timer?.Dispose();
            _closed.Cancel();
            _closed.Dispose();
        }
    }

    // By the fields' names as a form has them, and not as the bus does.
    private static string Words(DomainException refused) => refused.Errors is { } errors
        ? string.Join('\n', errors.Select(e => $"{char.ToUpperInvariant(e.Key[0])}{e.Key[1..].Replace('_', ' ')}: {string.Join(' ', e.Value)}"))
        : refused.Message;

    private async Task ReadUntilFreshAsync()
    {
        do
        {
            _readAgain = false;
            await ReadAsync();
        }
        while (_readAgain && !Closed.IsCancellationRequested);
        Loaded = true;
    }

    private Task ShowAsync(Func<Task> read) => InvokeAsync(async () =>
    {
        try
        {
            if (!Closed.IsCancellationRequested)
            {
                await read();
                StateHasChanged();
            }
        }
        catch (OperationCanceledException) when (Closed.IsCancellationRequested)
        {
            // The page was left while it was reading.
        }
    });

    private async Task LookAsync()
    {
        if (!Feed.Visible)
        {
            return;
        }

        try
        {
            await ShowAsync(RefreshAsync);
        }
        catch (ObjectDisposedException)
        {
            // The host that this page belongs to has ended in this process, and another has begun on a restored database: it looks no more.
            _timer?.Dispose();
        }
#pragma warning disable CA1031 // The database may be away for a moment: the next look comes by itself, and the layout says how old the page is.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            Feed.TellFault(fault);
        }
    }
}
