using System.Security.Cryptography;
using System.Text;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
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

    // A page that is left waits so long for what it has sent; what takes longer than this is given up with the page.
    private static readonly TimeSpan Leave = TimeSpan.FromSeconds(5);

    // What is typed fast is typed in order, and the keyboard given back after it. Never disposed: somebody may wait for it still.
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

    /// <summary>Called by the browser: somebody has typed.</summary>
    /// <param name="id">Names what was typed: however often it is sent under this id, it is typed once.</param>
    /// <param name="text">The text; null for a key alone.</param>
    /// <param name="key">The key after it; null for Enter.</param>
    /// <returns>Whether it was taken; null where that is not known.</returns>
    [JSInvokable]
    public Task<bool?> TypeAsync(string id, string? text, string? key) => DoInTurnAsync(
        caller => Input.ExecuteAsync(
            RuntimeId, new TypeInputRequest(_control ?? Guid.Empty, text, key is null ? null : WireNames<TerminalKey>.Parse(key)), caller,
            Once(caller, id, $"{RuntimeId}\n{key}\n{text}"), Closed),
        "It is not known whether this was typed: the database did not answer. Sent again as it is, it is typed once.");

    /// <summary>Called by the browser as long as the page is open.</summary>
    [JSInvokable]
    public async Task RenewAsync()
    {
        if (!IsMine)
        {
            return;
        }

        await DoInTurnAsync(
            caller => _control is { } control ? Take.ExecuteAsync(RuntimeId, new TakeControlRequest(control), caller, null, Closed) : Task.CompletedTask,
            "The keyboard could not be kept: the database did not answer. It is tried again.");
        await InvokeAsync(RefreshAndShowAsync);
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        // What is under way is done first: a line is typed, and control that was just taken is given back too.
        var isTurn = await _turn.WaitAsync(Leave);
        try
        {
            if (_control is { } control && _caller is { } caller)
            {
                _control = null;
                await Release.ExecuteAsync(RuntimeId, control, caller, CancellationToken.None);
            }
        }
#pragma warning disable CA1031 // The database may be away: control then runs out by itself, and the page is gone.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            LogFailed(Logger, RuntimeId, fault);
        }
        finally
        {
            Dispose();
            if (isTurn)
            {
                _turn.Release();
            }

            await CloseAsync();
            _self?.Dispose();
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

    // The answer has no secret in it that would be sealed.
    private static IdempotentRequest Once(Caller caller, string id, string what) => new(
        caller.ActorId, $"keyboard {id}", SHA256.HashData(Encoding.UTF8.GetBytes(what)), StatusCodes.Status201Created, new Lazy<byte[]>(() => throw new InvalidOperationException("An input has no secret.")));

    private async Task TakeAsync(bool takeOver)
    {
        await DoInTurnAsync(
            async caller =>
            {
                // A second press that waited for the first finds it done.
                if (!IsMine)
                {
                    _control = (await Take.ExecuteAsync(RuntimeId, new TakeControlRequest(null, takeOver), caller, null, Closed)).Value?.ControlId;
                    _keyboard = await Queries.FindAsync(RuntimeId, Closed);
                }
            },
            "It is not known whether the keyboard was taken: the database did not answer. Try it again.");
        _asks = false;
    }

    private Task ReleaseAsync() => DoInTurnAsync(
        async caller =>
        {
            if (_control is { } control)
            {
                await Release.ExecuteAsync(RuntimeId, control, caller, Closed);
                _control = null;
                await RefreshAsync();
            }
        },
        "It is not known whether the keyboard was given back: the database did not answer. Try it again.");

    /// <summary>Does something after what was asked for before it. Whatever it comes to is said on the page.</summary>
    /// <returns>Whether it was done; null where that is not known.</returns>
    private async Task<bool?> DoInTurnAsync(Func<Caller, Task> command, string unknown)
    {
        await _turn.WaitAsync(Closed);
        try
        {
            return await DoAsync(command);
        }
#pragma warning disable CA1031 // Whatever it was: it is logged, and whoever sits there is told what to do.
        catch (Exception fault) when (!Closed.IsCancellationRequested)
#pragma warning restore CA1031
        {
            LogFailed(Logger, RuntimeId, fault);
            Problem = unknown;
            return null;
        }
        finally
        {
            _turn.Release();
            await InvokeAsync(StateHasChanged);
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
        var control = _control;
        _isOpening = true;
        try
        {
            _self ??= DotNetObjectReference.Create(this);
            await using var module = await Js.InvokeAsync<IJSObjectReference>("import", "/keyboard.js");
            _open = await module.InvokeAsync<IJSObjectReference>("open", _root, _self, _keyboard!.HasTerminal);
        }
        catch (JSDisconnectedException)
        {
            // The browser has gone.
            return;
        }
        finally
        {
            _isOpening = false;
        }

        // It may have been lost or given back while the browser was asked, and taken anew: then the line that it found is not the one that is there.
        if (_control != control)
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

    [LoggerMessage(EventId = 3012, Level = LogLevel.Warning, Message = "At the keyboard of runtime {RuntimeId} something was asked for, and it is not known what became of it")]
    private static partial void LogFailed(ILogger logger, Guid runtimeId, Exception fault);
}
