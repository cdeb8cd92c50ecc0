using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Adapters;
using ControlCenter.Runtime.Runner.Output;
using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Runtime.Runner;

/// <summary>Starts one agent: its folder, its workspace, its files, its process.</summary>
internal sealed class AgentLauncher(RunnerFolder runner, RunnerOptions options, RunnerParts parts, TimeProvider time)
{
    /// <summary>Starts it.</summary>
    /// <param name="folder">The runtime's folder.</param>
    /// <param name="state">What is known of it so far.</param>
    /// <param name="start">What to start.</param>
    /// <param name="bus">The bus's address as reached from here.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="LaunchException">It cannot be started on this host, and nothing of it is left.</exception>
    public async Task<LaunchedAgent> LaunchAsync(RuntimeFolder folder, RuntimeState state, StartPackage start, Uri bus, CancellationToken cancellationToken)
    {
        Workspace? workspace = null;
        try
        {
            folder.Make();
            folder.Save(state);
            var adapter = parts.Adapters[state.Adapter];
            workspace = await parts.Workspaces.PrepareAsync(start, folder.Path, cancellationToken);
            state = state with { Workspace = workspace };
            folder.Save(state);
            var surroundings = new LaunchSurroundings(workspace.Path, workspace.Private, bus, options.Program);
            var plan = adapter.Plan(start, surroundings);
            var (environment, secrets) = AgentEnvironment.Of(start, plan, surroundings, Environment.GetEnvironmentVariable);
            WriteFiles(start, plan, surroundings);
            state = state with { Secrets = secrets, EndHooks = [.. start.Definition.Hooks.Where(h => h.On == AgentHook.End)] };
            folder.Save(state);
            await RunHooksAsync(start, folder, state, environment, cancellationToken);
            var command = ProgramPath.Resolve(plan.Command, workspace.Path, environment["PATH"]);
            state = state with { ReadyWhenObserved = plan.ReadyWhenObserved, EndsWithTask = plan.EndsWithTask, HasInput = !plan.NoInput, HasTerminal = plan.Terminal };
            if (plan.Terminal)
            {
                environment.TryAdd("TERM", ShimTerminal.Kind);
                WriteFile(folder.Terminal, ShimTerminal.Script(command, environment));
            }

            // Written first: a runner that dies in the next line leaves a process that is found by its environment.
            folder.Save(state);
            var (child, identity) = Shim.Start(runner.ShimScript, folder.Path, runner.Bell, command, workspace.Path, environment, plan.Terminal ? ShimInput.Terminal : state.HasInput ? ShimInput.Pipe : ShimInput.None);
            return new LaunchedAgent(
                state with { Process = identity, Phase = plan.ReadyWhenObserved ? RuntimePhase.Ready : RuntimePhase.Observed }, child, plan.FirstInput);
        }
        catch (Exception fault) when (fault is LaunchException or IOException or UnauthorizedAccessException or Win32Exception)
        {
            if (workspace is not null)
            {
                try
                {
                    await parts.Workspaces.ClearAsync(workspace, CancellationToken.None);
                }
                catch (Exception left) when (left is LaunchException or IOException or UnauthorizedAccessException)
                {
                    throw new LaunchException($"{fault.Message} Its workspace {workspace.Path} could not be cleared away: {left.Message}");
                }
            }

            throw fault as LaunchException ?? new LaunchException(fault.Message);
        }
    }

    private async Task RunHooksAsync(
        StartPackage start, RuntimeFolder folder, RuntimeState state, IReadOnlyDictionary<string, string> environment, CancellationToken cancellationToken)
    {
        var outcomes = await HookRun.AllAsync(
            start.Definition.Hooks, AgentHook.Start, state.Workspace!.Path, environment, parts.Redactor(state.Secrets), time, cancellationToken);
        if (outcomes.Count == 0)
        {
            return;
        }

        using (var spool = OutputSpool.Open(folder.Spool))
        {
            spool.Append([.. outcomes.SelectMany(o => o.Notes).Select(note => new OutputLine(time.GetUtcNow(), OutputSource.Note, note))]);
        }

        if (outcomes.FirstOrDefault(o => o.FailsClosed) is { Failure: { } failure })
        {
            throw new LaunchException($"{failure} Its output has the end of what it printed.");
        }
    }

    private static void WriteFiles(StartPackage start, LaunchPlan plan, LaunchSurroundings surroundings)
    {
        Directory.CreateDirectory(Path.Combine(surroundings.Private, "tmp"));
        if (start.Task is { } task)
        {
            WriteFile(AgentEnvironment.TaskFile(surroundings), JsonSerializer.Serialize(
                new { task.TaskId, task.TicketKey, task.Title, task.Instructions, task.Attempt, task.MaxAttempts, task.Checkpoint }, RunnerJson.Options));
            if (task.Checkpoint is { } checkpoint)
            {
                WriteFile(AgentEnvironment.CheckpointFile(surroundings), checkpoint.GetRawText());
            }
        }

        foreach (var (path, text) in plan.Files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            WriteFile(path, text);
        }
    }

    private static void WriteFile(string path, string text)
    {
        using var writer = new StreamWriter(new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }));
        writer.Write(text);
    }
}

/// <summary>What was started.</summary>
/// <param name="State">What is to be kept of it.</param>
/// <param name="Child">Its shell.</param>
/// <param name="FirstInput">What it is to be told first.</param>
internal sealed record LaunchedAgent(RuntimeState State, Process Child, IReadOnlyList<string> FirstInput);
