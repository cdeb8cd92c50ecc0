using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Storage;

namespace ControlCenter.Runtime.Access;

/// <summary>Lines of the audit. Its table refuses every other change, and this one for what is younger than ninety days.</summary>
public sealed class OldAuditEntries : RetainedHistory
{
    /// <inheritdoc />
    public override string Class => "audit";

    /// <inheritdoc />
    public override string Title => "Security audit";

    /// <inheritdoc />
    public override string Description => "Who did what, and what was refused. The database itself keeps the last 90 days.";

    /// <inheritdoc />
    public override int? DefaultDays => 730;

    // By the database's own guard: one day more, so that what a day is does not matter.
    /// <inheritdoc />
    public override int LeastDays => 91;

    /// <inheritdoc />
    protected override string Table => "audit_entries";

    /// <inheritdoc />
    protected override string IsOld => "t.at < clock_timestamp() - make_interval(days => @days)";

    /// <inheritdoc />
    public override async Task<int> RemoveAsync(UnitOfWork unit, int days, int most, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync("set local cc.retention = 'on'", cancellationToken);
        return await base.RemoveAsync(unit, days, most, cancellationToken);
    }
}
