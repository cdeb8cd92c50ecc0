using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Execution;

/// <summary>How much room there is on which host, as of now and with what is given away from here on.</summary>
internal sealed class SlotRooms
{
    // Any command line: what one needs says nothing of another.
    private const string UnlikeEachOther = "process";

    // Live ones first: what is running now is the best measure of what comes.
    private const string Expectations =
        """
        select k.adapter, k.definition_id, m.p95
        from (select distinct adapter, definition_id from runtimes where phase <> 'ended') k
        cross join lateral (
            select percentile_disc(0.95) within group (order by s.peak_memory_mb) as p95
            from (select peak_memory_mb from runtimes r where r.adapter = k.adapter and r.definition_id = k.definition_id and r.peak_memory_mb is not null
                  order by r.ended_at desc limit @most) s) m
        where m.p95 is not null
        union all
        select k.adapter, null, m.p95
        from (select distinct adapter from runtimes where phase <> 'ended') k
        cross join lateral (
            select percentile_disc(0.95) within group (order by s.peak_memory_mb) as p95
            from (select peak_memory_mb from runtimes r where r.adapter = k.adapter and r.peak_memory_mb is not null order by r.ended_at desc limit @most) s) m
        where m.p95 is not null and k.adapter <> @unlike
        """;

    private readonly Dictionary<(string Adapter, Guid? Definition), int> _expected;
    private readonly Dictionary<Guid, HostRoom> _hosts;

    private SlotRooms(Dictionary<(string, Guid?), int> expected, Dictionary<Guid, HostRoom> hosts, int mostPerHost) =>
        (_expected, _hosts, MostPerHost) = (expected, hosts, mostPerHost);

    /// <summary>How many may run on one host, whoever asked for them.</summary>
    public int MostPerHost { get; }

    /// <summary>The hosts.</summary>
    public IReadOnlyCollection<HostRoom> Hosts => _hosts.Values;

    /// <summary>Reads the rooms.</summary>
    public static async Task<SlotRooms> ReadAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        var rooms = new SlotRooms(await ExpectationsAsync(unit, cancellationToken), await HostsAsync(unit, cancellationToken), await MostPerHostAsync(unit, cancellationToken));
        await rooms.AddLiveAsync(unit, cancellationToken);
        return rooms;
    }

    /// <summary>Whether a host reports, and is given work.</summary>
    public bool IsOnline(Guid host) => _hosts.TryGetValue(host, out var room) && room.State == HostState.Online;

    /// <summary>What 95 of 100 like it needed at the most, in MB; null if none has been measured.</summary>
    public int? ExpectedOf(string adapter, Guid definition) =>
        _expected.TryGetValue((adapter, definition), out var own) ? own : _expected.TryGetValue((adapter, null), out var kind) ? kind : null;

    /// <summary>Gives room away.</summary>
    public void Promise(Guid host, Guid definition, int? expectedMb)
    {
        var room = _hosts[host];
        _hosts[host] = room with
        {
            PromisedMb = room.PromisedMb + (expectedMb ?? 0),
            Runtimes = room.Runtimes + 1,
            Probing = expectedMb is null ? [.. room.Probing, definition] : room.Probing,
        };
    }

    // The founder's word, or what is good for a first run.
    private static async Task<int> MostPerHostAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select most_per_host from assignment_policy");
        return await command.ExecuteScalarAsync(cancellationToken) is int most ? most : new AssignmentPolicy().MostPerHost;
    }

    private static async Task<Dictionary<(string, Guid?), int>> ExpectationsAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(Expectations, ("most", SlotRules.MostSamples), ("unlike", UnlikeEachOther));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var expected = new Dictionary<(string, Guid?), int>();
        while (await reader.ReadAsync(cancellationToken))
        {
            expected[(reader.GetString(0), reader.IsDBNull(1) ? null : reader.GetGuid(1))] = reader.GetInt32(2);
        }

        return expected;
    }

    private static async Task<Dictionary<Guid, HostRoom>> HostsAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select id, name, state, labels, memory_mb, memory_used_mb, disk_mb, disk_free_mb from hosts
            where removed_at is null and state <> 'left' and (last_report_at is not null or state = 'invited')
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var hosts = new Dictionary<Guid, HostRoom>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = reader.GetGuid(0);
            hosts[id] = new HostRoom(
                id, reader.GetString(1), WireNames<HostState>.Parse(reader.GetString(2)), reader.GetFieldValue<string[]>(3), Number(4), Number(5), 0, Number(6), Number(7), 0, []);
        }

        return hosts;

        int Number(int column) => reader.IsDBNull(column) ? 0 : reader.GetInt32(column);
    }

    private async Task AddLiveAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select host_id, adapter, definition_id, memory_mb, peak_memory_mb is null from runtimes where phase in ('granted', 'observed', 'ready')");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            if (!_hosts.TryGetValue(reader.GetGuid(0), out var room))
            {
                continue;
            }

            var definition = reader.GetGuid(2);
            var measured = reader.IsDBNull(3) ? 0 : reader.GetInt32(3);
            _hosts[room.HostId] = room with
            {
                PromisedMb = room.PromisedMb + Math.Max(0, (ExpectedOf(reader.GetString(1), definition) ?? 0) - measured),
                Runtimes = room.Runtimes + 1,
                Probing = reader.GetBoolean(4) ? [.. room.Probing, definition] : room.Probing,
            };
        }
    }
}
