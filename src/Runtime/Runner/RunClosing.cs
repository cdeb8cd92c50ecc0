using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner;

/// <summary>The end of one run: whoever is left of it is killed, what it printed is read to its end, its workspace is cleared away, and how it ended is said.</summary>
internal sealed class RunClosing(RunParts run)
{
    private int _leftOver;
    private WorkspaceClearing? _clearing;

    /// <summary>Whether it has begun. It does not go back.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Does what is left to be done. Returns when it is to be called again; the run has ended when its phase says so.</summary>
    /// <param name="exitCode">Of its first process; null where nobody saw it.</param>
    /// <param name="ordered">What its agent was told last.</param>
    /// <param name="whileEnding">How often what is being ended is looked at.</param>
    public TimeSpan Step(int? exitCode, IReadOnlyList<OrderedIntervention> ordered, TimeSpan whileEnding)
    {
        var state = run.Record.State;
        if (!HasBegun)
        {
            HasBegun = true;
            run.Pipes?.Drain();
            _leftOver = run.Tree.Living.Count(entry => entry.Identity != state.Process && !run.Control.HasKilled);
        }

        if (run.Tree.Living.Count > 0)
        {
            run.Control.Sweep();
            return whileEnding;
        }

        _clearing ??= BeginClearing(state);
        if (!_clearing.IsOver)
        {
            return run.Around.Options.LookEvery;
        }

        if (_clearing.Said is { } cleared)
        {
            run.Output.Note(OutputSource.Note, cleared);
        }

        Finish(exitCode, ordered);
        return whileEnding;
    }

    // Whatever they wrote is in the pipes as long as this end is open.
    private WorkspaceClearing BeginClearing(RuntimeState state)
    {
        run.Pipes?.Drain();
        run.Pipes?.Close();
        run.Output.Finish();
        if (_leftOver > 0)
        {
            run.Output.Note(OutputSource.Note, $"{_leftOver} processes that it left running were killed.");
        }

        return WorkspaceClearing.Begin(run.Around.Parts.Workspaces, state.Workspace, run.Around.Wake);
    }

    private void Finish(int? exitCode, IReadOnlyList<OrderedIntervention> ordered)
    {
        var (end, detail) = RuntimeEnding.Of(run.Record.State, exitCode, run.Control.HasKilled, run.Child);
        run.Output.Note(OutputSource.Note, $"Ended: {detail}");
        run.Record.AddEffective(ordered.Where(i => i.Kind != InterventionKind.Message));
        run.Record.State = run.Record.State with
        {
            Phase = RuntimePhase.Ended,
            Paused = false,
            End = end,
            ExitCode = exitCode,
            Detail = detail,
            Progress = run.Progress.Reading,
            Secrets = [],
        };
        run.Around.Forest.Fell(run.Record.State.RuntimeId);
        run.Child?.Dispose();
        run.Around.Changed();
    }
}
