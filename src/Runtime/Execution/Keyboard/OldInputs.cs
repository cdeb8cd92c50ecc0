using ControlCenter.Runtime.Storage;

namespace ControlCenter.Runtime.Execution.Keyboard;

/// <summary>Who typed how much into a runtime, and when.</summary>
public sealed class OldInputs : RetainedHistory
{
    /// <inheritdoc />
    public override string Class => "runtime_inputs";

    /// <inheritdoc />
    public override string Title => "Inputs at keyboards";

    /// <inheritdoc />
    public override string Description => "Counted from when they were typed. Their events and the transcripts have their own times.";

    /// <inheritdoc />
    public override int? DefaultDays => 90;

    /// <inheritdoc />
    public override int LeastDays => 1;

    /// <inheritdoc />
    protected override string Table => "runtime_inputs";

    /// <inheritdoc />
    protected override string Moment => "t.requested_at";

    /// <inheritdoc />
    protected override string IsOld => "t.state <> 'waiting' and t.requested_at < clock_timestamp() - make_interval(days => @days)";
}
