using ControlCenter.Domain.Access;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Models;

/// <summary>Keeps this host's catalogue and breakers what the log says, whichever host changed them.</summary>
public sealed class FollowModels(LoadCatalogue load, Breakers breakers, EventFeed feed, TimeProvider time, ILogger<FollowModels> logger)
    : SupervisedService("model-catalogue", time, logger)
{
    /// <inheritdoc />
    public override TimeSpan SilentAfter => Timeout.InfiniteTimeSpan;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        var position = feed.Head;
        var seen = new List<FeedEvent>();
        await load.RefreshAsync(stoppingToken);
        while (true)
        {
            await feed.WaitForMoreAsync(position, stoppingToken);
            seen.Clear();
            var read = feed.Read(position, FeedScope.Everything, seen, int.MaxValue);
            if (read is null || seen.Exists(e => e.Record.Kind == CatalogueEvents.Changed))
            {
                await load.RefreshAsync(stoppingToken);
                Beat("catalogue taken over");
            }

            foreach (var reset in seen.Where(e => e.Record.Kind == CatalogueEvents.BreakerReset))
            {
                breakers.Reset(reset.Record.SubjectId);
            }

            position = read ?? feed.Head;
        }
    }
}

/// <summary>Writes down, and tells of, breakers that open and close: a host that starts again goes on from there.</summary>
public sealed class KeepBreakers(Breakers breakers, Transactions transactions, TimeProvider time, ILogger<KeepBreakers> logger)
    : SupervisedService("breakers", time, logger)
{
    /// <inheritdoc />
    public override TimeSpan SilentAfter => Timeout.InfiniteTimeSpan;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        while (await breakers.Changes.WaitToReadAsync(stoppingToken))
        {
            // Taken out only once it is written: a database that is away loses none.
            while (breakers.Changes.TryPeek(out var changed))
            {
                await transactions.RunAsync(Caller.Host, async (unit, ct) =>
                {
                    await WriteAsync(unit, changed.Id, changed.State, changed.Failures, changed.OpenUntil, ct);
                    unit.Record(
                        changed.State == BreakerState.Closed ? CatalogueEvents.BreakerClosed : CatalogueEvents.BreakerOpened, ("breaker", changed.Id),
                        new { BreakerId = changed.Id, changed.Provider, changed.Module, changed.State, changed.Failures, changed.OpenUntil });
                    return true;
                }, stoppingToken);
                breakers.Changes.TryRead(out _);
                Beat($"{changed.Id} is {changed.State.Wire()}");
            }
        }
    }

    /// <summary>Writes down how one stands.</summary>
    internal static Task WriteAsync(UnitOfWork unit, string id, BreakerState state, int failures, DateTimeOffset? openUntil, CancellationToken cancellationToken) =>
        unit.ExecuteAsync(
            """
            insert into breakers (id, state, failures, open_until) values (@id, @state, @failures, @until)
            on conflict (id) do update set state = excluded.state, failures = excluded.failures, open_until = excluded.open_until, changed_at = clock_timestamp()
            """,
            cancellationToken, ("id", id), ("state", state.Wire()), ("failures", failures), ("until", openUntil));
}
