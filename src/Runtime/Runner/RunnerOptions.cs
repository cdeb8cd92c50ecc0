using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Adapters;
using ControlCenter.Runtime.Runner.Output;
using ControlCenter.Runtime.Runner.Workspaces;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlCenter.Runtime.Runner;

/// <summary>How a runner runs.</summary>
/// <param name="Folder">Where it keeps what it needs to find its agents again (<c>CC_HOME/runner</c>).</param>
/// <param name="Program">How this same program is started: program and first arguments.</param>
public sealed record RunnerOptions(string Folder, IReadOnlyList<string> Program)
{
    /// <summary>From SIGTERM to SIGKILL.</summary>
    public TimeSpan StopGrace { get; init; } = RuntimeTimeouts.StopGrace;

    /// <summary>How often everything that runs is looked at. 50 runtimes of two processes take some 5 ms.</summary>
    public TimeSpan LookEvery { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long the slots are counted as leased from a report on: 5 s less than they are. Between the moment at which agents are to be held still
    /// and that at which all of them are, their heirs must not have been started yet.
    /// </summary>
    public TimeSpan SlotLease { get; init; } = RuntimeTimeouts.HostLost - TimeSpan.FromSeconds(5);

    /// <summary>How long agents are held still from then on before they are ended: 30 s.</summary>
    public TimeSpan CutOffGrace { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How many processes one runtime may have: beyond it forks, it does not build.</summary>
    public int MostProcesses { get; init; } = 1_000;

    /// <summary>Where <c>proc</c> and <c>sys</c> are, by which the machine's load is measured: the machine's own unless said.</summary>
    public string SystemRoot { get; init; } = "/";

    /// <summary>How much of a runtime's output is kept.</summary>
    public OutputLimits Output { get; init; } = new();
}

/// <summary>What a runner needs that is made elsewhere.</summary>
/// <param name="Adapters">The kinds of agents that it can run.</param>
/// <param name="Workspaces">Where they work.</param>
/// <param name="Redactor">Makes a function that takes secrets out of a text: those that are given, and what looks like one.</param>
public sealed record RunnerParts(AdapterRegistry Adapters, IWorkspaces Workspaces, Func<IReadOnlyList<string>, Func<string, string>> Redactor)
{
    /// <summary>What a runner has unless said.</summary>
    public static RunnerParts Standard { get; } = StandardWith(NullLogger.Instance);

    /// <summary>The same, with a log.</summary>
    public static RunnerParts StandardWith(ILogger logger) => new(
        AdapterRegistry.Standard,
        new TaskWorkspaces(adapter => AdapterRegistry.Standard.Find(adapter) is { CanResume: true }, logger: logger),
        secrets => new SecretRedaction(secrets).Redact);
}

/// <summary>Makes the folders that agents work in, and clears them away.</summary>
public interface IWorkspaces
{
    /// <summary>Makes what a definition asks for.</summary>
    /// <param name="start">What is to be started.</param>
    /// <param name="folder">The runtime's own folder, which is there.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="LaunchException">It cannot be made on this host; the message says why.</exception>
    Task<Workspace> PrepareAsync(StartPackage start, string folder, CancellationToken cancellationToken);

    /// <summary>Clears it away once nothing runs there, and says what was done in words for the transcript; null where nothing is worth saying.</summary>
    Task<string?> ClearAsync(Workspace workspace, CancellationToken cancellationToken);
}

/// <summary>Where a runtime works.</summary>
/// <param name="Path">The folder that it works in.</param>
/// <param name="Private">A folder beside it for its home and configuration.</param>
/// <param name="Definition">What it was made from.</param>
public sealed record Workspace(string Path, string Private, WorkspaceDefinition Definition);
