using ControlCenter.Runtime.Storage;

namespace ControlCenter.Runtime.Recovery.Wal;

/// <summary>When log reached the repository.</summary>
public sealed class OldShipments : RetainedHistory
{
    /// <inheritdoc />
    public override string Class => "log-shipments";

    /// <inheritdoc />
    public override string Title => "Shipments of log";

    /// <inheritdoc />
    public override string Description => "When log reached the backup repository; what is lost at the worst is reckoned from it. What can be restored is said by the repository itself.";

    /// <inheritdoc />
    public override int? DefaultDays => 90;

    /// <inheritdoc />
    public override int LeastDays => 31;

    /// <inheritdoc />
    protected override string Table => "wal_shipments";

    /// <inheritdoc />
    protected override string IsOld => "t.arrived_at < clock_timestamp() - make_interval(days => @days) and t.arrived_at < (select max(arrived_at) from wal_shipments)";
}
