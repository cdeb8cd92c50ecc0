using System.Data;
using Npgsql;

namespace ControlCenter.Runtime.Recovery;

/// <summary>A lock of a database session, let go with the connection. By itself that would not do: a pool resets a connection only when it is next used, and the lock would be held by nobody until then.</summary>
internal sealed class HeldLock(NpgsqlConnection connection, string release) : IAsyncDisposable
{
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (connection.State == ConnectionState.Open)
            {
                await using var command = new NpgsqlCommand(release, connection);
                await command.ExecuteNonQueryAsync(CancellationToken.None);
            }
        }
        catch (NpgsqlException)
        {
            // The session has ended, and what it held with it.
        }

        await connection.DisposeAsync();
    }
}
