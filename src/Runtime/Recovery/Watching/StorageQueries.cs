using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Watching;

/// <summary>How much of something is stored, and how it has grown.</summary>
/// <param name="Place">What: <c>database</c>, <c>log</c>, <c>transcripts</c>, <c>workspaces</c>, <c>recovery</c>, <c>repository</c>.</param>
/// <param name="Bytes">How much, when it was last measured.</param>
/// <param name="DayAgo">How much it was a day before; null where it was not measured then.</param>
/// <param name="WeekAgo">A week before.</param>
/// <param name="MonthAgo">Thirty days before.</param>
/// <param name="At">When it was last measured.</param>
public sealed record StoredView(string Place, long Bytes, long? DayAgo, long? WeekAgo, long? MonthAgo, DateTimeOffset At);

/// <summary>A table and how large it is.</summary>
/// <param name="Table">Its name; a partitioned one as a whole.</param>
/// <param name="Bytes">With its indexes and what is kept beside it.</param>
/// <param name="Rows">About how many rows, as the planner believes; null where it does not know yet.</param>
public sealed record TableSize(string Table, long Bytes, long? Rows);

/// <summary>What is stored, how it grows, and when the disks will be full (DP-18).</summary>
public sealed record StorageState(IReadOnlyList<DiskForecast> Disks, IReadOnlyList<StoredView> Places, IReadOnlyList<TableSize> LargestTables);

/// <summary>Reads what was measured of what is stored.</summary>
public sealed class StorageQueries(NpgsqlDataSource database)
{
    private const int MostTables = 20;

    /// <summary>All of it.</summary>
    public async Task<StorageState> StateAsync(CancellationToken cancellationToken) =>
        new(await DisksAsync(cancellationToken), await PlacesAsync(cancellationToken), await TablesAsync(cancellationToken));

    /// <summary>The disks, the one that will be full first in front.</summary>
    public async Task<IReadOnlyList<DiskForecast>> DisksAsync(CancellationToken cancellationToken)
    {
        // Hourly beyond the last six hours: what a forecast is made of, and not two thousand rows.
        await using var command = database.CreateCommand(
            """
            select place, at, used_bytes, total_bytes, free_bytes, clock_timestamp() from storage_samples
            where starts_with(place, @disk) and at > clock_timestamp() - interval '7 days'
                and (at > clock_timestamp() - interval '6 hours' or extract(minute from at) < 5)
            order by place, at
            """);
        command.Parameters.AddWithValue("disk", StoragePlaces.Disk);
        var samples = new List<(string Place, DiskSample Sample, long Total, long Free)>();
        var now = DateTimeOffset.MinValue;
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                samples.Add((reader.GetString(0), new DiskSample(reader.GetFieldValue<DateTimeOffset>(1), reader.GetInt64(2)), reader.GetInt64(3), reader.GetInt64(4)));
                now = reader.GetFieldValue<DateTimeOffset>(5);
            }
        }

        // A disk that is not measured any more, because the repository went elsewhere, is no disk of ours.
        return [.. samples.GroupBy(s => s.Place).Where(g => now - g.Last().Sample.At < TimeSpan.FromHours(1))
            .Select(g => DiskForecast.Of(g.Key[StoragePlaces.Disk.Length..], g.Last().Total, g.Last().Free, [.. g.Select(s => s.Sample)], now))
            .OrderBy(d => d.FullIn ?? TimeSpan.MaxValue)];
    }

    private async Task<IReadOnlyList<StoredView>> PlacesAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select p.place, n.used_bytes, n.at, d.used_bytes, w.used_bytes, m.used_bytes
            from (select distinct place from storage_samples where at > clock_timestamp() - interval '1 hour' and not starts_with(place, @disk)) p
            cross join lateral (select used_bytes, at from storage_samples s where s.place = p.place order by at desc limit 1) n
            left join lateral (select used_bytes from storage_samples s where s.place = p.place and s.at between n.at - interval '25 hours' and n.at - interval '24 hours' order by at desc limit 1) d on true
            left join lateral (select used_bytes from storage_samples s where s.place = p.place and s.at between n.at - interval '169 hours' and n.at - interval '168 hours' order by at desc limit 1) w on true
            left join lateral (select used_bytes from storage_samples s where s.place = p.place and s.at between n.at - interval '721 hours' and n.at - interval '720 hours' order by at desc limit 1) m on true
            order by n.used_bytes desc
            """);
        command.Parameters.AddWithValue("disk", StoragePlaces.Disk);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<StoredView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(new StoredView(
                reader.GetString(0), reader.GetInt64(1), reader.ValueOrNull<long>(3), reader.ValueOrNull<long>(4), reader.ValueOrNull<long>(5), reader.GetFieldValue<DateTimeOffset>(2)));
        }

        return found;
    }

    private async Task<IReadOnlyList<TableSize>> TablesAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select c.relname, sum(pg_total_relation_size(p.oid))::bigint as bytes, nullif(sum(greatest(p.reltuples, 0))::bigint, 0)
            from pg_class c cross join lateral (select c.oid as of union select relid from pg_partition_tree(c.oid)) t join pg_class p on p.oid = t.of
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
            group by c.relname order by bytes desc limit @most
            """);
        command.Parameters.AddWithValue("most", MostTables);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<TableSize>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(new TableSize(reader.GetString(0), reader.GetInt64(1), reader.ValueOrNull<long>(2)));
        }

        return found;
    }
}
