using System.Diagnostics;
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

    // The last line of a program may be a page; the reason of an end is a sentence or two.
    private const int LongestDetail = 2_000;

    private readonly Lock _gate = new();
    private readonly RunSurroundings _around;
    private readonly IExecutionAdapter? _adapter;
    private readonly ProcessTree _tree;
    private readonly TreeControl _control;
    private readonly AgentProgress _progress;
    private readonly OutputSpool _spool;
    private readonly AgentOutput _output;
    private readonly AgentPipes? _pipes;
    private readonly Process? _child;
    private readonly long _droppedBefore;

    private RuntimeState _state;
    private RuntimeState _saved;
    private DesiredState _desired;
    private bool _cutOff;
    private IReadOnlyList<OrderedIntervention> _ordered = [];
    private long? _taskEndedAt;
    private long? _idleSince;
    private bool _endsAtOnce;
    private int? _exitCode;
    private bool _closing;
    private int _leftOver;
    private WorkspaceClearing? _clearing;

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
        _control = new TreeControl(_tree, _output, _progress, around.Options.StopGrace, around.Time);
        if (state.Phase != RuntimePhase.Ended)
        {
            _pipes = new AgentPipes(around.Pump, folder, _output, state.HasInput);
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
                reading.LastTool, _state.Effective, _state.End, _state.ExitCode,
                _state.Detail is { } detail ? ShortText.Of(detail, LongestDetail) : null);
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
            foreach (var line in lines)
            {
                _pipes?.Put(line);
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
            _pipes?.Close();
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
        else if (_taskEndedAt is { } ended && ((_state.EndsWithTask && !_progress.InTurn) || _around.Time.GetElapsedTime(ended) > LastWords))
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
            case UnfinishedTurnStep.Nudge when _adapter?.Encode(UnfinishedTurn.Nudge) is { } line && _pipes?.Put(line) == true:
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
        var isToBeHeld = _desired == DesiredState.Pause || _cutOff;
        if (isToBeHeld == _state.Paused && !_control.IsLoose(_state.Paused))
        {
            return;
        }

        if (!isToBeHeld)
        {
            _control.Release();
        }
        else if (!_control.Hold(_desired == DesiredState.Pause ? "Held still." : "Held still: the bus cannot be reached."))
        {
            // Whoever has just been told has not stopped yet, and may have had a child meanwhile.
            _around.WakeIn(WhileEnding);
            return;
        }

        if (_state.Paused != isToBeHeld)
        {
            _state = _state with { Paused = isToBeHeld };
            _around.Changed();
        }
    }

    private TimeSpan Terminate()
    {
        var left = _endsAtOnce ? TimeSpan.Zero : _control.Terminate(_state.EndReason);
        if (left > TimeSpan.Zero)
        {
            return left < _around.Options.LookEvery ? left : _around.Options.LookEvery;
        }

        _control.Kill(_endsAtOnce ? _state.EndReason : $"it did not end within {_around.Options.StopGrace.TotalSeconds:0.#} s.");
        return WhileEnding;
    }

    private TimeSpan Close()
    {
        if (!_closing)
        {
            _closing = true;
            _pipes?.Drain();
            _leftOver = _tree.Living.Count(entry => entry.Identity != _state.Process && !_control.HasKilled);
        }

        if (_tree.Living.Count > 0)
        {
            _control.Sweep();
            return WhileEnding;
        }

        // Whatever they wrote is in the pipes as long as this end is open.
        if (_clearing is null)
        {
            _pipes?.Drain();
            _pipes?.Close();
            _output.Finish();
            if (_leftOver > 0)
            {
                _output.Note(OutputSource.Note, $"{_leftOver} processes that it left running were killed.");
            }

            _clearing = WorkspaceClearing.Begin(_around.Parts.Workspaces, _state.Workspace, _around.Wake);
        }

        if (!_clearing.IsOver)
        {
            return _around.Options.LookEvery;
        }

        if (_clearing.Said is { } cleared)
        {
            _output.Note(OutputSource.Note, cleared);
        }

        var (end, detail) = RuntimeEnding.Of(_state, _exitCode, _control.HasKilled, _child);
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

    private void Deliver(OrderedIntervention message)
    {
        // Where it takes nothing in while it runs, the bus tells it when it is started the next time.
        if (!_closing && message.Text is { } text && _adapter?.Encode(text) is { } line && _pipes?.Put(line) == true)
        {
            _state = _state with { NudgedAtTurn = null };
            AddEffective([message]);
        }
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

    // What an agent says every second is not written every second: after a crash it says it again.
    private static RuntimeState Essence(RuntimeState state) => state with
    {
        PeakMemoryMb = state.PeakMemoryMb / 64,
        Progress = state.Progress with { Signature = null, RepeatedCalls = 0, LastTool = null },
    };

    private static int MegabytesOf(long bytes) => (int)(bytes >> 20);
}
