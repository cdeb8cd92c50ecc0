using ControlCenter.Runtime.Storage;

namespace ControlCenter.Runtime.Work;

/// <summary>Checkpoints of tasks that have ended: nobody goes on from them.</summary>
public sealed class OldCheckpoints : RetainedHistory
{
    /// <inheritdoc />
    public override string Class => "checkpoints";

    /// <inheritdoc />
    public override string Title => "Checkpoints of ended tasks";

    /// <inheritdoc />
    public override string Description => "Counted from the task's end. Those of tasks that are not over stay, however old.";

    /// <inheritdoc />
    public override int? DefaultDays => 30;

    /// <inheritdoc />
    public override int LeastDays => 1;

    /// <inheritdoc />
    protected override string Table => "checkpoints";

    /// <inheritdoc />
    protected override string Moment => "t.created_at";

    /// <inheritdoc />
    protected override string IsOld =>
        """
        exists (select from tasks k where k.id = t.task_id and k.state in ('completed', 'failed', 'cancelled') and k.ended_at < clock_timestamp() - make_interval(days => @days))
        """;
}

/// <summary>Leases that have ended.</summary>
public sealed class OldLeases : RetainedHistory
{
    /// <inheritdoc />
    public override string Class => "leases";

    /// <inheritdoc />
    public override string Title => "Ended leases";

    /// <inheritdoc />
    public override string Description => "Counted from the lease's end. One that a checkpoint, an escalation or a budget's breach refers to stays with it.";

    /// <inheritdoc />
    public override int? DefaultDays => 180;

    /// <inheritdoc />
    public override int LeastDays => 7;

    /// <inheritdoc />
    protected override string Table => "leases";

    /// <inheritdoc />
    protected override string Moment => "t.ended_at";

    /// <inheritdoc />
    protected override string Began => "t.granted_at";

    // A lease that was granted after a stop is what says that the agent has been started again.
    /// <inheritdoc />
    protected override string IsOld =>
        """
        t.ended_at < clock_timestamp() - make_interval(days => @days)
        and not exists (select from checkpoints c where c.lease_id = t.id)
        and not exists (select from escalations e where e.lease_id = t.id)
        and not exists (select from budget_breach_tasks b where b.lease_id = t.id)
        and not exists (select from interventions s where s.agent_id = t.agent_id and s.kind = 'stop' and s.acknowledged_at < t.granted_at)
        """;
}
