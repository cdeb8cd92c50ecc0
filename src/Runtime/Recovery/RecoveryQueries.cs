using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Recovery.Tools;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ControlCenter.Runtime.Recovery;

/// <summary>A backup, as lists show it.</summary>
public sealed record BackupView(
    Guid BackupId, string Kind, string State, string? Reason, bool IsMilestone, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string? SnapshotId,
    DateTimeOffset? At, long? BytesRead, long? BytesAdded, decimal? Seconds, string? Problem, DateTimeOffset? RemovedAt, DateTimeOffset? ReviewedAt, string? ReviewedByName);

/// <summary>What can be restored now.</summary>
/// <param name="Configured">Whether there is a repository.</param>
/// <param name="BesideData">Whether it is lost with the data folder's disk.</param>
/// <param name="Ranges">Every stretch of time that can be restored, oldest first.</param>
/// <param name="Gaps">Log that is needed and not there.</param>
/// <param name="Latest">The latest moment.</param>
/// <param name="LagSeconds">How much older that is than now, where something was written since, which would be lost; 0 where nothing was.</param>
/// <param name="LastBaseAt">The newest base.</param>
/// <param name="LastCheckAt">When the repository's data was last read.</param>
/// <param name="LastCheckSound">Whether it was what was written.</param>
/// <param name="Problem">Why the repository cannot be read.</param>
public sealed record RecoveryState(
    bool Configured, bool BesideData, IReadOnlyList<RecoverableRange> Ranges, IReadOnlyList<WalGap> Gaps, DateTimeOffset? Latest, long? LagSeconds,
    DateTimeOffset? LastBaseAt, DateTimeOffset? LastCheckAt, bool? LastCheckSound, string? Problem);

/// <summary>Reads what was backed up and what can be restored.</summary>
public sealed class RecoveryQueries(NpgsqlDataSource database, IServiceProvider services, TimeProvider time) : IDisposable
{
    // A listing asks the repository's storage; pages and scripts that look at once share one.
    private static readonly TimeSpan ListEvery = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _one = new(1, 1);
    private (RepositoryIndex? Index, string? Problem, long At)? _listed;

    /// <summary>What can be restored now, by the repository's own word.</summary>
    public async Task<RecoveryState> StateAsync(CancellationToken cancellationToken)
    {
        if (services.GetService<Restic>() is not { } restic)
        {
            return new RecoveryState(false, false, [], [], null, null, null, null, null, "CC_BACKUP_REPOSITORY is not set: no backups are taken.");
        }

        var (index, problem, _) = await ListAsync(restic, cancellationToken);
        var map = index?.NewestSystem is { } system ? index.Map(system) : null;
        await using var command = database.CreateCommand(
            """
            select c.at, c.is_sound, pg_current_wal_flush_lsn()::text, clock_timestamp()
            from (select 1) x left join lateral (select at, is_sound from repository_checks order by at desc limit 1) c on true
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var isBehind = index?.NewestSystem is not { } cluster || Lsn.TryParse(reader.GetString(2)) > index.Shipments(cluster).Select(s => s.Through).DefaultIfEmpty().Max();
        return new RecoveryState(
            true, services.GetRequiredService<RecoverySettings>().IsBesideData, map?.Ranges ?? [], map?.Gaps ?? [], map?.Latest,
            map?.Latest is { } latest ? isBehind ? (long)(reader.GetFieldValue<DateTimeOffset>(3) - latest).TotalSeconds : 0 : null,
            index?.Snapshots.LastOrDefault(s => s.Kind == SnapshotKind.Base)?.At,
            reader.ValueOrNull<DateTimeOffset>(0), reader.ValueOrNull<bool>(1), problem);
    }

    /// <summary>What the repository holds; null where there is none, or it cannot be read.</summary>
    public async Task<RepositoryIndex?> IndexAsync(CancellationToken cancellationToken) =>
        services.GetService<Restic>() is { } restic ? (await ListAsync(restic, cancellationToken)).Index : null;

    /// <summary>Backups, newest first.</summary>
    public async Task<Page<BackupView>> ListAsync(PageRequest page, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        var where = new SqlFilter(command).AddPlace("started_at", "id", "<", page.AfterPlace).Where;
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        command.CommandText =
            $"""
            select id, kind, state, reason, is_milestone, started_at, ended_at, snapshot_id, at, bytes_read, bytes_added, seconds, problem, removed_at,
                reviewed_at, (select name from actors where actors.id = reviewed_by)
            from backups where {where} order by started_at desc, id desc limit @limit
            """;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<BackupView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(new BackupView(
                reader.GetGuid(0), reader.GetString(1), reader.GetString(2), reader.TextOrNull(3), reader.GetBoolean(4), reader.GetFieldValue<DateTimeOffset>(5),
                reader.ValueOrNull<DateTimeOffset>(6), reader.TextOrNull(7), reader.ValueOrNull<DateTimeOffset>(8), reader.ValueOrNull<long>(9),
                reader.ValueOrNull<long>(10), reader.ValueOrNull<decimal>(11), reader.TextOrNull(12), reader.ValueOrNull<DateTimeOffset>(13), reader.ValueOrNull<DateTimeOffset>(14), reader.TextOrNull(15)));
        }

        return page.PageOf(found, b => new PlaceInTime(b.StartedAt, b.BackupId));
    }

    /// <inheritdoc />
    public void Dispose() => _one.Dispose();

    private async Task<(RepositoryIndex? Index, string? Problem, long At)> ListAsync(Restic restic, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            if (_listed is not { } listed || time.GetElapsedTime(listed.At) > ListEvery)
            {
                try
                {
                    listed = (await RepositoryIndex.ReadAsync(restic, cancellationToken), null, time.GetTimestamp());
                }
                catch (ToolException fault)
                {
                    listed = (null, fault.Message, time.GetTimestamp());
                }

                _listed = listed;
            }

            return listed;
        }
        finally
        {
            _one.Release();
        }
    }
}
