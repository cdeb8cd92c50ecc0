using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Storage.Restored;

namespace ControlCenter.Runtime.Orchestration;

/// <summary>In a restored database nobody is the primary, and the next one's epoch is beyond any of the lost time.</summary>
public sealed class EndRestoredLeadership : AfterRestore
{
    /// <inheritdoc />
    public override int Order => 30;

    /// <inheritdoc />
    public override async Task<string> SettleAsync(UnitOfWork unit, LostFuture lost, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync(
            """
            update leaderships set epoch = epoch + @jump, holder_id = null, holder_name = null, surface = null, since = null, expires_at = '-infinity';
            delete from leadership_candidates
            """,
            cancellationToken, ("jump", lost.Jump));
        return "nobody is the primary";
    }
}
