using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Execution.Keyboard;
using Microsoft.AspNetCore.Components;
using Microsoft.JSInterop;

namespace ControlCenter.Dashboard.Runtimes;

/// <summary>The keyboard of a runtime: who has it, and for whoever has, a line to type in and the keys that are no letters.</summary>
public sealed partial class KeyboardBar
{
    private static readonly (TerminalKey Key, string Word, string Label)[] Keys =
    [
        (TerminalKey.CtrlC, "Ctrl-C", "Ctrl-C: interrupt"), (TerminalKey.CtrlD, "Ctrl-D", "Ctrl-D: end of input"), (TerminalKey.Tab, "Tab", "Tab: complete the line"),
        (TerminalKey.Escape, "Esc", "Esc: escape"), (TerminalKey.Up, "↑", "Arrow up"), (TerminalKey.Down, "↓", "Arrow down"),
    ];

    // What is typed fast is typed in order.
    private readonly SemaphoreSlim _turn = new(1, 1);

    private KeyboardView? _keyboard;
    private Caller? _caller;
    private Guid? _control;
    private bool _asks;
    private ElementReference _root;
    private DotNetObjectReference<KeyboardBar>? _self;
    private IJSObjectReference? _open;
    private bool _isOpening;

    /// <summary>Whose keyboard.</summary>
    [Parameter, EditorRequired]
    public Guid RuntimeId { get; set; }

    /// <summary>What was given up has an event; a page that was away looks by itself.</summary>
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(10);

    private bool IsMine => _control is { } mine && _keyboard?.Control?.ControlId == mine;

    private int Lost => _keyboard!.Inputs.Count(i => i.State == "lost" && i.RequestedAt >= _keyboard.Control!.TakenAt);

    /// <summary>Called by the browser: somebody has typed. Returns whether it was taken.</summary>
    [JSInvokable]
    public async Task<bool> TypeAsync(string? text, string? key)
    {
        await _turn.WaitAsync(Closed);
        try
        {
            return _control is { } control && await DoAsync(caller => Input.ExecuteAsync(
                RuntimeId, new TypeInputRequest(control, text, key is null ? null : WireNames<TerminalKey>.Parse(key), Uuid7.New(Time)), caller, null, Closed));
        }
        finally
        {
            _turn.Release();
            await InvokeAsync(StateHasChanged);
        }
    }

    /// <summary>Called by the browser as long as the page is open.</summary>
    [JSInvokable]
    public async Task RenewAsync()
    {
        if (_control is { } control && IsMine)
        {
            await _turn.WaitAsync(Closed);
            try
            {
                await DoAsync(caller => Take.ExecuteAsync(RuntimeId, new TakeControlRequest(control), caller, null, Closed));
            }
            finally
            {
                _turn.Release();
            }

            await InvokeAsync(RefreshAndShowAsync);
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (_control is { } control && _caller is { } caller)
            {
                _control = null;
                await Release.ExecuteAsync(RuntimeId, control, caller, CancellationToken.None);
            }
        }
        finally
        {
            // Also where the database is away: control then runs out by itself, and a subscription would not.
            Dispose();
            await CloseAsync();
            _self?.Dispose();
            _turn.Dispose();
            GC.SuppressFinalize(this);
        }
    }

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.SubjectId == RuntimeId.ToString();

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        _caller ??= await Callers.CallerAsync();
        var before = _control;
        _keyboard = await Queries.FindAsync(RuntimeId, Closed);

        // Only what was there before this reading can be found gone by it: control may be taken while it reads.
        if (before is not null && _control == before && !IsMine)
        {
            Problem = _keyboard?.Control is { } other && other.ActorId != _caller.ActorId ? $"{other.HeldBy} has taken the keyboard over."
                : _keyboard is { TakesInput: true, Control: null } ? "Your control has run out: take it again." : null;
            _control = null;
        }
    }

    /// <inheritdoc />
    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        if (IsMine && _open is null && !_isOpening)
        {
            await OpenAsync();
        }
        else if (!IsMine && _open is not null)
        {
            await CloseAsync();
        }
    }

    private async Task TakeAsync(bool takeOver)
    {
        if (await DoAsync(async caller => _control = (await Take.ExecuteAsync(RuntimeId, new TakeControlRequest(null, takeOver), caller, null, Closed)).Value?.ControlId))
        {
            _keyboard = await Queries.FindAsync(RuntimeId, Closed);
        }

        _asks = false;
    }

    private async Task ReleaseAsync()
    {
        if (_control is { } control && await DoAsync(caller => Release.ExecuteAsync(RuntimeId, control, caller, Closed)))
        {
            _control = null;
            await RefreshAsync();
        }
    }

    private async Task RefreshAndShowAsync()
    {
        await RefreshAsync();
        StateHasChanged();
    }

    // Once, however often the page renders meanwhile: two listeners would type everything twice.
    private async Task OpenAsync()
    {
        _isOpening = true;
        try
        {
            _self ??= DotNetObjectReference.Create(this);
            await using var module = await Js.InvokeAsync<IJSObjectReference>("import", "/keyboard.js");
            _open = await module.InvokeAsync<IJSObjectReference>("open", _root, _self, _keyboard!.HasTerminal);
        }
        finally
        {
            _isOpening = false;
        }

        // It may have been lost or given back while the browser was asked.
        if (!IsMine)
        {
            await CloseAsync();
        }

        StateHasChanged();
    }

    private async Task CloseAsync()
    {
        if (_open is not { } open)
        {
            return;
        }

        _open = null;
        try
        {
            await open.InvokeVoidAsync("stop");
            await open.DisposeAsync();
        }
        catch (JSDisconnectedException)
        {
            // The browser has gone, and its listeners with it.
        }
    }
}
