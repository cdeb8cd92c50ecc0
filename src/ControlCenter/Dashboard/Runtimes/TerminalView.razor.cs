using ControlCenter.Runtime.Execution.Transcripts;
using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;

namespace ControlCenter.Dashboard.Runtimes;

/// <summary>The output of a runtime, as long as it may be: the browser has what is in sight, and asks for the rest as it is scrolled to.</summary>
public sealed partial class TerminalView
{
    // A few a second is what an eye can follow; each tells only how many lines there are.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(150);

    // A watcher that was cut off looks by itself, so that nothing depends on one signal.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    // What one answer may weigh: the browser asks again for what is left out.
    private const int MostCharacters = 512 * 1024;

    private readonly CancellationTokenSource _closed = new();
    private DotNetObjectReference<TerminalView>? _self;
    private IJSObjectReference? _terminal;
    private ElementReference _root;
    private Guid _shown;
    private long _lines;
    private bool _ended, _follows = true, _wraps;
    private string _sought = "";
    private FoundLines? _found;
    private int _at;

    [Inject]
    private IJSRuntime Js { get; set; } = default!;

    [Inject]
    private TranscriptQueries Transcripts { get; set; } = default!;

    [Inject]
    private OutputFeed Feed { get; set; } = default!;

    [Inject]
    private TimeProvider Time { get; set; } = default!;

    /// <summary>Whose output.</summary>
    [Parameter, EditorRequired]
    public Guid RuntimeId { get; set; }

    /// <summary>What stands below the lines.</summary>
    [Parameter]
    public RenderFragment? ChildContent { get; set; }

    private string Count => $"{_lines:N0} {(_lines == 1 ? "line" : "lines")}{(_ended ? ", complete" : "")}";

    private string Found => _found!.Lines.Count == 0 ? "nothing" : $"{_at + 1} of {_found.Lines.Count}{(_found.IsCut ? "+" : "")}";

    /// <summary>Called by the browser: lines that it is about to show.</summary>
    [JSInvokable]
    public async Task<ShownLines> ReadAsync(long first, int count)
    {
        var range = await Transcripts.ReadAsync(RuntimeId, first, Math.Clamp(count, 1, TranscriptQueries.MostLines), _closed.Token);
        if (range is null)
        {
            return new ShownLines(0, [], 0);
        }

        var characters = 0;
        return new ShownLines(first, [.. range.Items.TakeWhile((l, i) => i == 0 || (characters += l.Text.Length) < MostCharacters).Select(l => new ShownLine(l.Number, l.At, WireOf(l), l.Text))], range.Lines);
    }

    /// <summary>Called by the browser: somebody has scrolled away from the end, or back to it.</summary>
    [JSInvokable]
    public Task FollowsAsync(bool follows) => InvokeAsync(() =>
    {
        _follows = follows;
        StateHasChanged();
    });

    /// <inheritdoc />
    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        if (firstRender)
        {
            _shown = RuntimeId;
            _self = DotNetObjectReference.Create(this);
            await LookAsync();
            await using var module = await Js.InvokeAsync<IJSObjectReference>("import", "/terminal.js");
            _terminal = await module.InvokeAsync<IJSObjectReference>("open", _root, _self, _lines);
            StateHasChanged();
            _ = FollowGrowthAsync();
        }
        else if (_shown != RuntimeId && _terminal is not null)
        {
            (_shown, _found, _lines, _ended) = (RuntimeId, null, 0, false);
            await LookAsync();
            await _terminal.InvokeVoidAsync("again", _lines);
            StateHasChanged();
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        _self?.Dispose();
        if (_terminal is not null)
        {
            try
            {
                await _terminal.InvokeVoidAsync("stop");
                await _terminal.DisposeAsync();
            }
            catch (JSDisconnectedException)
            {
                // The browser has gone, and its listeners with it.
            }
        }

        _closed.Dispose();
    }

    private static string WireOf(NumberedLine line) => line.Source.ToString().ToLowerInvariant();

    private async Task LookAsync()
    {
        var range = await Transcripts.ReadAsync(RuntimeId, long.MaxValue, 1, _closed.Token);
        (_lines, _ended) = (range?.Lines ?? 0, range?.Ended ?? true);
    }

    private async Task FollowGrowthAsync()
    {
        try
        {
            while (true)
            {
                await WaitAsync();
                await Task.Delay(Pause, Time, _closed.Token);
                await InvokeAsync(async () =>
                {
                    var before = (_lines, _ended);
                    await LookAsync();
                    if (before != (_lines, _ended))
                    {
                        StateHasChanged();
                        await _terminal!.InvokeVoidAsync("grew", _lines);
                    }
                });
            }
        }
        catch (Exception fault) when (fault is OperationCanceledException or ObjectDisposedException or JSDisconnectedException)
        {
            // The page was left.
        }
    }

    private async Task WaitAsync()
    {
        using var watch = Feed.Watch(RuntimeId);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(_closed.Token);
        patience.CancelAfter(Longest);
        try
        {
            await watch.WaitForMoreAsync(_lines, patience.Token);
        }
        catch (OperationCanceledException) when (!_closed.IsCancellationRequested)
        {
            // Nothing was told; it is looked at all the same.
        }
    }

    private async Task FollowAsync()
    {
        _follows = !_follows;
        await _terminal!.InvokeVoidAsync("follow", _follows);
    }

    private async Task FindAsync()
    {
        if (string.IsNullOrWhiteSpace(_sought))
        {
            _found = null;
            return;
        }

        // The same again goes to the next; what came meanwhile is looked through too.
        var same = _found?.Text == _sought;
        _found = await Transcripts.FindAsync(RuntimeId, _sought, _closed.Token);
        _at = same ? _at : -1;
        await StepAsync(1);
    }

    private async Task StepAsync(int by)
    {
        if (_found is { Lines.Count: > 0 } found)
        {
            _at = (_at + by + found.Lines.Count) % found.Lines.Count;
            _follows = false;
            await _terminal!.InvokeVoidAsync("mark", found.Lines[_at]);
        }
    }
}

/// <summary>Lines for the browser.</summary>
/// <param name="First">The number of the first.</param>
/// <param name="Lines">Without gaps.</param>
/// <param name="Total">How many there are in all.</param>
public sealed record ShownLines(long First, IReadOnlyList<ShownLine> Lines, long Total);

/// <summary>One of them.</summary>
public sealed record ShownLine(long Number, DateTimeOffset At, string Source, string Text);
