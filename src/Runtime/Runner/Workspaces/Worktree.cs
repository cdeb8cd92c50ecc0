using System.Globalization;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Runner.Adapters;

namespace ControlCenter.Runtime.Runner.Workspaces;

/// <summary>A git worktree on a branch of its own: <c>cc/TICKET-TASK</c>. Whatever is in it when it is removed stays in the repository.</summary>
internal sealed class Worktree(string repository, string path, string branch)
{
    private static readonly string[] Author = ["-c", "user.name=Control Center", "-c", "user.email=control-center@localhost"];

    /// <summary>Makes it, or takes up what is there: another attempt goes on from the branch of the one before.</summary>
    /// <exception cref="LaunchException">There is no such repository or ref, or git refuses.</exception>
    public async Task PrepareAsync(WorkspaceDefinition definition, CancellationToken cancellationToken)
    {
        await RequireRepositoryAsync(cancellationToken);
        await Git.RunAsync(repository, cancellationToken, "worktree", "prune");
        if (Directory.Exists(path))
        {
            if (await IsWorktreeAsync(cancellationToken))
            {
                return;
            }

            SetAside();
        }

        if (await HasAsync($"refs/heads/{branch}", cancellationToken))
        {
            // By force: where it is still checked out, that worktree is of an attempt that is over.
            await Git.RunAsync(repository, cancellationToken, "worktree", "add", "--quiet", "--force", path, branch);
            return;
        }

        var from = definition.Ref ?? "HEAD";
        if (!await HasAsync($"{from}^{{commit}}", cancellationToken))
        {
            throw new LaunchException($"The repository {repository} has no '{from}' on this host.");
        }

        await Git.RunAsync(repository, cancellationToken, "worktree", "add", "--quiet", "--no-track", "-b", branch, path, from);
    }

    /// <summary>Removes it, and says what is kept and where.</summary>
    /// <exception cref="LaunchException">Git refuses; then it is still there, whole.</exception>
    public async Task<string> RemoveAsync(CancellationToken cancellationToken)
    {
        if (!await IsWorktreeAsync(cancellationToken))
        {
            return $"The worktree {path} is left where it is: it is no worktree any more, so git cannot say what in it is kept.";
        }

        if (InnerRepository() is { } inner)
        {
            return $"The worktree {path} is left where it is: {inner} in it is a repository of its own, whose work would be lost.";
        }

        var uncommitted = await CommitRestAsync(cancellationToken);
        var kept = await KeptOnAsync(uncommitted, cancellationToken);
        var size = FolderSize.Of(path);
        await Git.RunAsync(repository, cancellationToken, "worktree", "remove", "--force", path);
        await Git.RunAsync(repository, cancellationToken, "worktree", "prune");
        return Directory.Exists(path) ? $"The worktree {path} could not be removed whole. {kept}" : $"The worktree {path} was removed ({size}). {kept}";
    }

    // What the agent did not commit is committed, so that its branch has all of it. Files that the repository ignores are not work.
    private async Task<bool> CommitRestAsync(CancellationToken cancellationToken)
    {
        // A git of the agent's that was killed has left its lock; nothing runs here any more.
        File.Delete(Path.Combine(path, await Git.RunAsync(path, cancellationToken, "rev-parse", "--git-path", "index.lock")));
        if ((await Git.RunAsync(path, cancellationToken, "status", "--porcelain", "--untracked-files=all")).Length == 0)
        {
            return false;
        }

        if (await BranchAsync(cancellationToken) != branch)
        {
            // On another branch it would stand among what is somebody else's.
            await Git.RunAsync(path, cancellationToken, "checkout", "--quiet", "--detach");
        }

        await Git.RunAsync(path, cancellationToken, "add", "--all");
        await Git.RunAsync(path, cancellationToken, [.. Author, "commit", "--quiet", "--no-verify", "--allow-empty", "-m", $"What was not committed when the workspace of {branch} was removed"]);
        return true;
    }

    private async Task<string> KeptOnAsync(bool uncommitted, CancellationToken cancellationToken)
    {
        var head = await Git.RunAsync(path, cancellationToken, "rev-parse", "HEAD");
        var holders = (await Git.RunAsync(repository, cancellationToken, "for-each-ref", "--contains", head, "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var on = branch;
        if (holders.Length == 0)
        {
            on = await FreeNameAsync(cancellationToken);
            await Git.RunAsync(repository, cancellationToken, "branch", "--no-track", on, head);
        }
        else if (!holders.Contains(branch))
        {
            on = holders[0];
        }

        // Nothing of its own: every commit is on another branch as well, and an empty one only has to be cleared away by hand.
        var tip = await Git.TryAsync(repository, ["rev-parse", "--verify", "--quiet", $"refs/heads/{branch}"], cancellationToken);
        if (tip.Code == 0 && (await Git.RunAsync(repository, cancellationToken, "for-each-ref", "--contains", tip.Said, "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags"))
                .Split('\n', StringSplitOptions.RemoveEmptyEntries).Any(name => name != branch))
        {
            await Git.RunAsync(path, cancellationToken, "checkout", "--quiet", "--detach");
            await Git.RunAsync(repository, cancellationToken, "branch", "--quiet", "-D", branch);
            if (on == branch)
            {
                return "Nothing in it was its own.";
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"Its work is kept in {repository} on the branch {on} ({head[..12]}){(uncommitted ? ", with what was not committed as the last commit" : "")}.");
    }

    private async Task<string> FreeNameAsync(CancellationToken cancellationToken)
    {
        for (var number = 1; ; number++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{branch}-kept-{number}");
            if (!await HasAsync($"refs/heads/{name}", cancellationToken))
            {
                return name;
            }
        }
    }

    private async Task RequireRepositoryAsync(CancellationToken cancellationToken)
    {
        if (!Path.IsPathRooted(repository) || repository.Split('/').Contains(".."))
        {
            throw new LaunchException($"The repository '{repository}' is no absolute path without '..'.");
        }

        if (!Directory.Exists(repository) || await Git.TryAsync(repository, ["rev-parse", "--git-dir"], cancellationToken) is not (0, _, _))
        {
            throw new LaunchException($"There is no git repository at {repository} on this host, or it cannot be read.");
        }
    }

    private async Task<bool> IsWorktreeAsync(CancellationToken cancellationToken) =>
        File.Exists(Path.Combine(path, ".git")) && await Git.TryAsync(path, ["rev-parse", "--show-toplevel"], cancellationToken) is (0, var top, _)
        && Path.GetFullPath(top) == Path.GetFullPath(path) && await Git.TryAsync(path, ["rev-parse", "--verify", "--quiet", "HEAD"], cancellationToken) is (0, _, _);

    private async Task<bool> HasAsync(string name, CancellationToken cancellationToken) =>
        await Git.TryAsync(repository, ["rev-parse", "--verify", "--quiet", "--end-of-options", name], cancellationToken) is (0, _, _);

    private async Task<string?> BranchAsync(CancellationToken cancellationToken) =>
        await Git.TryAsync(path, ["symbolic-ref", "--short", "--quiet", "HEAD"], cancellationToken) is (0, var name, _) ? name : null;

    // A start that was cut off: no agent has been in it, but nobody knows that for sure.
    private void SetAside()
    {
        for (var number = 1; ; number++)
        {
            var aside = string.Create(CultureInfo.InvariantCulture, $"{path}.unfinished-{number}");
            if (!Directory.Exists(aside))
            {
                Directory.Move(path, aside);
                return;
            }
        }
    }

    private string? InnerRepository() => Directory.EnumerateFileSystemEntries(path, ".git", new EnumerationOptions
    {
        RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint, IgnoreInaccessible = true,
    }).FirstOrDefault(found => Path.GetDirectoryName(found) != path);
}
