using ControlCenter.Runtime.Storage;

namespace ControlCenter.Runtime.Orchestration;

/// <summary>Why tasks were given to whom.</summary>
public sealed class OldAssignments : RetainedHistory
{
    /// <inheritdoc />
    public override string Class => "assignments";

    /// <inheritdoc />
    public override string Title => "Reasons of assignments";

    /// <inheritdoc />
    public override string Description => "Who a task was given to and why, and why it waited. The task's own history stays.";

    /// <inheritdoc />
    public override int? DefaultDays => 180;

    /// <inheritdoc />
    public override int LeastDays => 7;

    /// <inheritdoc />
    protected override string Table => "assignments";

    /// <inheritdoc />
    protected override string IsOld => "t.at < clock_timestamp() - make_interval(days => @days)";
}
