using System.Globalization;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Hosts;

/// <summary>A host: what it said last, and how much runs there. Sizes are in MB; CPU is 0 to 100 of all cores together.</summary>
public sealed record HostView(
    Guid HostId, string Name, string[] Labels, HostState State, DateTimeOffset StateAt, bool IsLocal, string? Version, int? Cores, decimal? CpuPercent,
    int? MemoryMb, int? MemoryUsedMb, int? DiskMb, int? DiskFreeMb, DateTimeOffset? LastReportAt, DateTimeOffset CreatedAt, int Running, int Starting);

/// <summary>A host with its last day.</summary>
/// <param name="Host">The host.</param>
/// <param name="Samples">Its load, oldest first; at the most one every 10 s.</param>
/// <param name="Capacity">How many more of each kind of agent would fit, from measured memory.</param>
public sealed record HostDetail(HostView Host, IReadOnlyList<HostSample> Samples, IReadOnlyList<HostCapacity> Capacity);

/// <summary>One measurement.</summary>
public sealed record HostSample(DateTimeOffset At, decimal CpuPercent, int MemoryUsedMb, int DiskFreeMb, int Runtimes);

/// <summary>How many more would fit.</summary>
/// <param name="Adapter">Of which kind.</param>
/// <param name="Definition">By which definition.</param>
/// <param name="ExpectedMemoryMb">95 of 100 of it used no more (its peaks).</param>
/// <param name="Samples">How many were measured.</param>
/// <param name="FreeSlots">How many more would fit below the limit of memory.</param>
public sealed record HostCapacity(string Adapter, string Definition, int ExpectedMemoryMb, int Samples, int FreeSlots);

/// <summary>Reads hosts.</summary>
public sealed class HostQueries(NpgsqlDataSource database)
{
    private const string Select =
        """
        select h.id, h.name, h.labels, h.state, h.state_at, h.is_local, h.version, h.cores, h.cpu_percent, h.memory_mb, h.memory_used_mb, h.disk_mb, h.disk_free_mb,
            h.last_report_at, h.created_at,
            (select count(*) from runtimes r where r.host_id = h.id and r.phase in ('observed', 'ready')),
            (select count(*) from runtimes r where r.host_id = h.id and r.phase = 'granted')
        from hosts h where h.removed_at is null and {0}
        order by h.created_at desc, h.id desc limit @limit
        """;

    /// <summary>Hosts, newest first.</summary>
    public async Task<Page<HostView>> ListAsync(PageRequest page, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        var where = new SqlFilter(command).AddPlace("h.created_at", "h.id", "<", page.AfterPlace).Where;
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        command.CommandText = string.Format(CultureInfo.InvariantCulture, Select, where);
        return page.PageOf(await ReadAsync(command, cancellationToken), h => new PlaceInTime(h.CreatedAt, h.HostId));
    }

    /// <summary>One host, with its last day.</summary>
    public async Task<HostDetail?> FindAsync(Guid id, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(string.Format(CultureInfo.InvariantCulture, Select, "h.id = @id"));
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("limit", 1);
        return (await ReadAsync(command, cancellationToken)).FirstOrDefault() is { } host
            ? new HostDetail(host, await SamplesAsync(id, cancellationToken), await CapacityAsync(host, cancellationToken))
            : null;
    }

    private static async Task<List<HostView>> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var hosts = new List<HostView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            hosts.Add(new HostView(
                reader.GetGuid(0), reader.GetString(1), reader.GetFieldValue<string[]>(2), WireNames<HostState>.Parse(reader.GetString(3)),
                reader.GetFieldValue<DateTimeOffset>(4), reader.GetBoolean(5), reader.TextOrNull(6), reader.ValueOrNull<int>(7), reader.ValueOrNull<decimal>(8),
                reader.ValueOrNull<int>(9), reader.ValueOrNull<int>(10), reader.ValueOrNull<int>(11), reader.ValueOrNull<int>(12),
                reader.ValueOrNull<DateTimeOffset>(13), reader.GetFieldValue<DateTimeOffset>(14), (int)reader.GetInt64(15), (int)reader.GetInt64(16)));
        }

        return hosts;
    }

    // A day at one each ten seconds is more than a chart shows: the newest in each five minutes.
    private async Task<List<HostSample>> SamplesAsync(Guid host, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select distinct on (date_bin('5 min', at, 'epoch')) at, cpu_percent, memory_used_mb, disk_free_mb, runtimes
            from host_samples where host_id = @id and at > clock_timestamp() - interval '24 h'
            order by date_bin('5 min', at, 'epoch'), at desc
            """);
        command.Parameters.AddWithValue("id", host);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var samples = new List<HostSample>();
        while (await reader.ReadAsync(cancellationToken))
        {
            samples.Add(new HostSample(reader.GetFieldValue<DateTimeOffset>(0), reader.GetDecimal(1), reader.GetInt32(2), reader.GetInt32(3), reader.GetInt32(4)));
        }

        return samples;
    }

    private async Task<List<HostCapacity>> CapacityAsync(HostView host, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select d.body ->> 'adapter', d.name, m.p95, m.samples
            from agent_definitions d
            cross join lateral (
                select percentile_disc(0.95) within group (order by s.peak_memory_mb) as p95, count(*) as samples
                from (select peak_memory_mb from runtimes r where r.adapter = d.body ->> 'adapter' and r.definition_id = d.id and r.peak_memory_mb is not null
                      order by r.ended_at desc limit @most) s) m
            where d.removed_at is null and m.samples > 0 order by d.name
            """);
        command.Parameters.AddWithValue("most", SlotRules.MostSamples);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var capacity = new List<HostCapacity>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var expected = reader.GetInt32(2);
            capacity.Add(new HostCapacity(
                reader.GetString(0), reader.GetString(1), expected, (int)reader.GetInt64(3), SlotRules.FreeSlots(host.MemoryMb, host.MemoryUsedMb, expected)));
        }

        return capacity;
    }
}
