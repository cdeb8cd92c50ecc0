using System.Text.Json;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Recovery;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.Runtime.Storage.Embedded;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>Reads restores, and what one would be.</summary>
public sealed class RestoreQueries(NpgsqlDataSource database, IServiceProvider services, OwnCluster own)
{
    private const string Select =
        """
        select r.id, r.target, r.state, r.requested_at, a.name, r.run_id, r.folder, r.base_snapshot, r.base_at, r.log_snapshots, r.log_through, r.started_at, r.ended_at,
            r.seconds, r.bytes, r.last_commit_at, r.steps::text, r.verdicts::text, r.tables::text, r.passed, r.problem, r.replaced_at, r.put_aside, r.removed_at
        from restores r join actors a on a.id = r.requested_by
        """;

    /// <summary>Restores, newest first.</summary>
    public async Task<Page<RestoreView>> ListAsync(PageRequest page, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        var where = new SqlFilter(command).AddPlace("r.requested_at", "r.id", "<", page.AfterPlace).Where;
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        command.CommandText = $"{Select} where {where} order by r.requested_at desc, r.id desc limit @limit";
        var found = await ReadAsync(command, cancellationToken);
        return page.PageOf(found, r => new PlaceInTime(r.RequestedAt, r.RestoreId));
    }

    /// <summary>One of them; null if there is none.</summary>
    public async Task<RestoreView?> FindAsync(Guid id, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"{Select} where r.id = @id");
        command.Parameters.AddWithValue("id", id);
        return (await ReadAsync(command, cancellationToken)).FirstOrDefault();
    }

    /// <summary>What a restore to a moment would be.</summary>
    /// <param name="to">The moment; the latest unless said.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ValidationException">It cannot be restored; the message says what can.</exception>
    /// <exception cref="DomainException">The repository cannot be read.</exception>
    public async Task<RestorePreview?> PreviewAsync(DateTimeOffset? to, CancellationToken cancellationToken)
    {
        if (services.GetService<Restic>() is not { } restic)
        {
            return null;
        }

        try
        {
            var plan = RestorePlan.Of(await RepositoryIndex.ReadAsync(restic, cancellationToken), to);
            var (bytes, needed) = await RestoreDatabase.SizeAsync(restic, plan, cancellationToken);
            var (lost, last) = await LostAsync(plan.To, cancellationToken);
            return new RestorePreview(
                plan.To, plan.Base.SnapshotId, plan.Base.At, plan.Log.Count, plan.Log.SelectMany(l => l.Segments).Select(s => s.Number).Distinct().Count(), bytes, needed,
                new DriveInfo(services.GetRequiredService<RecoverySettings>().Folder).AvailableFreeSpace, await ExpectedAsync(bytes, cancellationToken), lost, last,
                own.CannotBeReplaced is null, own.CannotBeReplaced);
        }
        catch (RestoreException fault)
        {
            throw new ValidationException("to", fault.Message);
        }
        catch (ToolException fault)
        {
            throw new DomainException(ProblemTypes.RepositoryUnavailable, fault.Message);
        }
    }

    // Places are in the order of time but for what is committed at once: the one that a moment falls on is found by halves.
    private async Task<(long Lost, long? Last)> LostAsync(DateTimeOffset to, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var ends = new NpgsqlCommand("select coalesce(min(seq), 0), coalesce(max(seq), 0) from events", connection);
        long first, last;
        await using (var reader = await ends.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            (first, last) = (reader.GetInt64(0), reader.GetInt64(1));
        }

        var (low, high) = (first - 1, last);
        await using var look = new NpgsqlCommand("select seq, at from events where seq > @after order by seq limit 1", connection);
        var after = look.Parameters.Add(new NpgsqlParameter<long>("after", 0L));
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            after.Value = middle;
            await using var reader = await look.ExecuteReaderAsync(cancellationToken);
            if (await reader.ReadAsync(cancellationToken) && reader.GetFieldValue<DateTimeOffset>(1) <= to)
            {
                low = Math.Max(reader.GetInt64(0), middle + 1);
            }
            else
            {
                high = middle;
            }
        }

        await using var count = new NpgsqlCommand("select count(*) from (select from events where seq > @after limit 1000000) e", connection);
        count.Parameters.AddWithValue("after", low);
        return ((long)(await count.ExecuteScalarAsync(cancellationToken))!, low < first ? null : low);
    }

    private async Task<decimal?> ExpectedAsync(long bytes, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select sum(seconds) / sum(bytes) from (
                select seconds, bytes from restores where bytes > 0 and seconds > 0 order by ended_at desc limit 5) r
            """);
        return await command.ExecuteScalarAsync(cancellationToken) is decimal perByte ? Math.Round(perByte * bytes, 1) : null;
    }

    private async Task<List<RestoreView>> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var found = new List<RestoreView>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(Read(reader));
        }

        return found;
    }

    private RestoreView Read(NpgsqlDataReader reader)
    {
        var (state, passed, folder) = (WireNames<RestoreState>.Parse(reader.GetString(2)), reader.ValueOrNull<bool>(19), reader.TextOrNull(6));
        var cannot = own.CannotBeReplaced ?? (state == RestoreState.Restored ? null : "It is not there to take the place.");
        return new RestoreView(
            reader.GetGuid(0), reader.GetFieldValue<DateTimeOffset>(1), state, reader.GetFieldValue<DateTimeOffset>(3), reader.GetString(4), reader.ValueOrNull<Guid>(5), folder,
            reader.TextOrNull(7), reader.ValueOrNull<DateTimeOffset>(8), reader.ValueOrNull<int>(9), reader.ValueOrNull<DateTimeOffset>(10), reader.ValueOrNull<DateTimeOffset>(11),
            reader.ValueOrNull<DateTimeOffset>(12), reader.ValueOrNull<decimal>(13), reader.ValueOrNull<long>(14), reader.ValueOrNull<DateTimeOffset>(15),
            From<List<RestoreStep>>(reader, 16)!, From<List<RestoreVerdict>>(reader, 17), From<List<TableVerdict>>(reader, 18), passed, reader.TextOrNull(20),
            cannot is null, cannot, own.Home is { } home ? Confirmation(home, passed != false) : "",
            state == RestoreState.Restored && folder is not null ? $"CC_HOME={folder} ./run" : null,
            reader.ValueOrNull<DateTimeOffset>(21), reader.TextOrNull(22), reader.ValueOrNull<DateTimeOffset>(23));
    }

    /// <summary>What is to be typed to have a restore take the running database's place; more where something in it is not as it must be.</summary>
    internal static string Confirmation(string home, bool passed) => ClusterSwap.Confirmation(home) + (passed ? "" : " although it failed");

    private static T? From<T>(NpgsqlDataReader reader, int column)
        where T : class => reader.IsDBNull(column) ? null : JsonSerializer.Deserialize<T>(reader.GetString(column), WireJson.Options);
}
