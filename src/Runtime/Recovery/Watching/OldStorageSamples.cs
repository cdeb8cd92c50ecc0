using ControlCenter.Runtime.Storage;

namespace ControlCenter.Runtime.Recovery.Watching;

/// <summary>What was measured of what is stored.</summary>
public sealed class OldStorageSamples : RetainedHistory
{
    /// <inheritdoc />
    public override string Class => "storage-samples";

    /// <inheritdoc />
    public override string Title => "Measurements of storage";

    /// <inheritdoc />
    public override string Description => "How much is stored and how full the disks were. Forecasts need a week of it.";

    /// <inheritdoc />
    public override int? DefaultDays => 90;

    /// <inheritdoc />
    public override int LeastDays => 8;

    /// <inheritdoc />
    protected override string Table => "storage_samples";

    /// <inheritdoc />
    protected override string IsOld => "t.at < clock_timestamp() - make_interval(days => @days)";
}
