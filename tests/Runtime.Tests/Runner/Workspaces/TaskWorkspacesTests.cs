using System.Diagnostics;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Adapters;
using ControlCenter.Runtime.Runner.Workspaces;
using ControlCenter.Runtime.Tests.Runner.Adapters;

namespace ControlCenter.Runtime.Tests.Runner.Workspaces;

public sealed class TaskWorkspacesTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("cc-workspaces-").FullName;
    private readonly TaskWorkspaces _workspaces = new(adapter => adapter == "codex");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Repository => Path.Combine(_root, "repository");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task A_folder_is_empty_and_goes_with_proof()
    {
        var workspace = await PrepareAsync(Start("folder"));
        Directory.EnumerateFileSystemEntries(workspace.Path).ShouldBeEmpty();
        File.GetUnixFileMode(workspace.Path).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await File.WriteAllTextAsync(Path.Combine(workspace.Path, "work"), "done", Stop);
        (await _workspaces.ClearAsync(workspace, Stop)).ShouldBe($"The workspace {workspace.Path} was removed (1 files, 0.0 KiB).");
        Directory.Exists(workspace.Path).ShouldBeFalse();
        Directory.Exists(workspace.Private).ShouldBeFalse();
        (await _workspaces.ClearAsync(workspace, Stop)).ShouldBeNull("it was cleared away before");
    }

    [Fact]
    public async Task Links_in_a_folder_are_removed_and_what_they_lead_to_is_not()
    {
        var outside = Path.Combine(_root, "outside");
        await File.WriteAllTextAsync(outside, "kept", Stop);
        var workspace = await PrepareAsync(Start("folder"));
        File.CreateSymbolicLink(Path.Combine(workspace.Path, "link"), outside);
        Directory.CreateSymbolicLink(Path.Combine(workspace.Path, "folder"), _root);
        await _workspaces.ClearAsync(workspace, Stop);
        File.Exists(outside).ShouldBeTrue();
    }

    [Fact]
    public async Task What_is_to_be_kept_is_kept()
    {
        var workspace = await PrepareAsync(Start("folder", keep: true));
        (await _workspaces.ClearAsync(workspace, Stop))!.ShouldContain("is kept");
        Directory.Exists(workspace.Path).ShouldBeTrue();
    }

    [Fact]
    public async Task The_session_of_a_program_that_can_go_on_with_it_outlives_its_process()
    {
        var start = Start("folder", adapter: "codex");
        var workspace = await PrepareAsync(start);
        await File.WriteAllTextAsync(Path.Combine(workspace.Private, "session.jsonl"), "{}", Stop);
        await _workspaces.ClearAsync(workspace, Stop);
        var next = await PrepareAsync(start with { RuntimeId = Guid.CreateVersion7() });
        next.Path.ShouldBe(workspace.Path, "it finds its session by where it works");
        File.Exists(Path.Combine(next.Private, "session.jsonl")).ShouldBeTrue();
    }

    [Fact]
    public async Task A_worktree_starts_from_its_ref_on_a_branch_of_its_own()
    {
        MakeRepository();
        var start = Start("worktree", reference: "first");
        var workspace = await PrepareAsync(start);
        (await File.ReadAllTextAsync(Path.Combine(workspace.Path, "file"), Stop)).ShouldBe("one");
        Sh(workspace.Path, "git branch --show-current").ShouldBe(BranchOf(start));
        Sh(Repository, "git status --porcelain").ShouldBe("", "the repository itself is not touched");
    }

    [Fact]
    public async Task What_was_not_committed_is_kept_on_the_branch()
    {
        MakeRepository();
        var start = Start("worktree");
        var workspace = await PrepareAsync(start);
        await File.WriteAllTextAsync(Path.Combine(workspace.Path, "file"), "changed", Stop);
        await File.WriteAllTextAsync(Path.Combine(workspace.Path, "new"), "untracked", Stop);
        var said = await _workspaces.ClearAsync(workspace, Stop);
        said!.ShouldContain($"on the branch {BranchOf(start)}");
        said!.ShouldContain("with what was not committed as the last commit");
        Directory.Exists(workspace.Path).ShouldBeFalse();
        Sh(Repository, $"git show {BranchOf(start)}:file {BranchOf(start)}:new").ShouldBe("changeduntracked");
        Sh(Repository, "git worktree list").Split('\n').Length.ShouldBe(1);
    }

    [Fact]
    public async Task Another_attempt_goes_on_from_the_branch_of_the_one_before()
    {
        MakeRepository();
        var start = Start("worktree");
        var first = await PrepareAsync(start);
        await File.WriteAllTextAsync(Path.Combine(first.Path, "file"), "half", Stop);
        await _workspaces.ClearAsync(first, Stop);
        var second = await PrepareAsync(start with { SessionId = Guid.CreateVersion7() });
        (await File.ReadAllTextAsync(Path.Combine(second.Path, "file"), Stop)).ShouldBe("half");
    }

    [Fact]
    public async Task A_worktree_in_which_nothing_was_done_leaves_no_branch()
    {
        MakeRepository();
        var start = Start("worktree");
        var workspace = await PrepareAsync(start);
        (await _workspaces.ClearAsync(workspace, Stop))!.ShouldContain("Nothing in it was its own.");
        Sh(Repository, "git branch --list 'cc/*'").ShouldBe("");
    }

    [Fact]
    public async Task Commits_that_are_on_no_branch_get_one()
    {
        MakeRepository();
        var start = Start("worktree");
        var workspace = await PrepareAsync(start);
        Sh(workspace.Path, "git checkout -q --detach && echo lost > file && git -c user.name=a -c user.email=a@b commit -qam 'on no branch'");
        var head = Sh(workspace.Path, "git rev-parse HEAD");
        (await _workspaces.ClearAsync(workspace, Stop))!.ShouldContain($"on the branch {BranchOf(start)}-kept-1 ({head[..12]})");
        Sh(Repository, $"git rev-parse {BranchOf(start)}-kept-1").ShouldBe(head);
    }

    [Fact]
    public async Task A_repository_within_the_worktree_is_not_lost()
    {
        MakeRepository();
        var workspace = await PrepareAsync(Start("worktree"));
        Sh(workspace.Path, "git init -q inner");
        (await _workspaces.ClearAsync(workspace, Stop))!.ShouldContain("is left where it is");
        Directory.Exists(Path.Combine(workspace.Path, "inner/.git")).ShouldBeTrue();
    }

    [Fact]
    public async Task A_lock_that_a_killed_git_has_left_keeps_nothing_from_being_saved()
    {
        MakeRepository();
        var start = Start("worktree");
        var workspace = await PrepareAsync(start);
        await File.WriteAllTextAsync(Path.Combine(workspace.Path, "file"), "changed", Stop);
        await File.WriteAllTextAsync(Path.Combine(workspace.Path, Sh(workspace.Path, "git rev-parse --git-path index.lock")), "", Stop);
        await _workspaces.ClearAsync(workspace, Stop);
        Sh(Repository, $"git show {BranchOf(start)}:file").ShouldBe("changed");
    }

    [Fact]
    public async Task What_a_killed_runner_has_left_is_taken_up_or_cleared_away()
    {
        MakeRepository();
        var start = Start("worktree");
        var workspace = await PrepareAsync(start);
        await File.WriteAllTextAsync(Path.Combine(workspace.Path, "file"), "half", Stop);

        // Its runtime is taken up by the next runner: the same place again, as it was.
        var again = await PrepareAsync(start);
        (await File.ReadAllTextAsync(Path.Combine(again.Path, "file"), Stop)).ShouldBe("half");

        // Its runtime is known no more.
        Directory.Delete(RuntimeFolder(start));
        await PrepareAsync(Start("folder"));
        Directory.Exists(workspace.Path).ShouldBeFalse();
        Sh(Repository, $"git show {BranchOf(start)}:file").ShouldBe("half");
    }

    [Fact]
    public async Task What_cannot_be_cleared_away_keeps_nobody_from_starting()
    {
        MakeRepository();
        var stuck = Start("worktree");
        await PrepareAsync(stuck);
        Directory.Delete(RuntimeFolder(stuck));
        Sh(_root, $"sed -i 's/\"worktree\"/\"nothing\"/' runner/workspaces/{stuck.SessionId}.json");
        var left = Start("folder");
        var other = await PrepareAsync(left);
        Directory.Delete(RuntimeFolder(left));
        Directory.Exists((await PrepareAsync(Start("folder"))).Path).ShouldBeTrue();
        Directory.Exists(other.Path).ShouldBeFalse("the next one was cleared away all the same");
    }

    [Fact]
    public async Task A_folder_that_was_made_read_only_is_removed_too()
    {
        var workspace = await PrepareAsync(Start("folder"));
        Sh(workspace.Path, "mkdir -p cache/inner && touch cache/inner/file && chmod 500 cache/inner cache");
        await _workspaces.ClearAsync(workspace, Stop);
        Directory.Exists(workspace.Path).ShouldBeFalse();
    }

    [Fact]
    public async Task A_start_that_was_cut_off_half_way_is_begun_again()
    {
        MakeRepository();
        var start = Start("worktree");
        var workspace = await PrepareAsync(start);
        File.Delete(Path.Combine(workspace.Path, ".git"));
        var again = await PrepareAsync(start);
        Sh(again.Path, "git branch --show-current").ShouldBe(BranchOf(start));
        Directory.Exists(workspace.Path + ".unfinished-1").ShouldBeTrue("nobody knows that nothing was done there");
    }

    [Theory]
    [InlineData("/no/such/repository", null, "There is no git repository at /no/such/repository on this host")]
    [InlineData("/tmp/../etc", null, "no absolute path without '..'")]
    [InlineData("relative", null, "no absolute path without '..'")]
    [InlineData(null, "no-such-ref", "has no 'no-such-ref' on this host")]
    public async Task What_cannot_be_made_is_told(string? repository, string? reference, string said)
    {
        MakeRepository();
        (await Should.ThrowAsync<LaunchException>(() => PrepareAsync(Start("worktree", repository, reference)))).Message.ShouldContain(said);
    }

    [Fact]
    public async Task The_hooks_of_a_repository_are_not_run()
    {
        MakeRepository();
        Sh(Repository, $"printf '#!/bin/sh\\ntouch {_root}/ran' > .git/hooks/post-checkout && chmod +x .git/hooks/post-checkout");
        await PrepareAsync(Start("worktree"));
        File.Exists(Path.Combine(_root, "ran")).ShouldBeFalse();
    }

    private Task<Runtime.Runner.Workspace> PrepareAsync(StartPackage start) =>
        _workspaces.PrepareAsync(start, Directory.CreateDirectory(RuntimeFolder(start)).FullName, Stop);

    private string RuntimeFolder(StartPackage start) => Path.Combine(_root, "runner/runtimes", start.RuntimeId.ToString());

    private StartPackage Start(string kind, string? repository = null, string? reference = null, bool keep = false, string adapter = "process") => Recordings.Start(new AgentDefinition
    {
        Name = "worker", Adapter = adapter, Workspace = new WorkspaceDefinition(kind, kind == "worktree" ? repository ?? Repository : null, reference, keep),
    });

    private static string BranchOf(StartPackage start) => $"cc/T-7-{start.Task!.TaskId.ToString("N")[^12..]}";

    private void MakeRepository()
    {
        Directory.CreateDirectory(Repository);
        Sh(Repository, "git init -q -b main && printf one > file && git add . && export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b"
            + " && git commit -qm one && git tag first && printf two > file && git commit -qam two");
    }

    private static string Sh(string folder, string script)
    {
        using var shell = Process.Start(new ProcessStartInfo("sh", ["-c", script]) { UseShellExecute = false, WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var said = shell.StandardOutput.ReadToEnd();
        var complained = shell.StandardError.ReadToEnd();
        shell.WaitForExit();
        shell.ExitCode.ShouldBe(0, complained);
        return said.TrimEnd('\n');
    }
}
