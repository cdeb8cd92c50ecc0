using System.Diagnostics;
using System.Text;
using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Adapters;
using ControlCenter.Runtime.Runner.Output;
using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Runtime.Runner;

/// <summary>
/// One runtime under supervision. It is told what is to be, and at each step compares that with what is: a step that is lost, or
/// comes twice, changes nothing.
/// </summary>
internal sealed class AgentRun
{
    // While something is being ended it is looked at so often; a fork bomb makes new children in between.
    private static readonly TimeSpan WhileEnding = TimeSpan.FromMilliseconds(20);

    // How long an agent may go on with its turn after its task is over, before it is ended.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly RunSurroundings _around;
    private readonly IExecutionAdapter? _adapter;
    private readonly ProcessTree _tree;
    private readonly AgentProgress _progress;
    private readonly OutputSpool _spool;
    private readonly AgentOutput _output;
    private readonly Pipe? _in, _out, _error;
    private readonly Process? _child;
    private readonly long _droppedBefore;

    private RuntimeState _state;
    private RuntimeState _saved;
    private DesiredState _desired;
    private bool _cutOff;
    private IReadOnlyList<OrderedIntervention> _ordered = [];
    private long? _taskEndedAt;
    private long? _toldToEndAt;
    private long? _heldSince;
    private long? _idleSince;
    private bool _endsAtOnce;
    private bool _forced;
    private int? _exitCode;
    private bool _closing;
    private int _leftOver;
    private bool _clearing;
    private volatile bool _isCleared;
    private string? _cleared;

    /// <summary>Supervises what was started, or what an earlier runner left.</summary>
    public AgentRun(RunSurroundings around, RuntimeFolder folder, RuntimeState state, Process? child = null)
    {
        (_around, Folder, _state, _saved, _child) = (around, folder, state, state, child);
        _adapter = around.Parts.Adapters.Find(state.Adapter);
        _droppedBefore = state.DroppedLines;

        // What was held still stays so until the bus says what is to be.
        _desired = state.Paused ? DesiredState.Pause : DesiredState.Run;
        _tree = state.Phase == RuntimePhase.Ended ? new ProcessTree(null) : around.Forest.Plant(state.RuntimeId, state.Process);
        _progress = new AgentProgress(_adapter?.Interpret() ?? NoInterpreter.Instance, state.Progress, around.Time);
        _spool = OutputSpool.Open(folder.Spool);
        _output = new AgentOutput(_spool, _progress, around.Parts.Redactor(state.Secrets), around.Options.Output, around.Wake, around.Time);
        if (state.Phase != RuntimePhase.Ended)
        {
            _out = around.Pump.Follow(folder.Out, piece => _output.Take(OutputSource.Out, piece));
            _error = around.Pump.Follow(folder.Error, piece => _output.Take(OutputSource.Error, piece));
            _in = state.HasInput ? around.Pump.Feed(folder.In) : null;
        }
    }

    /// <summary>Which runtime.</summary>
    public Guid Id => _state.RuntimeId;

    /// <summary>The token of its slot's lease.</summary>
    public long FencingToken => _state.FencingToken;

    /// <summary>Its folder.</summary>
    public RuntimeFolder Folder { get; }

    /// <summary>What of its output waits for the bus.</summary>
    public OutputSpool Spool => _spool;

    /// <summary>Nothing of it runs any more.</summary>
    public bool HasEnded => _state.Phase == RuntimePhase.Ended;

    /// <summary>As it is told to the bus.</summary>
    public RuntimeObservation Observe()
    {
        lock (_gate)
        {
            var reading = _progress.Reading;
            var lives = _state.Phase is RuntimePhase.Observed or RuntimePhase.Ready;
            return new RuntimeObservation(
                Id, FencingToken, _state.Phase, _state.Process?.Pid, _state.Process?.StartTicks, _state.Paused,
                lives ? MegabytesOf(_tree.ResidentBytes) : null, _state.PeakMemoryMb > 0 ? _state.PeakMemoryMb : null, lives ? _tree.ProcessorPercent : null,
                _output.Kept, _droppedBefore + _output.Dropped, reading.NativeSessionId, reading.Turns, reading.Signature, reading.RepeatedCalls,
                reading.LastTool, _state.Effective, _state.End, _state.ExitCode, _state.Detail);
        }
    }

    /// <summary>Takes in what is to be.</summary>
    public void Order(DesiredState desired, IReadOnlyList<OrderedIntervention> interventions, bool taskEnded)
    {
        lock (_gate)
        {
            _desired = desired;
            _ordered = interventions;
            _taskEndedAt = taskEnded ? _taskEndedAt ?? _around.Time.GetTimestamp() : null;
            _state = _state with { Effective = [.. _state.Effective.Where(id => interventions.Any(i => i.InterventionId == id))] };
            foreach (var message in interventions.Where(i => i.Kind == InterventionKind.Message && !_state.Effective.Contains(i.InterventionId)))
            {
                Deliver(message);
            }

            if (desired == DesiredState.Stop)
            {
                EndAs(RuntimeEnd.Stopped, "It was told to stop.", atOnce: false);
            }
        }

        _around.Wake();
    }

    /// <summary>Puts lines into its standard input.</summary>
    public void Put(IEnumerable<string> lines)
    {
        lock (_gate)
        {
            foreach (var line in lines.Where(_ => _in is not null))
            {
                Put(line);
            }
        }
    }

    /// <summary>Holds it still because nobody can be asked, or no longer.</summary>
    public void CutOff(bool isCutOff)
    {
        lock (_gate)
        {
            _cutOff = isCutOff;
        }
    }

    /// <summary>Ends it.</summary>
    /// <param name="how">As what, unless it has to be killed.</param>
    /// <param name="reason">Why, as a sentence.</param>
    /// <param name="atOnce">Without asking first.</param>
    public void End(RuntimeEnd how, string reason, bool atOnce = false)
    {
        lock (_gate)
        {
            EndAs(how, reason, atOnce);
        }

        _around.Wake();
    }

    /// <summary>Compares what is with what is to be, and does what is missing. Returns when it is to be called again at the latest; null where never.</summary>
    public TimeSpan? Step()
    {
        lock (_gate)
        {
            if (HasEnded)
            {
                return null;
            }

            var again = Advance();
            if (Essence(_state) != Essence(_saved))
            {
                Save();
            }

            return again;
        }
    }

    /// <summary>Lets go of it, and leaves it running.</summary>
    public void LetGo()
    {
        lock (_gate)
        {
            Save();
            ClosePipes();
            _spool.Dispose();
            _child?.Dispose();
        }
    }

    private TimeSpan Advance()
    {
        Measure();
        _exitCode ??= Shim.ExitCodeIn(Folder.Path);
        if (_closing || _exitCode is not null || !_tree.LeaderLives)
        {
            return Close();
        }

        if (_state.Phase == RuntimePhase.Observed && (_state.ReadyWhenObserved || _progress.Reading.Ready))
        {
            _state = _state with { Phase = RuntimePhase.Ready };
        }

        if (RunLimits.Exceeded(_state, _tree, _progress, _around.Options) is { } excess)
        {
            EndAs(RuntimeEnd.LimitExceeded, excess.Reason, excess.AtOnce);
        }
        else if (_state.EndsWithTask && _taskEndedAt is { } ended && (!_progress.InTurn || _around.Time.GetElapsedTime(ended) > LastWords))
        {
            EndAs(RuntimeEnd.Stopped, "Its task is over.", atOnce: false);
        }
        else if (_state.EndsWithTask && _taskEndedAt is null)
        {
            LookAfterUnfinishedTurn();
        }

        if (_state.EndAs is not null)
        {
            return Terminate();
        }

        HoldOrRelease();
        var settled = _state.Paused == (_desired == DesiredState.Pause);
        AddEffective(_ordered.Where(i => settled && i.Kind is InterventionKind.Pause or InterventionKind.Resume));
        return RunLimits.IsNear(_state, _tree) ? WhileEnding * 5 : _around.Options.LookEvery;
    }

    private void LookAfterUnfinishedTurn()
    {
        _idleSince = _progress.InTurn || _state.Paused || _desired == DesiredState.Pause ? null : _idleSince ?? _around.Time.GetTimestamp();
        switch (UnfinishedTurn.After(_progress.Reading.Turns, _state.NudgedAtTurn, _idleSince is { } since ? _around.Time.GetElapsedTime(since) : null))
        {
            case UnfinishedTurnStep.Nudge when _in is not null && _adapter?.Encode(UnfinishedTurn.Nudge) is { } line:
                Put(line);
                _idleSince = null;
                _state = _state with { NudgedAtTurn = _progress.Reading.Turns };
                break;
            case UnfinishedTurnStep.Fail:
                EndAs(RuntimeEnd.Failed, UnfinishedTurn.Reason, atOnce: false);
                break;
        }
    }

    private void HoldOrRelease()
    {
        if (_desired == DesiredState.Pause || _cutOff)
        {
            _tree.Send(AgentSignal.Hold, entry => !entry.IsStopped);
            if (!_state.Paused && _tree.Living.All(entry => entry.IsStopped))
            {
                _state = _state with { Paused = true };
                _heldSince = _around.Time.GetTimestamp();
                _output.Note(OutputSource.Note, _cutOff && _desired != DesiredState.Pause ? "Held still: the bus cannot be reached." : "Held still.");
                _around.Changed();
            }
            else if (!_state.Paused)
            {
                // Whoever has just been told has not stopped yet, and may have had a child meanwhile.
                _around.WakeIn(WhileEnding);
            }
        }
        else if (_state.Paused)
        {
            _tree.Send(AgentSignal.Continue, entry => entry.IsStopped);
            _state = _state with { Paused = false };
            if (_heldSince is { } since)
            {
                _progress.WasHeld(_around.Time.GetElapsedTime(since));
            }

            _heldSince = null;
            _output.Note(OutputSource.Note, "Goes on.");
            _around.Changed();
        }
    }

    private TimeSpan Terminate()
    {
        if (_toldToEndAt is null && !_endsAtOnce)
        {
            _toldToEndAt = _around.Time.GetTimestamp();
            _output.Note(OutputSource.Note, $"Told to end (SIGTERM): {_state.EndReason}");
            _tree.Send(AgentSignal.Terminate);
            _tree.Send(AgentSignal.Continue, entry => entry.IsStopped);
        }

        var left = _toldToEndAt is { } told ? _around.Options.StopGrace - _around.Time.GetElapsedTime(told) : TimeSpan.Zero;
        if (left > TimeSpan.Zero)
        {
            return left < _around.Options.LookEvery ? left : _around.Options.LookEvery;
        }

        if (!_forced)
        {
            _output.Note(OutputSource.Note, _endsAtOnce ? $"Killed: {_state.EndReason}" : $"Killed: it did not end within {_around.Options.StopGrace.TotalSeconds:0.#} s.");
        }

        _forced = true;
        KillAll();
        return WhileEnding;
    }

    // Held still first, all of them, so that none has another child while the others are being killed.
    private void KillAll()
    {
        _tree.Send(AgentSignal.Hold);
        _tree.Send(AgentSignal.Kill);
    }

    private TimeSpan Close()
    {
        if (!_closing)
        {
            _closing = true;
            Drain();
            _leftOver = _tree.Living.Count(entry => entry.Identity != _state.Process && !_forced);
        }

        if (_tree.Living.Count > 0)
        {
            KillAll();
            return WhileEnding;
        }

        // Whatever they wrote is in the pipes as long as this end is open.
        if (!_clearing)
        {
            _clearing = true;
            Drain();
            ClosePipes();
            _output.Finish();
            if (_leftOver > 0)
            {
                _output.Note(OutputSource.Note, $"{_leftOver} processes that it left running were killed.");
            }

            _ = ClearAsync();
        }

        if (!_isCleared)
        {
            return _around.Options.LookEvery;
        }

        if (_cleared is { } cleared)
        {
            _output.Note(OutputSource.Note, cleared);
        }

        var (end, detail) = HowItEnded();
        _output.Note(OutputSource.Note, $"Ended: {detail}");
        AddEffective(_ordered.Where(i => i.Kind != InterventionKind.Message));
        _state = _state with
        {
            Phase = RuntimePhase.Ended,
            Paused = false,
            End = end,
            ExitCode = _exitCode,
            Detail = detail,
            Progress = _progress.Reading,
            Secrets = [],
        };
        _around.Forest.Fell(Id);
        _child?.Dispose();
        _around.Changed();
        return WhileEnding;
    }

    private (RuntimeEnd End, string Detail) HowItEnded()
    {
        if (_state.EndAs is { } asked)
        {
            return (asked == RuntimeEnd.Stopped && _forced ? RuntimeEnd.Killed : asked, _state.EndReason ?? "It was ended.");
        }

        // The shell itself was killed: what it stood for went with it, by somebody else's hand.
        var byOthers = _exitCode is null && _child is not null && _child.WaitForExit(TimeSpan.FromSeconds(1)) ? _child.ExitCode : (int?)null;
        return (_exitCode ?? byOthers) switch
        {
            0 => (RuntimeEnd.Exited, "It ended by itself."),
            > 128 and var code => (RuntimeEnd.Failed, byOthers is null ? $"It ended by signal {code - 128}." : $"Somebody else killed it (signal {code - 128})."),
            { } code => (RuntimeEnd.Failed, $"It ended by itself with code {code}."),
            null => (RuntimeEnd.Lost, "It was gone, and nobody saw how it ended."),
        };
    }

    private async Task ClearAsync()
    {
        try
        {
            // A large folder takes a while, and the others are not to wait for it.
            await Task.Yield();
            _cleared = _state.Workspace is { } workspace ? await _around.Parts.Workspaces.ClearAsync(workspace, CancellationToken.None) : null;
        }
#pragma warning disable CA1031 // Whatever it was, the runtime has ended, and its transcript says what is left.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            _cleared = $"Its workspace {_state.Workspace?.Path} could not be cleared away: {fault.Message}";
        }

        _isCleared = true;
        _around.Wake();
    }

    private void Deliver(OrderedIntervention message)
    {
        // Where it takes nothing in while it runs, the bus tells it when it is started the next time.
        if (_in is not null && !_closing && message.Text is { } text && _adapter?.Encode(text) is { } line)
        {
            Put(line);
            _state = _state with { NudgedAtTurn = null };
            AddEffective([message]);
        }
    }

    private void Put(string line)
    {
        _around.Pump.Put(_in!, Encoding.UTF8.GetBytes(line.EndsWith('\n') ? line : line + "\n"));
        _output.Note(OutputSource.In, line.TrimEnd('\n'));
    }

    private void EndAs(RuntimeEnd how, string reason, bool atOnce)
    {
        _endsAtOnce |= atOnce;
        if (_state.EndAs is null)
        {
            _state = _state with { EndAs = how, EndReason = reason };
        }
    }

    private void AddEffective(IEnumerable<OrderedIntervention> interventions)
    {
        Guid[] added = [.. interventions.Select(i => i.InterventionId).Except(_state.Effective)];
        if (added.Length > 0)
        {
            _state = _state with { Effective = [.. _state.Effective, .. added] };
            _around.Changed();
        }
    }

    private void Measure()
    {
        var reading = _progress.Reading;
        if (reading.Ready != _state.Progress.Ready || reading.NativeSessionId != _state.Progress.NativeSessionId || reading.Turns != _state.Progress.Turns)
        {
            _around.Changed();
        }

        var peak = Math.Max(_state.PeakMemoryMb, MegabytesOf(_tree.ResidentBytes));
        if (peak != _state.PeakMemoryMb || reading != _state.Progress)
        {
            _state = _state with { PeakMemoryMb = peak, Progress = reading };
        }
    }

    private void Save()
    {
        if (_around.Save(Folder, _state with { DroppedLines = _droppedBefore + _output.Dropped }))
        {
            _saved = _state;
        }
    }

    private void Drain()
    {
        _out?.Drain();
        _error?.Drain();
    }

    private void ClosePipes()
    {
        foreach (var pipe in (Pipe?[])[_in, _out, _error])
        {
            if (pipe is not null)
            {
                _around.Pump.Release(pipe);
            }
        }
    }

    // What an agent says every second is not written every second: after a crash it says it again.
    private static RuntimeState Essence(RuntimeState state) => state with
    {
        PeakMemoryMb = state.PeakMemoryMb / 64,
        Progress = state.Progress with { Signature = null, RepeatedCalls = 0, LastTool = null },
    };

    private static int MegabytesOf(long bytes) => (int)(bytes >> 20);

    /// <summary>For what an adapter started that this program no longer has: its output is kept, and nothing in it understood.</summary>
    private sealed class NoInterpreter : IOutputInterpreter
    {
        public static readonly NoInterpreter Instance = new();

        public IEnumerable<AdapterSignal> Read(OutputSource source, string line) => [];
    }
}
