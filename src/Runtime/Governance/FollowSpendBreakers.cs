using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Governance;

/// <summary>Keeps what this host knows of spend breakers what the log says, whichever host changed them.</summary>
public sealed class FollowSpendBreakers(SpendBreakers breakers, EventFeed feed, TimeProvider time, ILogger<FollowSpendBreakers> logger)
    : SupervisedService("spend-breaker-view", time, logger)
{
    /// <inheritdoc />
    public override TimeSpan SilentAfter => Timeout.InfiniteTimeSpan;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        var position = feed.Head;
        var seen = new List<FeedEvent>();
        await breakers.RefreshAsync(stoppingToken);
        while (true)
        {
            await feed.WaitForMoreAsync(position, stoppingToken);
            seen.Clear();
            var read = feed.Read(position, FeedScope.Everything, seen, int.MaxValue);
            if (read is null || seen.Exists(e => e.Record.SubjectType == SpendBreakerRows.Subject))
            {
                await breakers.RefreshAsync(stoppingToken);
                Beat("taken over");
            }

            position = read ?? feed.Head;
        }
    }
}
