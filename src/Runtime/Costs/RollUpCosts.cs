using System.Globalization;
using ControlCenter.Domain.Costs;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>
/// Adds recorded costs to the rollups: takes them out of the line and adds them in one transaction, so that each is in them
/// once. Recorders never wait for it; readers who want the last word call <see cref="CatchUpAsync"/>.
/// </summary>
public sealed class RollUpCosts(NpgsqlDataSource database, EventFeed feed, TimeProvider time, ILogger<RollUpCosts> logger)
    : SupervisedService("cost-rollups", time, logger)
{
    // More at once share more rows with each other; past this the transaction, and who waits for it, gets long.
    private const int MostAtOnce = 5_000;

    // Nobody waits for it: this is how many events share one writing of a busy row.
    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(500);

    // A lost wake-up is made up for after so long.
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(10);

    // What was taken out of the line still lies at its head, to be passed over by everybody who looks into it. Autovacuum looks
    // once a minute, in which a busy fleet leaves millions.
    private const int CleanUpEvery = 50_000;

    private static readonly TimeSpan MakePartitionsEvery = TimeSpan.FromHours(1);

    /// <summary>Whether anything that was recorded is not in the rollups yet.</summary>
    internal const string IsBehindStatement = "select exists (select from cost_rollup_queue)";

    /// <inheritdoc />
    public override TimeSpan SilentAfter => Poll * 3;

    /// <summary>Adds what has been recorded so far. Returns whether all of it is in the rollups now.</summary>
    /// <param name="patience">How long to go on; a rebuild may hold the rollups for longer.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<bool> CatchUpAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        var began = Time.GetTimestamp();
        try
        {
            // Some is added in any case: a database that is slow to answer is no reason to leave everything out.
            var isBehind = await IsBehindAsync(cancellationToken);
            while (isBehind)
            {
                await AddSomeAsync(patience, cancellationToken);
                isBehind = await IsBehindAsync(cancellationToken);
                if (Time.GetElapsedTime(began) > patience)
                {
                    break;
                }
            }

            return !isBehind;
        }
        catch (PostgresException fault) when (fault.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            return false;
        }
    }

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        long? partitionsAt = null;
        var leftBehind = 0;
        while (!stoppingToken.IsCancellationRequested)
        {
            if (partitionsAt is not { } at || Time.GetElapsedTime(at) >= MakePartitionsEvery)
            {
                await MakePartitionsAsync(stoppingToken);
                partitionsAt = Time.GetTimestamp();
            }

            var position = feed.Head;
            var began = Time.GetTimestamp();
            int added;
            try
            {
                added = await AddSomeAsync(Poll, stoppingToken);
            }
            catch (PostgresException fault) when (fault.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                Beat("waits for the sums that are being made anew");
                continue;
            }

            leftBehind += added;
            if (leftBehind >= CleanUpEvery)
            {
                await using var cleanUp = database.CreateCommand("vacuum (skip_locked) cost_rollup_queue");
                await cleanUp.ExecuteNonQueryAsync(stoppingToken);
                leftBehind = 0;
            }

            Beat(added == 0 ? "nothing to add" : string.Create(CultureInfo.InvariantCulture, $"{added} cost events added"));
            if (added == MostAtOnce)
            {
                // There is more, and others want the database too: half of the time is theirs.
                await Task.Delay(Time.GetElapsedTime(began), Time, stoppingToken);
                continue;
            }

            using var over = new CancellationTokenSource(Poll, Time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, stoppingToken);
            await feed.WaitForAsync(position, e => e.Record.Kind == "cost.recorded", either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await Task.Delay(Gather, Time, stoppingToken);
        }
    }

    private async Task<bool> IsBehindAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(IsBehindStatement);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task<int> AddSomeAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using (var hold = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new($"set local lock_timeout = {(int)patience.TotalMilliseconds}"),
                new($"select pg_advisory_xact_lock({RollupRows.Lock})"),
            },
        })
        {
            await hold.ExecuteNonQueryAsync(cancellationToken);
        }

        var tallies = new RollupTallies();
        var count = 0;
        // Each by its key, in the one partition that its time says: never by reading the partitions.
        await using (var take = new NpgsqlCommand(
            $"""
            with taken as materialized (
                delete from cost_rollup_queue where ctid = any (array(select ctid from cost_rollup_queue limit {MostAtOnce})) returning event_id, at
            )
            select e.* from taken q, lateral (select {CostFacts.Columns} from cost_events e where e.at = q.at and e.event_id = q.event_id offset 0) e
            """,
            connection))
        await using (var reader = await take.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                tallies.Add(CostFacts.Read(reader), RollupGrain.Hour);
                count++;
            }
        }

        if (count > 0)
        {
            tallies.AddLongerGrains();
            await RollupRows.AddAsync(connection, tallies, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        return count;
    }

    private async Task MakePartitionsAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            "select cost_events_make_partition(((now() at time zone 'UTC') + make_interval(months => m))::date) from generate_series(0, 2) m");
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
