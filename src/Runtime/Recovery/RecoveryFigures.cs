using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Recovery;

/// <summary>A look at the repository's data.</summary>
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
/// <param name="DatabaseBytes">The database's size now.</param>
/// <param name="Restores">The newest restores that were done, drills among them.</param>
/// <param name="ForecastSeconds">How long a restore of the database as it is now will take; null where none was done.</param>
/// <param name="ProvenAt">When a restore was last done and found sound; null where never.</param>
/// <param name="LastProofFailed">Whether a later one than that has failed.</param>
/// <param name="Checks">The newest looks at the repository's data, newest first.</param>
public sealed record RecoveryFigures(
    double? WorstLossSeconds, DateTimeOffset? WorstLossAt, double? UsualLossSeconds, long Shipments, long DatabaseBytes,
    IReadOnlyList<MeasuredRestore> Restores, double? ForecastSeconds, DateTimeOffset? ProvenAt, bool LastProofFailed, IReadOnlyList<RepositoryCheckView> Checks)
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
            pg_database_size(current_database())
        from (select 1) x left join lateral (select exposure, arrived_at from shipped where exposure is not null order by exposure desc limit 1) w on true
        """;

    /// <summary>Reads them.</summary>
    public async Task<RecoveryFigures> ReadAsync(CancellationToken cancellationToken)
    {
        var checks = await ChecksAsync(cancellationToken);
        await using var command = database.CreateCommand(Shipped);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var bytes = reader.GetInt64(4);
        return new RecoveryFigures(
            reader.ValueOrNull<double>(1), reader.ValueOrNull<DateTimeOffset>(2), reader.ValueOrNull<double>(3), reader.GetInt64(0), bytes,
            [], RestoreForecast.Of([], bytes)?.TotalSeconds, null, false, checks);
    }

    private async Task<IReadOnlyList<RepositoryCheckView>> ChecksAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"select id, at, part, is_sound, detail, seconds from repository_checks order by at desc limit {MostChecks}");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var checks = new List<RepositoryCheckView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            checks.Add(new RepositoryCheckView(
                reader.GetGuid(0), reader.GetFieldValue<DateTimeOffset>(1), reader.ValueOrNull<int>(2), reader.GetBoolean(3), reader.GetString(4), reader.GetDecimal(5)));
        }

        return checks;
    }
}
