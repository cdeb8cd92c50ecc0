using System.Globalization;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Health;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Watching;

/// <summary>Looks at the backups all day, so that nothing about them fails in silence. Of several hosts one does it.</summary>
public sealed class WatchRecovery(NpgsqlDataSource database, LookAtRecovery look, IServiceProvider services, TimeProvider time, ILogger<WatchRecovery> logger)
    : SupervisedService("recovery-watch", time, logger)
{
    /// <summary>A watch that has not looked for so long is silent, and nothing that it said counts as well.</summary>
    public static readonly TimeSpan SilentWhen = TimeSpan.FromMinutes(3);

    // Health forgets what was not said again within 20 s.
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(10);

    // A listing is half a second of a processor, most of it the password's.
    private static readonly TimeSpan AskEvery = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(30);

    /// <inheritdoc />
    public override TimeSpan SilentAfter => SilentWhen;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        await using var connection = await database.OpenConnectionAsync(stoppingToken);
        await using var turn = await OneHost.WaitForTurnAsync(connection, OneHost.Watches, Time, () => Beat("another host watches"), stoppingToken);
        // The registry lists every service, this one among them, so it is asked for when it is first needed.
        var health = services.GetRequiredService<HealthRegistry>();
        Task<RepositoryLook>? asking = null;
        RepositoryLook? said = null;
        long saidAt = 0;
        using var timer = new PeriodicTimer(LookEvery, Time);
        try
        {
            do
            {
                if (asking is { IsCompleted: true })
                {
                    (said, saidAt, asking) = (await asking, Time.GetTimestamp(), null);
                }

                if (asking is null && (said is null || Time.GetElapsedTime(saidAt) > (said.Index is not null ? AskEvery : AskAgain)))
                {
                    asking = look.AskRepositoryAsync(stoppingToken);
                }

                // Until it has answered, or not, what stood before the start still stands.
                if (said is not null)
                {
                    Tell(health, await look.ExecuteAsync(said, stoppingToken));
                }
                else
                {
                    Beat("asks the repository");
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        finally
        {
            await (asking ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Tell(HealthRegistry health, IReadOnlyList<RecoveryProblem> problems)
    {
        var worst = problems.Count == 0 ? (AlertSeverity?)null : problems[0].Severity;
        var detail = problems.Count == 0 ? "nothing is wrong" : problems.Count == 1 ? problems[0].Title : string.Create(CultureInfo.InvariantCulture, $"{problems[0].Title} And {problems.Count - 1} more.");
        health.Report("backups", worst == AlertSeverity.Critical ? HealthStatus.Degraded : HealthStatus.Healthy, detail);
        Beat(detail);
    }
}
