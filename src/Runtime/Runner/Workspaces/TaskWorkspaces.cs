using System.Text.Json;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Adapters;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlCenter.Runtime.Runner.Workspaces;

/// <summary>
/// A folder, or a git worktree, for each session: the same path for each of its processes, as command-line agents find their sessions by where they
/// work. What is cleared away is said, and work that is in a repository stays there.
/// </summary>
/// <param name="keepsSessions">Whether an adapter's program can go on with a session later: then what it keeps of it stays, for a while.</param>
/// <param name="leastFreeBytes">How much of the disk must be free for a start. Unless said, what a checkout and what is built in it need.</param>
/// <param name="logger">Told what could not be cleared away.</param>
#pragma warning disable CA1001 // Nothing is held by a semaphore whose handle nobody asks for.
public sealed partial class TaskWorkspaces(Func<string, bool> keepsSessions, long leastFreeBytes = TaskWorkspaces.UsualLeastFreeBytes, ILogger? logger = null) : IWorkspaces
#pragma warning restore CA1001
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    // Less is not enough for a checkout and what is built in it, and a full disk takes the other agents along.
    private const long UsualLeastFreeBytes = 512L * 1024 * 1024;

    // Whoever goes on with a session does so within minutes; a founder who comes back to one, within days.
    private static readonly TimeSpan SessionsKept = TimeSpan.FromDays(7);

    private readonly ILogger _logger = logger ?? NullLogger.Instance;

    // Of two starts at a time one would clear away what the other is about to take up.
    private readonly SemaphoreSlim _sweep = new(1, 1);

    /// <inheritdoc />
    public async Task<Workspace> PrepareAsync(StartPackage start, string folder, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(start);
        var root = RootOf(folder);
        Directory.CreateDirectory(Path.Combine(root, "workspaces"), OwnerOnly);
        RequireRoom(root);
        // Ids only: nothing that anybody has named becomes part of a path.
        var session = start.SessionId.ToString();
        var workspace = new Workspace(Path.Combine(root, "workspaces", session), Path.Combine(root, "sessions", session), start.Definition.Workspace);
        var record = new Record(workspace, folder, BranchOf(start), keepsSessions(start.Definition.Adapter));

        await _sweep.WaitAsync(cancellationToken);
        try
        {
            await ClearLeftOversAsync(root, cancellationToken);

            // Written first: whoever finds it after a crash knows what to clear away, and when.
            await File.WriteAllTextAsync(RecordOf(workspace), JsonSerializer.Serialize(record, RunnerJson.Options), cancellationToken);
        }
        finally
        {
            _sweep.Release();
        }

        Directory.CreateDirectory(workspace.Private, OwnerOnly);
        if (WorktreeOf(record) is { } worktree)
        {
            await worktree.PrepareAsync(workspace.Definition, cancellationToken);
        }
        else
        {
            Directory.CreateDirectory(workspace.Path, OwnerOnly);
        }

        return workspace;
    }

    /// <inheritdoc />
    public async Task<string?> ClearAsync(Workspace workspace, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        if (Read(RecordOf(workspace)) is not { } record)
        {
            return null;
        }

        var said = await ClearAsync(record, cancellationToken);
        ClearPrivate(record);
        File.Delete(RecordOf(workspace));
        return said;
    }

    private static async Task<string?> ClearAsync(Record record, CancellationToken cancellationToken)
    {
        var path = record.Workspace.Path;
        if (!Directory.Exists(path))
        {
            return null;
        }

        if (record.Workspace.Definition.Keep)
        {
            return $"The workspace {path} is kept, as its definition says.";
        }

        if (WorktreeOf(record) is { } worktree)
        {
            FolderRemoval.MakeWritable(path);
            return await worktree.RemoveAsync(cancellationToken);
        }

        var size = FolderSize.Of(path);
        FolderRemoval.Delete(path);
        return $"The workspace {path} was removed ({size}).";
    }

    private static void ClearPrivate(Record record)
    {
        var path = record.Workspace.Private;
        if (!Directory.Exists(path))
        {
            return;
        }

        if (!record.KeepsSession)
        {
            FolderRemoval.Delete(path);
            return;
        }

        FolderRemoval.Delete(Directory.CreateDirectory(Path.Combine(path, "tmp")).FullName);
        Directory.SetLastWriteTimeUtc(path, DateTime.UtcNow);
    }

    // What a runner that was killed has left: its runtime is known no more. What cannot be cleared away is tried again at the next start,
    // and keeps nobody from this one.
    private async Task ClearLeftOversAsync(string root, CancellationToken cancellationToken)
    {
        foreach (var file in Directory.EnumerateFiles(Path.Combine(root, "workspaces"), "*.json"))
        {
            try
            {
                if (Read(file) is { } record && !Directory.Exists(record.RuntimeFolder))
                {
                    await ClearAsync(record.Workspace, cancellationToken);
                }
            }
            catch (Exception fault) when (IsOfTheDisk(fault))
            {
                LogNotCleared(_logger, file, fault.Message);
            }
        }

        var sessions = new DirectoryInfo(Path.Combine(root, "sessions"));
        foreach (var session in sessions.Exists ? sessions.EnumerateDirectories() : [])
        {
            try
            {
                if (session.LastWriteTimeUtc < DateTime.UtcNow - SessionsKept && !File.Exists(Path.Combine(root, "workspaces", session.Name + ".json")))
                {
                    FolderRemoval.Delete(session.FullName);
                }
            }
            catch (Exception fault) when (IsOfTheDisk(fault))
            {
                LogNotCleared(_logger, session.FullName, fault.Message);
            }
        }
    }

    private static bool IsOfTheDisk(Exception fault) => fault is IOException or UnauthorizedAccessException or LaunchException;

    private void RequireRoom(string root)
    {
        var free = new DriveInfo(root).AvailableFreeSpace;
        if (free < leastFreeBytes)
        {
            throw new LaunchException($"The disk of this host's workspaces has {free >> 20:N0} MB free; {leastFreeBytes >> 20:N0} MB are the least.");
        }
    }

    private static Worktree? WorktreeOf(Record record) => record.Workspace.Definition switch
    {
        { Kind: "folder" } => null,
        { Kind: "worktree", Repository: { } repository } => new Worktree(repository, record.Workspace.Path, record.Branch),
        var other => throw new LaunchException($"A workspace of the kind '{other.Kind}' cannot be made on this host; expected folder, or worktree with a repository."),
    };

    // The last digits of an id are random; the first are the time, and alike for tasks that were planned together.
    private static string BranchOf(StartPackage start) => start.Task is { } task
        ? $"cc/{task.TicketKey}-{task.TaskId.ToString("N")[^12..]}"
        : $"cc/session-{start.SessionId.ToString("N")[^12..]}";

    private static string RootOf(string runtimeFolder) => Path.GetFullPath(Path.Combine(runtimeFolder, "..", ".."));

    private static string RecordOf(Workspace workspace) => workspace.Path + ".json";

    private static Record? Read(string file)
    {
        try
        {
            return JsonSerializer.Deserialize<Record>(File.ReadAllText(file), RunnerJson.Options);
        }
        catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            // Cleared already, or cut off while it was written: then nothing had been made yet.
            return null;
        }
    }

    [LoggerMessage(EventId = 1821, Level = LogLevel.Warning, Message = "What is left of {Path} could not be cleared away, and is tried again at the next start: {Reason}")]
    private static partial void LogNotCleared(ILogger logger, string path, string reason);

    private sealed record Record(Workspace Workspace, string RuntimeFolder, string Branch, bool KeepsSession);
}
