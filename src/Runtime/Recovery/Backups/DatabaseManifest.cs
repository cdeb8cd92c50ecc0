using System.Text.Json;
using System.Text.Json.Serialization;
using ControlCenter.Domain.Recovery;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Backups;

/// <summary>What was in the database at one moment; kept with each backup, so that a restore is judged by what was then and not by what is now.</summary>
/// <param name="CountedAt">The moment, by the database's clock: a restore to it finds this, and what was being committed in it.</param>
/// <param name="Place">The log's place then.</param>
/// <param name="SchemaVersion">The newest migration.</param>
/// <param name="ServerVersion">PostgreSQL's.</param>
/// <param name="Database">The database's name.</param>
/// <param name="User">Who it was counted as.</param>
/// <param name="Tables">Every table of ours; a partitioned one as a whole.</param>
public sealed record DatabaseManifest(DateTimeOffset CountedAt, string Place, string SchemaVersion, string ServerVersion, string Database, string User, IReadOnlyList<TableCount> Tables)
{
    /// <summary>Its file beside the backup.</summary>
    public const string FileName = "manifest.json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        WriteIndented = true,
    };

    /// <summary>Counts everything in one snapshot of the database, and leaves a commit behind it in the log.</summary>
    public static async Task<DatabaseManifest> TakeAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        DatabaseManifest manifest;
        await using (var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken))
        {
            manifest = await CountInAsync(connection, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        await using var mark = new NpgsqlCommand("select pg_logical_emit_message(true, 'control-center', 'manifest')", connection);
        await mark.ExecuteNonQueryAsync(cancellationToken);
        return manifest;
    }

    /// <summary>Counts everything in the snapshot of the transaction that is open.</summary>
    public static async Task<DatabaseManifest> CountInAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        await MomentAsync(connection, cancellationToken) with { Tables = await CountAsync(connection, cancellationToken) };

    /// <summary>Counts the tables of a database.</summary>
    public static async Task<IReadOnlyList<TableCount>> CountAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var tables = new List<(string Name, string? Time)>();
        await using (var list = new NpgsqlCommand(
            """
            select c.relname, (select a.attname from pg_attribute a where a.attrelid = c.oid and not a.attisdropped and a.atttypid = 'timestamptz'::regtype
                and a.attname in ('at', 'created_at', 'granted_at', 'requested_at', 'started_at') order by a.attnum limit 1)
            from pg_class c
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
            order by c.relname
            """,
            connection))
        await using (var reader = await list.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                tables.Add((reader.GetString(0), reader.IsDBNull(1) ? null : reader.GetString(1)));
            }
        }

        var counts = new List<TableCount>(tables.Count);
        using var quote = new NpgsqlCommandBuilder();
        foreach (var (name, time) in tables)
        {
            await using var count = new NpgsqlCommand(
                $"select count(*), {(time is null ? "null::timestamptz" : $"max({quote.QuoteIdentifier(time)})")} from {quote.QuoteIdentifier(name)}", connection)
            {
                CommandTimeout = 0,
            };
            await using var reader = await count.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            counts.Add(new TableCount(name, reader.GetInt64(0), reader.IsDBNull(1) ? null : reader.GetFieldValue<DateTimeOffset>(1)));
        }

        return counts;
    }

    /// <summary>Writes it into a folder.</summary>
    public Task WriteAsync(string folder, CancellationToken cancellationToken) =>
        File.WriteAllBytesAsync(Path.Combine(folder, FileName), JsonSerializer.SerializeToUtf8Bytes(this, Json), cancellationToken);

    /// <summary>As JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Json);

    /// <summary>Reads one from a folder.</summary>
    /// <exception cref="InvalidDataException">It is not there, or not whole.</exception>
    public static async Task<DatabaseManifest> ReadAsync(string folder, CancellationToken cancellationToken)
    {
        try
        {
            await using var file = File.OpenRead(Path.Combine(folder, FileName));
            return await JsonSerializer.DeserializeAsync<DatabaseManifest>(file, Json, cancellationToken)
                ?? throw new InvalidDataException("The backup's manifest is empty.");
        }
        catch (Exception fault) when (fault is JsonException or FileNotFoundException)
        {
            throw new InvalidDataException($"The backup's manifest cannot be read: {fault.Message}", fault);
        }
    }

    private static async Task<DatabaseManifest> MomentAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select clock_timestamp(), pg_current_wal_insert_lsn()::text, (select max("MigrationId") from "__EFMigrationsHistory"), current_setting('server_version'),
                current_database()::text, session_user::text
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new DatabaseManifest(
            reader.GetFieldValue<DateTimeOffset>(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetString(5), []);
    }
}
