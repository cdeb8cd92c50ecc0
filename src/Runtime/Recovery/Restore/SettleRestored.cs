using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Storage;
using ControlCenter.Runtime.Storage.Restored;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>
/// Readies a restored database for whoever works with it next: its schema is this program's, nothing that was held then is held now, and no
/// number is given out that the lost time may have given out. In one transaction, with the event that says so.
/// </summary>
public static class SettleRestored
{
    /// <summary>The event.</summary>
    public const string Restored = "backup.restored";

    /// <summary>Does it.</summary>
    /// <param name="connectionString">To the restored database, which nobody else works with.</param>
    /// <param name="plan">From what it was restored, and to when.</param>
    /// <param name="loggers">Where it logs.</param>
    /// <param name="time">By which it is known how much time was lost.</param>
    /// <param name="cancellationToken">Gives up: nothing is changed but the schema.</param>
    /// <returns>What was done, line by line.</returns>
    /// <exception cref="RestoreException">A newer version of this program has written to it.</exception>
    public static async Task<IReadOnlyList<string>> ExecuteAsync(
        string connectionString, RestorePlan plan, ILoggerFactory loggers, TimeProvider time, CancellationToken cancellationToken)
    {
        var lost = new LostFuture(plan.Base.SnapshotId, plan.To, time.GetUtcNow());
        var services = new ServiceCollection().AddSingleton(time).AddSingleton(loggers).AddLogging().AddRuntime(connectionString);
        services.AddSingleton<AfterRestore, EndRestoredRestores>();
        await using var runtime = services.BuildServiceProvider();
        try
        {
            await runtime.GetRequiredService<MigrateDatabase>().ExecuteAsync(cancellationToken);
        }
        catch (InvalidOperationException fault)
        {
            throw new RestoreException(fault.Message, fault);
        }

        return await runtime.GetRequiredService<Transactions>().RunAsync(Caller.Host, async (unit, ct) =>
        {
            var done = new List<string>();
            foreach (var step in runtime.GetServices<AfterRestore>().OrderBy(s => s.Order))
            {
                done.Add(await step.SettleAsync(unit, lost, ct));
            }

            unit.Record(Restored, ("snapshot", plan.Base.SnapshotId), new
            {
                From = plan.Base.SnapshotId, BaseAt = plan.Base.At, plan.To, LogThrough = plan.Log.Count == 0 ? plan.Base.At : plan.Log[^1].At,
                LostFuture = "What happened after that moment, up to this restore, is not known here.", Done = done,
            });
            return done;
        }, cancellationToken);
    }
}

/// <summary>In a restored database no restore is under way.</summary>
internal sealed class EndRestoredRestores : AfterRestore
{
    /// <inheritdoc />
    public override int Order => 60;

    /// <inheritdoc />
    public override async Task<string> SettleAsync(UnitOfWork unit, LostFuture lost, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync(
            "update restores set state = 'failed', ended_at = clock_timestamp(), problem = @why where state in ('queued', 'running', 'replacing')", cancellationToken, ("why", lost.Why));
        var backups = await unit.ExecuteAsync(
            "update backups set state = 'failed', ended_at = clock_timestamp(), problem = @why where state = 'running'", cancellationToken, ("why", lost.Why));
        return $"{backups} backups that were under way count as failed";
    }
}
