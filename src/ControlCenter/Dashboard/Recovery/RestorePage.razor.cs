using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Recovery.Restore;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Recovery;

/// <summary>One restore: as it goes, what was found, and what may be done with it.</summary>
public sealed partial class RestorePage
{
    private RestoreView? _restore;
    private int? _progress;
    private string _typed = "";

    /// <summary>The restore's id.</summary>
    [Parameter]
    public Guid Id { get; set; }

    [SupplyParameterFromQuery]
    private string? Do { get; set; }

    /// <summary>Steps are no events.</summary>
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(1);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.SubjectType == "restore" && happened.Record.SubjectId == Id.ToString();

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        _restore = await Restores.FindAsync(Id, Closed);
        if (_restore is { RunId: { } run } restore && IsUnderWay(restore))
        {
            _progress = (int?)(await Jobs.FindRunAsync(RestoreJob.JobName, run, int.MaxValue, Closed))?.Run.Progress;
        }
    }

    private static bool IsUnderWay(RestoreView restore) => restore.State is RestoreState.Queued or RestoreState.Running;

    private Task CancelAsync(Guid run) => DoneAsync(caller => Cancel.ExecuteAsync(RestoreJob.JobName, run, caller, null, Closed));

    private Task RemoveAsync() => DoneAsync(caller => Remove.ExecuteAsync(Id, caller, Closed));

    private async Task ReplaceAsync()
    {
        if (await DoneAsync(caller => Replace.ExecuteAsync(Id, new ReplaceRequest(_typed), caller, null, Closed)))
        {
            SetInAddress("do", null);
        }
    }

    private async Task<bool> DoneAsync(Func<Domain.Access.Caller, Task> command)
    {
        var done = await DoAsync(command);
        if (done)
        {
            await RefreshAsync();
        }

        return done;
    }
}
