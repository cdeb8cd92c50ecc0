using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Storage.Embedded;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>What the database that is replaced knows, for the one that takes its place.</summary>
/// <param name="Restore">The restore.</param>
/// <param name="Keys">Its keys, by <see cref="KeysOfNow"/>; null where it did not run and was not asked.</param>
public sealed record ReplacedRecord(RestoreView Restore, string? Keys);

/// <summary>
/// Writes down, in the database that a host starts on, that it is a restored one: it knows of its own restore only what was so at its moment.
/// A restored database has a history of its own from then on, so a base backup of it is taken at once.
/// </summary>
public sealed class RecordReplacement(Transactions transactions, QueueJobRun queue, OwnCluster own, TimeProvider time)
{
    /// <summary>The event.</summary>
    public const string Replaced = "backup.database_replaced";

    private const string NotReplaced = "backup.database_not_replaced";

    /// <summary>Writes it down, if there was a replacement that nobody has written down, or one that was asked for and not begun.</summary>
    public async Task ExecuteAsync(CancellationToken cancellationToken)
    {
        if (own.Home is not { } home)
        {
            return;
        }

        if (ClusterSwap.Outcome(home) is not { } outcome)
        {
            await EndUnbegunAsync(cancellationToken);
            return;
        }

        var record = outcome.Record is { } json ? JsonSerializer.Deserialize<ReplacedRecord>(json, WireJson.Options) : null;
        await transactions.RunAsync(Caller.Host, async (unit, ct) =>
        {
            if (outcome.Request.RestoreId is { } id)
            {
                await WriteAsync(unit, id, outcome, record?.Restore, Path.Combine(home, outcome.Request.Aside), ct);
            }

            unit.Record(outcome.Problem is null ? Replaced : NotReplaced, ("restore", outcome.Request.RestoreId?.ToString() ?? ""), new
            {
                outcome.Request.RestoreId, To = outcome.Request.Target, PutAside = outcome.Problem is null ? Path.Combine(home, outcome.Request.Aside) : null, outcome.Problem,
            });
            if (outcome.Problem is null && record?.Keys is { } keys)
            {
                await KeysOfNow.CarryOverAsync(unit, keys, time, ct);
            }

            if (outcome.Problem is null && queue.Has("base-backup"))
            {
                await queue.WithinAsync(unit, "base-backup", JsonSerializer.SerializeToElement(new { reason = "a restored database begins a history of its own" }), ct);
            }

            return true;
        }, cancellationToken);
        ClusterSwap.Forget(home);
    }

    // Its host died before it had noted it, or could not: the one that is restored is still there to take the place.
    private Task EndUnbegunAsync(CancellationToken cancellationToken) => transactions.RunAsync(Caller.Host, async (unit, ct) =>
    {
        const string Problem = "The host ended before it had handed the running database over, which is as it was. Ask for it again.";
        await using var command = unit.Command("update restores set state = 'restored', problem = @problem where state = 'replacing' returning id, target", ("problem", Problem));
        await using var reader = await command.ExecuteReaderAsync(ct);
        if (await reader.ReadAsync(ct))
        {
            var id = reader.GetGuid(0);
            unit.Record(NotReplaced, ("restore", id.ToString()), new { RestoreId = id, To = reader.GetFieldValue<DateTimeOffset>(1), Problem });
        }

        return true;
    }, cancellationToken);

    private static async Task WriteAsync(UnitOfWork unit, Guid id, SwapOutcome outcome, RestoreView? known, string aside, CancellationToken cancellationToken)
    {
        if (outcome.Problem is { } problem)
        {
            await unit.ExecuteAsync("update restores set state = 'failed', problem = @problem where id = @id", cancellationToken, ("id", id), ("problem", problem));
            return;
        }

        await using var command = unit.Command(
            """
            insert into restores (id, target, state, requested_by, requested_at, run_id, folder, base_snapshot, base_at, log_snapshots, log_through, started_at, ended_at, seconds,
                bytes, last_commit_at, steps, verdicts, tables, passed, replace_requested_at, replaced_at, put_aside)
            values (@id, @to, 'replaced', coalesce((select id from actors where name = @by), @host), @requested, @run, @folder, @base, @base_at, @log, @through, @started, @ended, @seconds,
                @bytes, @commit, @steps, @verdicts, @tables, @passed, @asked, clock_timestamp(), @aside)
            on conflict (id) do update set state = 'replaced', problem = null, ended_at = excluded.ended_at, seconds = excluded.seconds, bytes = excluded.bytes,
                last_commit_at = excluded.last_commit_at, steps = excluded.steps, verdicts = excluded.verdicts, tables = excluded.tables, passed = excluded.passed,
                folder = excluded.folder, base_snapshot = excluded.base_snapshot, base_at = excluded.base_at, log_snapshots = excluded.log_snapshots, log_through = excluded.log_through,
                replace_requested_at = excluded.replace_requested_at, replaced_at = excluded.replaced_at, put_aside = excluded.put_aside
            """,
            ("id", id), ("to", outcome.Request.Target), ("by", known?.RequestedByName ?? ""), ("host", Actor.HostId), ("requested", known?.RequestedAt ?? outcome.Request.RequestedAt),
            ("asked", outcome.Request.RequestedAt), ("aside", aside));
        Add("run", NpgsqlDbType.Uuid, known?.RunId);
        Add("folder", NpgsqlDbType.Text, known?.Folder);
        Add("base", NpgsqlDbType.Text, known?.BaseSnapshot);
        Add("base_at", NpgsqlDbType.TimestampTz, known?.BaseAt);
        Add("log", NpgsqlDbType.Integer, known?.LogSnapshots);
        Add("through", NpgsqlDbType.TimestampTz, known?.LogThrough);
        Add("started", NpgsqlDbType.TimestampTz, known?.StartedAt);
        Add("ended", NpgsqlDbType.TimestampTz, known?.EndedAt);
        Add("seconds", NpgsqlDbType.Numeric, known?.Seconds);
        Add("bytes", NpgsqlDbType.Bigint, known?.Bytes);
        Add("commit", NpgsqlDbType.TimestampTz, known?.LastCommitAt);
        Add("steps", NpgsqlDbType.Jsonb, JsonSerializer.Serialize(known?.Steps ?? [], WireJson.Options));
        Add("verdicts", NpgsqlDbType.Jsonb, known?.Verdicts is { } verdicts ? JsonSerializer.Serialize(verdicts, WireJson.Options) : null);
        Add("tables", NpgsqlDbType.Jsonb, known?.Tables is { } tables ? JsonSerializer.Serialize(tables, WireJson.Options) : null);
        Add("passed", NpgsqlDbType.Boolean, known?.Passed);
        await command.ExecuteNonQueryAsync(cancellationToken);

        void Add(string name, NpgsqlDbType type, object? value) => command.Parameters.Add(new Npgsql.NpgsqlParameter(name, type) { Value = value ?? DBNull.Value });
    }
}
