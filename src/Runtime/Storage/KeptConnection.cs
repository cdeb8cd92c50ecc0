using System.Data;
using Npgsql;

namespace ControlCenter.Runtime.Storage;

/// <summary>The connection of a service that repeats a handful of statements all day: it never waits behind a page's query, and is opened anew after it broke.</summary>
/// <remarks>
/// Its statements are planned once. Left to itself, PostgreSQL plans those over the partitioned log anew each time, which
/// took the tail more than half of its time (bench/README.md). The setting ends when the connection goes back to the pool.
/// </remarks>
public sealed class KeptConnection(NpgsqlDataSource database) : IAsyncDisposable
{
    private NpgsqlConnection? _connection;

    /// <summary>The connection, open.</summary>
    public async ValueTask<NpgsqlConnection> GetAsync(CancellationToken cancellationToken)
    {
        if (_connection is { State: ConnectionState.Open } open)
        {
            return open;
        }

        await DisposeAsync();
        _connection = await database.OpenConnectionAsync(cancellationToken);
        await using var setting = new NpgsqlCommand("set plan_cache_mode = force_generic_plan", _connection);
        await setting.ExecuteNonQueryAsync(cancellationToken);
        return _connection;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync();
        }
    }
}
