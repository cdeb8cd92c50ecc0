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

    [Inject]
    internal CircuitFeed Feed { get; set; } = default!;

    [Inject]
    internal CallerAccessor Callers { get; set; } = default!;

    [Inject]
    internal NavigationManager Navigation { get; set; } = default!;

    /// <summary>Ends when the page closes.</summary>
    protected CancellationToken Closed => _closed.Token;

    /// <summary>What the last command was refused for, to be shown beside its form.</summary>
    protected string? Problem { get; set; }

    /// <summary>Whether an event concerns this page.</summary>
    protected abstract bool Concerns(FeedEvent happened);

    /// <summary>Reads what the page shows.</summary>
    protected abstract Task ReadAsync();

    /// <summary>Takes in what happened; reads afresh unless a page knows better. An empty list means that too much happened to follow.</summary>
    protected virtual Task HearAsync(IReadOnlyList<FeedEvent> events) => ReadAsync();

    /// <inheritdoc />
    protected override async Task OnParametersSetAsync() => await ReadAsync();

    /// <inheritdoc />
    protected override void OnInitialized() =>
        _subscription = Feed.Subscribe(Concerns, events => InvokeAsync(async () =>
        {
            if (!_closed.IsCancellationRequested)
            {
                await HearAsync(events);
                StateHasChanged();
            }
        }));

    /// <summary>Does something on the signed-in caller's behalf, and keeps what it was refused for.</summary>
    /// <returns>True if it was done.</returns>
    protected async Task<bool> DoAsync(Func<Caller, Task> command)
    {
        try
        {
            Problem = null;
            await command(await Callers.CallerAsync());
            return true;
        }
        catch (DomainException refused)
        {
            Problem = refused.Message;
            return false;
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
            _closed.Cancel();
            _closed.Dispose();
        }
    }
}
