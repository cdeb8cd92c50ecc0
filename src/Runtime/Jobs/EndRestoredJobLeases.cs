using System.Globalization;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Storage.Restored;

namespace ControlCenter.Runtime.Jobs;

/// <summary>
/// In a restored database no host has a job: the next one that starts takes over what was under way (<see cref="RecoverJobRuns"/>), by tokens
/// beyond any of the lost time.
/// </summary>
public sealed class EndRestoredJobLeases : AfterRestore
{
    /// <inheritdoc />
    public override int Order => 40;

    /// <inheritdoc />
    public override async Task<string> SettleAsync(UnitOfWork unit, LostFuture lost, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync("update job_runs set fencing_token = fencing_token + @jump where state = 'running'", cancellationToken, ("jump", lost.Jump));
        await unit.ExecuteAsync("update job_leases set fencing_token = fencing_token + @jump", cancellationToken, ("jump", lost.Jump));
        var under = await unit.ExecuteAsync("update job_leases set expires_at = least(expires_at, clock_timestamp()) where run_id is not null", cancellationToken);
        return string.Create(CultureInfo.InvariantCulture, $"{under} runs of jobs are taken over by the next host");
    }
}
