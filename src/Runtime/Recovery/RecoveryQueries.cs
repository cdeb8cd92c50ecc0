using System.Globalization;
using ControlCenter.Domain.Recovery;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Recovery.Hooks;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.Runtime.Recovery.Watching;
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
    DateTimeOffset? LastBaseAt, DateTimeOffset? LastCheckAt, bool? LastCheckSound, string? Problem)
{
    /// <summary>What is wrong now, each in one sentence, the worst first. While there is one, nothing is to be shown as well.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    /// <summary>What is known of the second copy of the repository's password; null where nobody has named one, and so nobody has proven one.</summary>
    public EscrowState? Escrow { get; init; }

    /// <summary>How it goes with the program that is told of recovery; null where there is none.</summary>
    public HookState? Hook { get; init; }
}

/// <summary>What is known of the second copy of the repository's password.</summary>
/// <param name="OpenedAt">When it last opened the repository; null where it never has.</param>
/// <param name="CheckedAt">When it was last looked at; null where it was not yet.</param>
/// <param name="Fault">Why it did not open it then; null where it did.</param>
public sealed record EscrowState(DateTimeOffset? OpenedAt, DateTimeOffset? CheckedAt, EscrowFault? Fault);

/// <summary>Something that is wrong with recovery.</summary>
/// <param name="Cause">What it is, for good.</param>
/// <param name="Severity">How bad it is.</param>
/// <param name="Title">It, in one sentence.</param>
/// <param name="Detail">The particulars.</param>
/// <param name="Remedy">What to do.</param>
/// <param name="Since">Since when.</param>
public sealed record StandingProblem(string Cause, AlertSeverity Severity, string Title, string Detail, string Remedy, DateTimeOffset Since);

/// <summary>Reads what was backed up and what can be restored.</summary>
public sealed class RecoveryQueries(NpgsqlDataSource database, IServiceProvider services, TimeProvider time) : IDisposable
{
    // A listing asks the repository's storage; pages and scripts that look at once share one.
    private static readonly TimeSpan ListEvery = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan ListPatience = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _disposed = new();
    private Task? _listing;
    private (RepositoryIndex? Index, string? Problem, long At)? _listed;

    /// <summary>What can be restored now, by the repository's own word.</summary>
    public async Task<RecoveryState> StateAsync(CancellationToken cancellationToken)
    {
        if (services.GetService<Restic>() is not { } restic)
        {
            const string None = "CC_BACKUP_REPOSITORY is not set: no backups are taken.";
            return new RecoveryState(false, false, [], [], null, null, null, null, null, None) { Problems = [None, .. (await ProblemsAsync(cancellationToken)).Select(p => p.Title)] };
        }

        var (index, problem) = await ListAsync(restic, cancellationToken);
        var map = index?.NewestSystem is { } system ? index.Map(system) : null;
        var problems = (await ProblemsAsync(cancellationToken)).Select(p => p.Title).ToList();
        if (await WatchSilentAsync(cancellationToken) is { } silent)
        {
            problems.Insert(0, silent);
        }

        if (problem is not null && problems.Count == 0)
        {
            problems.Add(problem);
        }

        var settings = services.GetRequiredService<RecoverySettings>();
        var hook = settings.Hook.Program is null ? null : await HookQueries.StateAsync(database, cancellationToken);
        await using var command = database.CreateCommand(
            """
            select c.at, c.is_sound, pg_current_wal_flush_lsn()::text, clock_timestamp(),
                case when w.behind_from > s.through then w.behind_since else greatest(s.at, w.looked_at) end,
                w.escrow_file, w.escrow_opened_at, w.escrow_checked_at, w.escrow_fault
            from recovery_watch w
            left join lateral (select at, is_sound from repository_checks order by at desc limit 1) c on true
            left join lateral (select through, at from wal_shipments order by arrived_at desc limit 1) s on true
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var isBehind = index?.NewestSystem is not { } cluster || Lsn.TryParse(reader.GetString(2)) > index.Shipments(cluster).Select(s => s.Through).DefaultIfEmpty().Max();
        return new RecoveryState(
            true, settings.IsBesideData, map?.Ranges ?? [], map?.Gaps ?? [], map?.Latest,
            map?.Latest is { } latest ? isBehind ? (long)(reader.GetFieldValue<DateTimeOffset>(3) - (reader.ValueOrNull<DateTimeOffset>(4) ?? latest)).TotalSeconds : 0 : null,
            index?.Snapshots.LastOrDefault(s => s.Kind == SnapshotKind.Base)?.At,
            reader.ValueOrNull<DateTimeOffset>(0), reader.ValueOrNull<bool>(1), problem)
        {
            Problems = problems,
            Hook = hook,
            // Of another file than is named now nothing is known.
            Escrow = settings.EscrowFile is not { } file ? null : reader.TextOrNull(5) != file ? new EscrowState(null, null, null) : new EscrowState(
                reader.ValueOrNull<DateTimeOffset>(6), reader.ValueOrNull<DateTimeOffset>(7), WireNames<EscrowFault>.TryParse(reader.TextOrNull(8), out var fault) ? fault : null),
        };
    }

    /// <summary>What is wrong, the worst first.</summary>
    public async Task<IReadOnlyList<StandingProblem>> ProblemsAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select cause, severity, title, detail, remedy, since from recovery_problems
            order by array_position(array['critical', 'warning', 'info'], severity), since, cause
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<StandingProblem>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(new StandingProblem(
                reader.GetString(0), WireNames<AlertSeverity>.Parse(reader.GetString(1)), reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetFieldValue<DateTimeOffset>(5)));
        }

        return found;
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
    public void Dispose()
    {
        _disposed.Cancel();
        _disposed.Dispose();
    }

    // What is not looked at is not known to be well.
    private async Task<string?> WatchSilentAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("select looked_at, clock_timestamp() from recovery_watch");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return reader.ValueOrNull<DateTimeOffset>(0) is not { } looked
            ? "The backups have not been looked at yet."
            : reader.GetFieldValue<DateTimeOffset>(1) - looked > WatchRecovery.SilentWhen
                ? string.Create(CultureInfo.InvariantCulture, $"Nobody has looked at the backups since {looked.UtcDateTime:yyyy-MM-dd HH:mm} UTC.")
                : null;
    }

    // A storage that hangs holds up nobody who only looks: they see what was there, and that it does not answer.
    private async Task<(RepositoryIndex? Index, string? Problem)> ListAsync(Restic restic, CancellationToken cancellationToken)
    {
        Task listing;
        lock (_gate)
        {
            if (_listing is { IsCompleted: false })
            {
                listing = _listing;
            }
            else if (_listed is { } listed && time.GetElapsedTime(listed.At) <= ListEvery)
            {
                return (listed.Index, listed.Problem);
            }
            else
            {
                listing = _listing = Task.Run(() => ListAsync(restic), CancellationToken.None);
            }
        }

        await listing.WaitAsync(ListPatience, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            return listing.IsCompleted && _listed is { } now
                ? (now.Index, now.Problem)
                : (_listed?.Index, string.Create(CultureInfo.InvariantCulture, $"The backup repository has not answered within {ListPatience.TotalSeconds:0} s."));
        }
    }

    private async Task ListAsync(Restic restic)
    {
        (RepositoryIndex? Index, string? Problem, long At) listed;
        try
        {
            listed = (await RepositoryIndex.ReadAsync(restic, _disposed.Token), null, time.GetTimestamp());
        }
        catch (ToolException fault)
        {
            listed = (null, fault.Message, time.GetTimestamp());
        }

        lock (_gate)
        {
            _listed = listed;
        }
    }
}
