namespace ControlCenter.Runtime.Runner;

/// <summary>Clears a workspace away beside everything else: a large folder takes a while, and the others are not to wait for it.</summary>
internal sealed class WorkspaceClearing
{
    private volatile bool _isOver;

    private WorkspaceClearing()
    {
    }

    /// <summary>Whether it is done.</summary>
    public bool IsOver => _isOver;

    /// <summary>What is worth saying about it.</summary>
    public string? Said { get; private set; }

    /// <summary>Begins.</summary>
    /// <param name="workspaces">Who does it.</param>
    /// <param name="workspace">What; null where there was none.</param>
    /// <param name="done">Told when it is over.</param>
    public static WorkspaceClearing Begin(IWorkspaces workspaces, Workspace? workspace, Action done)
    {
        var clearing = new WorkspaceClearing();
        _ = clearing.RunAsync(workspaces, workspace, done);
        return clearing;
    }

    private async Task RunAsync(IWorkspaces workspaces, Workspace? workspace, Action done)
    {
        try
        {
            await Task.Yield();
            Said = workspace is null ? null : await workspaces.ClearAsync(workspace, CancellationToken.None);
        }
#pragma warning disable CA1031 // Whatever it was, the runtime has ended, and its transcript says what is left.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            Said = $"Its workspace {workspace?.Path} could not be cleared away: {fault.Message}";
        }

        _isOver = true;
        done();
    }
}
