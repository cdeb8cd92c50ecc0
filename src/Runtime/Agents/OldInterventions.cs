using ControlCenter.Runtime.Storage;

namespace ControlCenter.Runtime.Agents;

/// <summary>Interventions that were acknowledged and have no effect any more.</summary>
public sealed class OldInterventions : RetainedHistory
{
    /// <inheritdoc />
    public override string Class => "interventions";

    /// <inheritdoc />
    public override string Title => "Acknowledged interventions";

    /// <inheritdoc />
    public override string Description => "Counted from the acknowledgement. A stop that is still in force stays, however old.";

    /// <inheritdoc />
    public override int? DefaultDays => 90;

    /// <inheritdoc />
    public override int LeastDays => 7;

    /// <inheritdoc />
    protected override string Table => "interventions";

    /// <inheritdoc />
    protected override string Moment => "t.acknowledged_at";

    /// <inheritdoc />
    protected override string Began => "t.requested_at";

    /// <inheritdoc />
    protected override string IsOld =>
        """
        t.acknowledged_at < clock_timestamp() - make_interval(days => @days)
        and (t.kind <> 'stop'
            or exists (select from interventions r where r.agent_id = t.agent_id and r.kind = 'resume' and r.requested_at > t.requested_at)
            or exists (select from leases l where l.agent_id = t.agent_id and l.granted_at > t.acknowledged_at))
        and (t.kind <> 'resume'
            or not exists (select from interventions s where s.agent_id = t.agent_id and s.kind = 'stop' and s.requested_at < t.requested_at))
        """;
}
