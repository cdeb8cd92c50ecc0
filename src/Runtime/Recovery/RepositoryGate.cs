using Npgsql;

namespace ControlCenter.Runtime.Recovery;

/// <summary>
/// Who may use the repository together, among all hosts. restic's own locks refuse at once: a check would stop the log, or the log the
/// check, whichever came second. Held by the database's session, so that a host that dies lets go.
/// </summary>
public sealed class RepositoryGate(NpgsqlDataSource database, TimeProvider time)
{
    private const long Contents = 0x43435F5245504F; // "CC_REPO"
    private const long Upkeep = 0x43435F55504B50; // "CC_UPKP"

    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(500);

    /// <summary>Waits until something may be added, and lets nobody be alone with it meanwhile.</summary>
    public async Task<IAsyncDisposable> AddAsync(CancellationToken cancellationToken)
    {
        var connection = await database.OpenConnectionAsync(cancellationToken);
        try
        {
            await using var command = new NpgsqlCommand($"select pg_advisory_lock_shared({Contents})", connection) { CommandTimeout = 0 };
            await command.ExecuteNonQueryAsync(cancellationToken);
            return new HeldLock(connection, $"select pg_advisory_unlock_shared({Contents})");
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until nobody adds anything, and lets nobody begin meanwhile. Whoever waits for this holds up nobody.</summary>
    public Task<IAsyncDisposable> BeAloneAsync(CancellationToken cancellationToken) => TakeAsync(Contents, cancellationToken);

    /// <summary>One at a time reads all of it or removes something from it.</summary>
    public Task<IAsyncDisposable> KeepUpAsync(CancellationToken cancellationToken) => TakeAsync(Upkeep, cancellationToken);

    /// <summary>The same as <see cref="BeAloneAsync"/> where that can be had at once; null where it cannot.</summary>
    public async Task<IAsyncDisposable?> TryBeAloneAsync(CancellationToken cancellationToken)
    {
        var connection = await database.OpenConnectionAsync(cancellationToken);
        var isHeld = false;
        try
        {
            isHeld = await TryAsync(connection, Contents, cancellationToken);
            return isHeld ? new HeldLock(connection, $"select pg_advisory_unlock({Contents})") : null;
        }
        finally
        {
            if (!isHeld)
            {
                await connection.DisposeAsync();
            }
        }
    }

    private async Task<IAsyncDisposable> TakeAsync(long what, CancellationToken cancellationToken)
    {
        var connection = await database.OpenConnectionAsync(cancellationToken);
        try
        {
            while (!await TryAsync(connection, what, cancellationToken))
            {
                await Task.Delay(AskAgain, time, cancellationToken);
            }

            return new HeldLock(connection, $"select pg_advisory_unlock({what})");
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private static async Task<bool> TryAsync(NpgsqlConnection connection, long what, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"select pg_try_advisory_lock({what})", connection);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
