using Npgsql;

namespace ControlCenter.Runtime.Recovery.Watching;

/// <summary>The server's settings against what continuous log needs of them (blueprint 10.3A), as they are in force and not as a file has them.</summary>
internal static class ServerSettings
{
    /// <summary>Those that are not as they must be, each in words.</summary>
    public static async Task<IReadOnlyList<string>> WrongAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select name || ' is ' || current_setting(name) || ', ' || case name
                when 'wal_level' then 'and is to be replica'
                when 'max_wal_senders' then 'and is to be at the least 3'
                when 'max_replication_slots' then 'and is to be at the least 1'
                when 'max_slot_wal_keep_size' then 'and without a cap a repository that is away fills the disk'
                else 'and is to be on' end
            from pg_settings
            where (name = 'wal_level' and setting not in ('replica', 'logical')) or (name = 'max_wal_senders' and setting::int < 3)
                or (name = 'max_replication_slots' and setting::int < 1) or (name in ('fsync', 'full_page_writes') and setting <> 'on')
                or (name = 'max_slot_wal_keep_size' and setting = '-1')
            order by name
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var wrong = new List<string>();
        while (await reader.ReadAsync(cancellationToken))
        {
            wrong.Add(reader.GetString(0));
        }

        return wrong;
    }
}
