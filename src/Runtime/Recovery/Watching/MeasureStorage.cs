using ControlCenter.Runtime.Health;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Recovery.Watching;

/// <summary>Measures how much is stored, and how full the disks are on which it is.</summary>
public sealed class MeasureStorage(NpgsqlDataSource database, DataFolder data, RecoverySettings? settings)
{
    private static readonly EnumerationOptions All = new() { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.ReparsePoint };

    /// <summary>Measures, and keeps it.</summary>
    public async Task ExecuteAsync(CancellationToken cancellationToken)
    {
        var measured = new List<(string Place, long Used, long? Total, long? Free)>();
        await using (var command = database.CreateCommand("select pg_database_size(current_database()), (select coalesce(sum(size), 0)::bigint from pg_ls_waldir())"))
        {
            try
            {
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                await reader.ReadAsync(cancellationToken);
                measured.Add((StoragePlaces.Database, reader.GetInt64(0), null, null));
                measured.Add((StoragePlaces.Log, reader.GetInt64(1), null, null));
            }
            catch (PostgresException fault) when (fault.SqlState == PostgresErrorCodes.InsufficientPrivilege)
            {
                // Another's server tells of its log only those whom it trusts (pg_monitor).
                await using var size = database.CreateCommand("select pg_database_size(current_database())");
                measured.Add((StoragePlaces.Database, (long)(await size.ExecuteScalarAsync(cancellationToken))!, null, null));
            }
        }

        foreach (var (place, folder) in StoragePlaces.Folders(data, settings).Where(f => Directory.Exists(f.Folder)))
        {
            measured.Add((place, SizeOf(folder, cancellationToken), null, null));
        }

        foreach (var drive in new[] { data.Folder, StoragePlaces.FolderOf(settings) }.OfType<string>().Select(Drive).DistinctBy(d => d.Name))
        {
            measured.Add((StoragePlaces.Disk + drive.Name, drive.TotalSize - drive.TotalFreeSpace, drive.TotalSize, drive.AvailableFreeSpace));
        }

        await using var insert = database.CreateCommand(
            "insert into storage_samples (place, used_bytes, total_bytes, free_bytes) select * from unnest(@places, @used, @total, @free) on conflict do nothing");
        insert.Parameters.AddWithValue("places", measured.Select(m => m.Place).ToArray());
        insert.Parameters.AddWithValue("used", measured.Select(m => m.Used).ToArray());
        insert.Parameters.Add(new NpgsqlParameter("total", NpgsqlDbType.Array | NpgsqlDbType.Bigint) { Value = measured.Select(m => m.Total).ToArray() });
        insert.Parameters.Add(new NpgsqlParameter("free", NpgsqlDbType.Array | NpgsqlDbType.Bigint) { Value = measured.Select(m => m.Free).ToArray() });
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }

    // The disk that a folder is on: of all that are mounted above it the nearest.
    private static DriveInfo Drive(string folder) =>
        DriveInfo.GetDrives().Where(d => d.IsReady && (folder + "/").StartsWith(d.Name.TrimEnd('/') + "/", StringComparison.Ordinal)).MaxBy(d => d.Name.Length) ?? new DriveInfo(folder);

    private static long SizeOf(string folder, CancellationToken cancellationToken)
    {
        var size = 0L;
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*", All))
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                size += file.Length;
            }
            catch (FileNotFoundException)
            {
                // Gone between the listing and the look.
            }
        }

        return size;
    }
}
