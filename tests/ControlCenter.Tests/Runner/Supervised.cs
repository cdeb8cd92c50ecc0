using System.Text.Json;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Ids;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner;
using ControlCenter.Runtime.Runner.Adapters;
using ControlCenter.Runtime.Runner.Processes;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlCenter.Tests.Runner;

/// <summary>A supervisor on a folder of its own, with short words for long requests.</summary>
internal sealed class Supervised : IAsyncDisposable
{
    private readonly string _home;
    private readonly CancellationTokenSource _patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    private readonly RunnerParts _parts;
    private readonly TimeProvider _time;
    private RunnerFolder _folder;

    public Supervised(RunnerOptions? options = null, IExecutionAdapter? adapter = null, string? home = null, TimeProvider? time = null, IWorkspaces? workspaces = null)
    {
        _home = home is null ? Directory.CreateTempSubdirectory("cc-runner-").FullName : Directory.CreateDirectory(home).FullName;
        _patience.CancelAfter(TimeSpan.FromMinutes(3));
        Options = (options ?? Quick) with { Folder = Path.Combine(_home, "runner") };
        _parts = adapter is null ? RunnerParts.Standard : RunnerParts.Standard with { Adapters = new AdapterRegistry([adapter]) };
        _parts = workspaces is null ? _parts : _parts with { Workspaces = workspaces };
        _time = time ?? TimeProvider.System;
        _folder = RunnerFolder.Take(Options.Folder);
        Supervisor = Supervisor.Open(_folder, Options, _parts, NullLogger.Instance, _time);
    }

    /// <summary>Looks often. Whoever is told to end has long enough for it: only what ignores that is killed.</summary>
    public static RunnerOptions Quick { get; } = new("", ["false"]) { StopGrace = TimeSpan.FromSeconds(60), LookEvery = TimeSpan.FromMilliseconds(50) };

    public Supervisor Supervisor { get; private set; }

    public RunnerOptions Options { get; }

    public CancellationToken Stop => _patience.Token;

    public string Home => _home;

    /// <summary>A definition of a command line.</summary>
    public static AgentDefinition Command(params string[] command) => new() { Name = "stand-in", Adapter = "process", Command = command };

    /// <summary>A definition of a script for the shell.</summary>
    public static AgentDefinition Script(string script) => Command("sh", "-c", script);

    /// <summary>What a bus would say to start it.</summary>
    public static StartPackage Package(AgentDefinition definition, string? message = null, string? resume = null, StartTask? task = null) => new(
        Uuid7.New(TimeProvider.System), 1, Uuid7.New(TimeProvider.System), definition.Name, "cck_key-of-a-test", definition,
        Uuid7.New(TimeProvider.System), resume, task, message, 0);

    /// <summary>A task that a runtime is started for.</summary>
    public static StartTask OneTask() => new(
        Uuid7.New(TimeProvider.System), Uuid7.New(TimeProvider.System), "T-1", "A task", null, 1, 3, Uuid7.New(TimeProvider.System), 1, DateTimeOffset.UnixEpoch, null);

    public async Task<AgentRun> StartAsync(AgentDefinition definition, string? message = null, string? resume = null, StartTask? task = null)
    {
        var package = Package(definition, message, resume, task);
        await Supervisor.StartAsync(package, new Uri("http://127.0.0.1:1"), Stop);
        return Supervisor.Find(package.RuntimeId)!;
    }

    /// <summary>The runner's death and the next one's start: nothing of the first one's gets to say goodbye to the agents.</summary>
    /// <param name="whileAway">What happens while there is none.</param>
    public async Task StartAgainAsync(Func<Task>? whileAway = null)
    {
        await Supervisor.DisposeAsync();
        _folder.Dispose();
        if (whileAway is not null)
        {
            await whileAway();
        }

        _folder = RunnerFolder.Take(Options.Folder);
        Supervisor = Supervisor.Open(_folder, Options, _parts, NullLogger.Instance, _time);
    }

    /// <summary>Waits until something is so.</summary>
    public Task UntilAsync(Func<bool> isSo, string what, TimeSpan? every = null) => WaitAsync(isSo, what, Stop, every);

    private static async Task WaitAsync(Func<bool> isSo, string what, CancellationToken cancellationToken, TimeSpan? every = null)
    {
        using var timer = new PeriodicTimer(every ?? TimeSpan.FromMilliseconds(10));
        while (!isSo())
        {
            try
            {
                await timer.WaitForNextTickAsync(cancellationToken);
            }
            catch (OperationCanceledException fault)
            {
                throw new TimeoutException($"It did not come to be that {what}.", fault);
            }
        }
    }

    public async Task<RuntimeObservation> EndedAsync(AgentRun run)
    {
        await UntilAsync(() => run.HasEnded, $"the runtime ended; {Said(run)}");
        return run.Observe();
    }

    public Task SaysAsync(AgentRun run, string text) => UntilAsync(() => Lines(run).Any(l => l.Text.Contains(text, StringComparison.Ordinal)), $"it said '{text}'");

    /// <summary>Everything that it printed and that waits for the bus.</summary>
    public static IReadOnlyList<OutputLine> Lines(AgentRun run) =>
        [.. Directory.EnumerateFiles(run.Folder.Spool).Order().SelectMany(f => ReadShared(f).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            .Select(l => JsonSerializer.Deserialize<OutputLine>(l, RunnerJson.Options)!)];

    public static string Said(AgentRun run) => string.Join('\n', Lines(run).Select(l => $"{l.Source}: {l.Text}"));

    /// <summary>Every process on this machine that carries a runtime's id, the ended ones not counted.</summary>
    public static IReadOnlyList<int> ProcessesOf(AgentRun run) => [.. ProcessesOf(run.Id.ToString()).Select(p => p.Pid)];

    /// <summary>The same.</summary>
    public static IReadOnlyList<ProcessEntry> ProcessesOf(string runtime) =>
        [.. ProcessTable.Read().Where(p => !p.HasEnded && ProcessTable.VariableOf(p.Pid, AgentEnvironment.RuntimeIdVariable) == runtime)];

    /// <summary>Whether a runtime is held still: a shell in vfork(2) is so with the child that it waits for.</summary>
    public static bool IsHeld(string runtime) =>
        ProcessesOf(runtime) is { Count: > 0 } all && all.All(p => p.IsStopped || p.State == 'D') && all.Any(p => p.IsStopped);

    /// <summary>Those of them that are held still with it: not script(1), which holds its terminal, nor the shell in that, which both only wait.</summary>
    public static IReadOnlyList<ProcessEntry> HeldOf(AgentRun run)
    {
        var all = ProcessesOf(run).Select(pid => ProcessTable.Find(pid)!.Value).ToList();
        var terminal = all.Where(p => p.Parent == run.Observe().Pid && File.ReadAllText($"/proc/{p.Pid}/comm").Trim() == "script").Select(p => p.Pid).ToHashSet();
        return [.. all.Where(p => !terminal.Contains(p.Pid) && !terminal.Contains(p.Parent))];
    }

    // It is being written: what has no line end yet is no line yet.
    private static string ReadShared(string path)
    {
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        var text = reader.ReadToEnd();
        return text[..(text.LastIndexOf('\n') + 1)];
    }

    /// <summary>Clears away, whatever the test left running.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var run in Supervisor.Runs)
        {
            run.End(RuntimeEnd.Stopped, "The test is over.", atOnce: true);
        }

        // With a patience of its own: where the test's has run out, that is what is to be told.
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await WaitAsync(() => Supervisor.Runs.All(r => r.HasEnded), "everything that the test left running ended", patience.Token);
        await Supervisor.DisposeAsync();
        _folder.Dispose();
        _patience.Dispose();
        Directory.Delete(_home, recursive: true);
    }
}
