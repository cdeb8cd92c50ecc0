using ControlCenter.Domain.Recovery;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Recovery;

/// <summary>A look at the repository's data.</summary>
/// <param name="CheckId">Its id.</param>
/// <param name="At">When.</param>
/// <param name="Part">Which share of it; null for all.</param>
/// <param name="IsSound">Whether everything that was read is what was written.</param>
/// <param name="Detail">What was read, or what is damaged.</param>
/// <param name="Seconds">How long it took.</param>
public sealed record RepositoryCheckView(Guid CheckId, DateTimeOffset At, int? Part, bool IsSound, string Detail, decimal Seconds);

/// <summary>What recovery has reached, as measured.</summary>
/// <param name="WorstLossSeconds">The longest that something written was not in the repository yet, in 30 days; null where none was measured.</param>
/// <param name="WorstLossAt">When that ended.</param>
/// <param name="UsualLossSeconds">99 of 100 shipments were no later.</param>
/// <param name="Shipments">Shipments of log in 30 days.</param>
/// <param name="DatabaseBytes">The newest base's size; the database's, where there is none.</param>
/// <param name="Restores">The newest restores that were done, drills among them.</param>
/// <param name="ForecastSeconds">How long a restore of the database as it is now will take; null where none was done.</param>
/// <param name="ProvenAt">When a restore was last done and found sound; null where never.</param>
/// <param name="LastProofFailed">Whether the latest restore of the database, a drill or not, was not found sound.</param>
/// <param name="FailedDrills">Scenarios whose latest drill has failed.</param>
/// <param name="Checks">The newest looks at the repository's data, newest first.</param>
public sealed record RecoveryFigures(
    double? WorstLossSeconds, DateTimeOffset? WorstLossAt, double? UsualLossSeconds, long Shipments, long DatabaseBytes,
    IReadOnlyList<MeasuredRestore> Restores, double? ForecastSeconds, DateTimeOffset? ProvenAt, bool LastProofFailed,
    IReadOnlyList<DrillScenario> FailedDrills, IReadOnlyList<RepositoryCheckView> Checks)
{
    /// <summary>The worst and the usual loss, with what is exposed now.</summary>
    public AchievedLoss LossWith(long? lagSeconds, DateTimeOffset now) => AchievedLoss.Of(
        lagSeconds is { } lag ? TimeSpan.FromSeconds(lag) : null,
        WorstLossSeconds is { } worst && WorstLossAt is { } at ? (TimeSpan.FromSeconds(worst), at) : null,
        UsualLossSeconds is { } usual ? TimeSpan.FromSeconds(usual) : null, now);
}

/// <summary>Reads what recovery has reached.</summary>
public sealed class RecoveryFiguresQueries(NpgsqlDataSource database)
{
    private const int MostChecks = 12;

    private const string Shipped =
        """
        with shipped as (select arrived_at, greatest(arrived_at - exposed_since, interval '0') exposure from wal_shipments where arrived_at > clock_timestamp() - interval '30 days')
        select (select count(*) from shipped), extract(epoch from w.exposure)::float8, w.arrived_at,
            (select extract(epoch from percentile_disc(0.99) within group (order by exposure))::float8 from shipped where exposure is not null),
            coalesce((select bytes_read from backups where kind = 'base' and state = 'succeeded' order by at desc limit 1), pg_database_size(current_database()))
        from (select 1) x left join lateral (select exposure, arrived_at from shipped where exposure is not null order by exposure desc limit 1) w on true
        """;

    // A drill restores twice and more: only what its first restore took is how long a restore takes.
    private const string Restored =
        """
        select * from (
            select ended_at, bytes, seconds from restores where bytes > 0 and seconds > 0 and ended_at is not null
            union all
            select d.ended_at, b.bytes_read, s.seconds from restore_drills d join backups b on b.id = d.backup_id,
                lateral (select (step ->> 'seconds')::numeric seconds from jsonb_array_elements(d.steps) step where step ->> 'name' like 'restore %base%' limit 1) s
            where d.scenario = 'database' and d.state = 'passed' and b.bytes_read > 0) r
        order by ended_at desc limit 5
        """;

    private const string Proofs =
        """
        select ended_at, state = 'passed' from restore_drills where scenario = 'database' and state in ('passed', 'failed')
        union all
        select ended_at, passed from restores where passed is not null and ended_at is not null
        order by 1 desc
        """;

    private const string Failed =
        """
        select scenario from (
            select distinct on (scenario) scenario, state from restore_drills where state in ('passed', 'failed') order by scenario, started_at desc, id desc) d
        where state = 'failed' order by scenario
        """;

    /// <summary>Reads them.</summary>
    public async Task<RecoveryFigures> ReadAsync(CancellationToken cancellationToken)
    {
        var checks = await ChecksAsync(cancellationToken);
        var restores = await ListAsync(Restored, r => new MeasuredRestore(r.GetFieldValue<DateTimeOffset>(0), r.GetInt64(1), (double)r.GetDecimal(2)), cancellationToken);
        var proofs = await ListAsync(Proofs, r => (At: r.GetFieldValue<DateTimeOffset>(0), Passed: r.GetBoolean(1)), cancellationToken);
        var failed = await ListAsync(Failed, r => WireNames<DrillScenario>.Parse(r.GetString(0)), cancellationToken);
        await using var command = database.CreateCommand(Shipped);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var bytes = reader.GetInt64(4);
        return new RecoveryFigures(
            reader.ValueOrNull<double>(1), reader.ValueOrNull<DateTimeOffset>(2), reader.ValueOrNull<double>(3), reader.GetInt64(0), bytes,
            restores, RestoreForecast.Of(restores, bytes)?.TotalSeconds, proofs.Where(p => p.Passed).Select(p => (DateTimeOffset?)p.At).FirstOrDefault(),
            proofs is [{ Passed: false }, ..], failed, checks);
    }

    private Task<List<RepositoryCheckView>> ChecksAsync(CancellationToken cancellationToken) => ListAsync(
        $"select id, at, part, is_sound, detail, seconds from repository_checks order by at desc limit {MostChecks}",
        r => new RepositoryCheckView(r.GetGuid(0), r.GetFieldValue<DateTimeOffset>(1), r.ValueOrNull<int>(2), r.GetBoolean(3), r.GetString(4), r.GetDecimal(5)), cancellationToken);

    private async Task<List<T>> ListAsync<T>(string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<T>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(read(reader));
        }

        return found;
    }
}
