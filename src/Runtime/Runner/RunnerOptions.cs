using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Adapters;
using ControlCenter.Runtime.Runner.Output;

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

    /// <summary>How long the slots are leased from a report on.</summary>
    public TimeSpan SlotLease { get; init; } = RuntimeTimeouts.HostLost;

    /// <summary>How long agents are held still after the slots' leases have run out unreported, before they are ended: 30 s.</summary>
    public TimeSpan CutOffGrace { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How many processes one runtime may have: beyond it forks, it does not build.</summary>
    public int MostProcesses { get; init; } = 1_000;

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
    public static RunnerParts Standard { get; } = new(AdapterRegistry.Standard, new FolderWorkspaces(), KnownSecrets);

    // A short value would be found in every other word.
    private const int ShortestSecret = 6;

    private static Func<string, string> KnownSecrets(IReadOnlyList<string> secrets)
    {
        string[] known = [.. secrets.Where(s => s.Length >= ShortestSecret).Distinct().OrderByDescending(s => s.Length)];
        return text => known.Aggregate(text, (left, secret) => left.Replace(secret, "[redacted]", StringComparison.Ordinal));
    }
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

/// <summary>An empty folder for each runtime.</summary>
public sealed class FolderWorkspaces : IWorkspaces
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <inheritdoc />
    public Task<Workspace> PrepareAsync(StartPackage start, string folder, CancellationToken cancellationToken)
    {
        var definition = start.Definition.Workspace;
        if (definition.Kind != "folder")
        {
            throw new LaunchException($"A workspace of the kind '{definition.Kind}' cannot be made on this host; expected folder.");
        }

        var workspace = new Workspace(Path.Combine(folder, "work"), Path.Combine(folder, "private"), definition);
        Directory.CreateDirectory(workspace.Path, OwnerOnly);
        Directory.CreateDirectory(workspace.Private, OwnerOnly);
        return Task.FromResult(workspace);
    }

    /// <inheritdoc />
    public Task<string?> ClearAsync(Workspace workspace, CancellationToken cancellationToken)
    {
        foreach (var path in workspace.Definition.Keep ? [workspace.Private] : (string[])[workspace.Path, workspace.Private])
        {
            if (Directory.Exists(path))
            {
                Directory.Delete(path, recursive: true);
            }
        }

        return Task.FromResult<string?>(null);
    }
}
