using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner;

/// <summary>The end of one run: whoever is left of it is killed, what it printed is read to its end, its workspace is cleared away, and how it ended is said.</summary>
internal sealed class RunClosing(RunParts run)
{
    // A machine with much to do tells late how a process ended; one that is never told does not keep its runtime for ever.
    private static readonly TimeSpan Burial = TimeSpan.FromSeconds(20);

    private int? _leftOver;
    private long? _goneAt;
    private WorkspaceClearing? _clearing;
    private bool _hooksBegan;
    private volatile IReadOnlyList<HookOutcome>? _hooks;
    private string? _hookFailure;

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
            // Who is left is seen by a look that began after its end: in this one they may not have been there yet.
            HasBegun = true;
            run.Pipes?.Drain();
            if (!run.Control.HasKilled)
            {
                return whileEnding;
            }
        }

        _leftOver ??= run.Tree.Living.Count(entry => entry.Identity != state.Process && !run.Control.HasKilled);

        // Its hooks carry its mark too: they are let be while they run, and what they leave is swept after them.
        if (run.Tree.Living.Count > 0 && (!_hooksBegan || _hooks is not null))
        {
            run.Control.Sweep();
            return whileEnding;
        }

        if (!RuntimeEnding.IsKnown(state, exitCode, run.Child)
            && run.Around.Time.GetElapsedTime(_goneAt ??= run.Around.Time.GetTimestamp()) < Burial)
        {
            return whileEnding;
        }

        if (!_hooksBegan)
        {
            _hooksBegan = true;
            BeginHooks(state, exitCode);
        }

        if (_hooks is not { } hooks)
        {
            return run.Around.Options.LookEvery;
        }

        _clearing ??= BeginClearing(state, hooks);
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

    // Its own key and values are not told to them: the key is dead, and what is put away after an agent is its host's matter.
    private void BeginHooks(RuntimeState state, int? exitCode)
    {
        if (state.EndHooks.Count == 0 || state.Workspace is not { } workspace || !Directory.Exists(workspace.Path))
        {
            _hooks = [];
            return;
        }

        run.Pipes?.Drain();
        var environment = AgentEnvironment.AfterIt(state.RuntimeId, workspace, RuntimeEnding.Of(state, exitCode, run.Control.HasKilled, run.Child).End, exitCode);
        _ = Task.Run(async () =>
        {
            try
            {
                _hooks = await HookRun.AllAsync(
                    state.EndHooks, AgentHook.End, workspace.Path, environment, run.Around.Parts.Redactor(state.Secrets), run.Around.Time, CancellationToken.None);
            }
#pragma warning disable CA1031 // Whatever it was, the runtime has ended; what came of its hooks is said, and the rest goes on.
            catch (Exception fault)
#pragma warning restore CA1031
            {
                var failure = $"Its hooks could not be run: {fault.Message}";
                _hooks = [new HookOutcome(state.EndHooks[0], failure, [failure])];
            }
            finally
            {
                run.Around.Wake();
            }
        });
    }

    private void TellHooks(IReadOnlyList<HookOutcome> outcomes)
    {
        foreach (var outcome in outcomes)
        {
            foreach (var note in outcome.Notes)
            {
                run.Output.Note(OutputSource.Note, note);
            }

            _hookFailure ??= outcome.FailsClosed ? outcome.Failure : null;
        }
    }

    // Whatever they wrote is in the pipes as long as this end is open.
    private WorkspaceClearing BeginClearing(RuntimeState state, IReadOnlyList<HookOutcome> hooks)
    {
        run.Pipes?.Drain();
        run.Pipes?.Close();
        run.Output.Finish();
        TellHooks(hooks);
        if (_leftOver > 0)
        {
            run.Output.Note(OutputSource.Note, $"{_leftOver} processes that it left running were killed.");
        }

        return WorkspaceClearing.Begin(run.Around.Parts.Workspaces, state.Workspace, run.Around.Wake);
    }

    private void Finish(int? exitCode, IReadOnlyList<OrderedIntervention> ordered)
    {
        var (end, detail) = RuntimeEnding.Of(run.Record.State, exitCode, run.Control.HasKilled, run.Child);
        if (_hookFailure is { } failed)
        {
            (end, detail) = (end == RuntimeEnd.Exited ? RuntimeEnd.Failed : end, $"{detail} {failed}");
        }

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
