using ControlCenter.Runtime.Storage;

namespace ControlCenter.Runtime.Hosts;

/// <summary>What hosts measured of themselves.</summary>
public sealed class OldHostSamples : RetainedHistory
{
    /// <inheritdoc />
    public override string Class => "host-samples";

    /// <inheritdoc />
    public override string Title => "Measurements of hosts";

    /// <inheritdoc />
    public override string Description => "Processor, memory and disk, as they were measured.";

    /// <inheritdoc />
    public override int? DefaultDays => 30;

    /// <inheritdoc />
    public override int LeastDays => 1;

    /// <inheritdoc />
    protected override string Table => "host_samples";

    /// <inheritdoc />
    protected override string IsOld => "t.at < clock_timestamp() - make_interval(days => @days)";
}
