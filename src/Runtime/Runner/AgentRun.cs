using System.Diagnostics;
using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Adapters;
using ControlCenter.Runtime.Runner.Output;
using ControlCenter.Runtime.Runner.Processes;
using ControlCenter.Runtime.Runner.Workspaces;

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
    private readonly OutputSpool _spool;
    private readonly RunParts _parts;
    private readonly RunHold _hold;
    private readonly RunClosing _closing;
    private readonly RunKeyboard _keyboard;
    private readonly UnfinishedTurnWatch _unfinished;
    private readonly WorkspaceMeter? _disk;

    private DesiredState _desired;
    private IReadOnlyList<OrderedIntervention> _ordered = [];
    private long? _taskEndedAt;
    private bool _endsAtOnce;
    private bool _endIsDue;
    private int? _exitCode;

    /// <summary>Supervises what was started, or what an earlier runner left.</summary>
    public AgentRun(RunSurroundings around, RuntimeFolder folder, RuntimeState state, Process? child = null)
    {
        _around = around;
        _adapter = around.Parts.Adapters.Find(state.Adapter);

        // What was held still stays so until the bus says what is to be.
        _desired = state.Paused ? DesiredState.Pause : DesiredState.Run;
        var tree = state.Phase == RuntimePhase.Ended ? new ProcessTree(null) : around.Forest.Plant(state.RuntimeId, state.Process);
        var progress = new AgentProgress(_adapter?.Interpret() ?? NoInterpreter.Instance, state.Progress, around.Time);
        _spool = OutputSpool.Open(folder.Spool);
        var output = new AgentOutput(_spool, progress, around.Parts.Redactor(state.Secrets), around.Options.Output, around.Wake, around.Time, state.HasTerminal);
        var control = new TreeControl(tree, output, progress, around.Options.StopGrace, around.Time, state.HasTerminal);
        var pipes = state.Phase == RuntimePhase.Ended ? null : new AgentPipes(around.Pump, folder, output, state.HasInput);
        _parts = new RunParts(around, new RunRecord(around, folder, state), tree, control, progress, output, pipes, child);
        (_hold, _closing, _keyboard) = (new RunHold(_parts), new RunClosing(_parts), new RunKeyboard(_parts));
        _unfinished = new UnfinishedTurnWatch(progress, around.Time);
        _disk = state.Limits.DiskMb is not null && state.Workspace is { } workspace ? new WorkspaceMeter(workspace, around.Time, around.Wake) : null;
    }

    /// <summary>Which runtime.</summary>
    public Guid Id => State.RuntimeId;

    /// <summary>The token of its slot's lease.</summary>
    public long FencingToken => State.FencingToken;

    /// <summary>Its folder.</summary>
    public RuntimeFolder Folder => _parts.Record.Folder;

    /// <summary>What of its output waits for the bus.</summary>
    public OutputSpool Spool => _spool;

    /// <summary>Nothing of it runs any more.</summary>
    public bool HasEnded => State.Phase == RuntimePhase.Ended;

    private RuntimeState State
    {
        get => _parts.Record.State;
        set => _parts.Record.State = value;
    }

    /// <summary>As it is told to the bus.</summary>
    public RuntimeObservation Observe()
    {
        lock (_gate)
        {
            var reading = _parts.Progress.Reading;
            var lives = State.Phase is RuntimePhase.Observed or RuntimePhase.Ready;
            return new RuntimeObservation(
                Id, FencingToken, State.Phase, State.Process?.Pid, State.Process?.StartTicks, State.Paused,
                lives ? MegabytesOf(_parts.Tree.ResidentBytes) : null, State.PeakMemoryMb > 0 ? State.PeakMemoryMb : null, lives ? _parts.Tree.ProcessorPercent : null,
                _parts.Output.Kept, _parts.Record.DroppedWith(_parts.Output.Dropped), reading.NativeSessionId, reading.Turns, reading.Signature, reading.RepeatedCalls,
                reading.LastTool, State.Effective, State.End, State.ExitCode,
                State.Detail is { } detail ? ShortText.Of(detail, LongestDetail) : null, State.Typed is { Count: > 0 } typed ? typed : null);
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
            _parts.Record.KeepEffective(interventions);
            foreach (var message in interventions.Where(i => i.Kind == InterventionKind.Message && !State.Effective.Contains(i.InterventionId)))
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

    /// <summary>Types what somebody has typed for it, as far as there is time left.</summary>
    /// <param name="inputs">All that the bus does not know to be typed.</param>
    /// <param name="age">How old its answer is.</param>
    public void Type(IReadOnlyList<OrderedInput> inputs, AnswerAge age)
    {
        lock (_gate)
        {
            if (!_closing.HasBegun && State.Phase is RuntimePhase.Observed or RuntimePhase.Ready)
            {
                _keyboard.Type(inputs, age);
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
                _parts.Pipes?.Put(line);
            }
        }
    }

    /// <summary>Holds it still because nobody can be asked, or no longer.</summary>
    public void CutOff(bool isCutOff)
    {
        lock (_gate)
        {
            _hold.IsCutOff = isCutOff;
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

    /// <summary>
    /// To be called before its processes are looked at: it is told to end at the first look that began after that was asked for, or a program that
    /// has started meanwhile would not be among those who are told.
    /// </summary>
    public void BeforeLook()
    {
        lock (_gate)
        {
            _endIsDue = State.EndAs is not null;
        }
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
            _parts.Record.SaveChange(_parts.Output.Dropped);
            return again;
        }
    }

    /// <summary>Lets go of it, and leaves it running.</summary>
    public void LetGo()
    {
        lock (_gate)
        {
            _parts.Record.Save(_parts.Output.Dropped);
            _parts.Pipes?.Close();
            _parts.Output.LetGo();
            _spool.Dispose();
            _parts.Child?.Dispose();
        }
    }

    private TimeSpan Advance()
    {
        Measure();
        _exitCode ??= Shim.ExitCodeIn(Folder.Path);
        if (_closing.HasBegun || _exitCode is not null || !_parts.Tree.LeaderLives)
        {
            return _closing.Step(_exitCode, _ordered, WhileEnding);
        }

        if (State.Phase == RuntimePhase.Observed && (State.ReadyWhenObserved || _parts.Progress.Reading.Ready))
        {
            State = State with { Phase = RuntimePhase.Ready };
        }

        LookForReasonsToEnd();
        if (State.EndAs is not null)
        {
            // What is killed is killed again at each look until it is gone: it need not wait for one that knows all of it, nor for the disk to keep why.
            return _endIsDue || _endsAtOnce ? Terminate() : WhileEnding;
        }

        var settled = _hold.Bring(_desired, WhileEnding);
        _parts.Record.AddEffective(_ordered.Where(i => settled && i.Kind is InterventionKind.Pause or InterventionKind.Resume));
        return RunLimits.IsNear(State, _parts.Tree) ? WhileEnding * 5 : _around.Options.LookEvery;
    }

    private void LookForReasonsToEnd()
    {
        if (RunLimits.Exceeded(State, _parts.Tree, _parts.Progress, _around.Options, _disk?.Bytes ?? 0) is { } excess)
        {
            EndAs(RuntimeEnd.LimitExceeded, excess.Reason, excess.AtOnce);
        }
        else if (_taskEndedAt is { } ended && ((State.EndsWithTask && !_parts.Progress.InTurn) || _around.Time.GetElapsedTime(ended) > LastWords))
        {
            EndAs(RuntimeEnd.Stopped, "Its task is over.", atOnce: false);
        }
        else if (State.EndsWithTask && _taskEndedAt is null)
        {
            LookAfterUnfinishedTurn();
        }
    }

    private void LookAfterUnfinishedTurn()
    {
        // Before it is told: an agent may have ended its next turn by the time that this is written down.
        var turns = _parts.Progress.Reading.Turns;
        switch (_unfinished.Look(State, isHeld: State.Paused || _desired == DesiredState.Pause))
        {
            case UnfinishedTurnStep.Nudge when _adapter?.Encode(UnfinishedTurn.Nudge) is { } line && _parts.Pipes?.Put(line) == true:
                _unfinished.Nudged();
                State = State with { NudgedAtTurn = turns };
                break;
            case UnfinishedTurnStep.Fail:
                EndAs(RuntimeEnd.Failed, UnfinishedTurn.Reason, atOnce: false);
                break;
        }
    }

    private TimeSpan Terminate()
    {
        var left = _endsAtOnce ? TimeSpan.Zero : _parts.Control.Terminate(State.EndReason);
        if (left > TimeSpan.Zero)
        {
            return left < _around.Options.LookEvery ? left : _around.Options.LookEvery;
        }

        _parts.Control.Kill(_endsAtOnce ? State.EndReason : $"it did not end within {_around.Options.StopGrace.TotalSeconds:0.#} s.");
        return WhileEnding;
    }

    private void Deliver(OrderedIntervention message)
    {
        // Where it takes nothing in while it runs, the bus tells it when it is started the next time.
        if (!_closing.HasBegun && message.Text is { } text && _adapter?.Encode(text) is { } line && _parts.Pipes?.Put(line) == true)
        {
            State = State with { NudgedAtTurn = null };
            _parts.Record.AddEffective([message]);
        }
    }

    private void EndAs(RuntimeEnd how, string reason, bool atOnce)
    {
        _endsAtOnce |= atOnce;
        if (State.EndAs is null)
        {
            State = State with { EndAs = how, EndReason = reason };
        }
    }

    private void Measure()
    {
        _disk?.Look();
        var reading = _parts.Progress.Reading;
        if (reading.Ready != State.Progress.Ready || reading.NativeSessionId != State.Progress.NativeSessionId || reading.Turns != State.Progress.Turns)
        {
            _around.Changed();
        }

        var peak = Math.Max(State.PeakMemoryMb, MegabytesOf(_parts.Tree.ResidentBytes));
        if (peak != State.PeakMemoryMb || reading != State.Progress)
        {
            State = State with { PeakMemoryMb = peak, Progress = reading };
        }
    }

    private static int MegabytesOf(long bytes) => (int)(bytes >> 20);
}
