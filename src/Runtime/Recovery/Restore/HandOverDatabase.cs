using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Storage;
using ControlCenter.Runtime.Storage.Embedded;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>
/// The last that a host does with a database that is to be replaced, once its doors are closed: has it noted for the next start, with the keys
/// as they are then. A host that dies before leaves no note, and the next start says so (<see cref="RecordReplacement"/>).
/// </summary>
public sealed partial class HandOverDatabase(NpgsqlDataSource database, DatabaseAddress address, RestoreQueries restores, OwnCluster own, TimeProvider time, ILogger<HandOverDatabase> logger)
{
    // From here on no key changes by another host either: it waits for this one, and ends with the database. Whoever was before is done in a moment.
    private const string HoldKeys = "set local lock_timeout = '5s'; lock table api_keys in share mode";

    /// <summary>Does it, and ends the database. Where it cannot be noted the host starts again on the database as it is.</summary>
    /// <param name="endDatabase">Ends PostgreSQL, while the keys are held.</param>
    public async Task ExecuteAsync(Func<CancellationToken, Task> endDatabase)
    {
        try
        {
            // Not the pool's, for it ends with the database, which nobody is to hear of as an error. The host ends: there is nobody who could give it up.
            await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(address.ConnectionString) { Pooling = false }.ConnectionString);
            await connection.OpenAsync(CancellationToken.None);
            await using var transaction = await connection.BeginTransactionAsync(CancellationToken.None);
            var unit = new UnitOfWork(connection, Caller.Host);
            if (own.Home is not { } home || await FindAsync(unit) is not { Folder: { } folder } restore)
            {
                return;
            }

            await unit.ExecuteAsync(HoldKeys, CancellationToken.None);
            var record = new ReplacedRecord(restore, await KeysOfNow.ReadAsync(unit, restore.To, CancellationToken.None));
            var request = new SwapRequest(restore.RestoreId, Path.Combine(folder, "postgres"), ClusterSwap.AsideName(time.GetUtcNow()), restore.To, time.GetUtcNow());
            await ClusterSwap.RequestAsync(home, request, JsonSerializer.Serialize(record, WireJson.Options), CancellationToken.None);
            database.Clear();
            await endDatabase(CancellationToken.None);
        }
        catch (Exception fault) when (fault is NpgsqlException or IOException or UnauthorizedAccessException)
        {
            LogNotHandedOver(logger, fault);
        }
    }

    private async Task<RestoreView?> FindAsync(UnitOfWork unit)
    {
        await using var command = unit.Command("select id from restores where state = 'replacing'");
        return await command.ExecuteScalarAsync(CancellationToken.None) is Guid id ? await restores.FindAsync(id, CancellationToken.None) : null;
    }

    [LoggerMessage(EventId = 1932, Level = LogLevel.Error, Message = "The database is not replaced: it could not be noted for the next start")]
    private static partial void LogNotHandedOver(ILogger logger, Exception fault);
}
