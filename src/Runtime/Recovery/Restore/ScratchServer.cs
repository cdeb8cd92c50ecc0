using ControlCenter.Runtime.Storage.Embedded;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>A server on a restored cluster, reachable by its own socket alone: it replays log, is looked at, and is stopped.</summary>
internal sealed class ScratchServer : IAsyncDisposable
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan StopPatience = TimeSpan.FromMinutes(2);

    private readonly ServerProcess _process;
    private readonly ServerLog _log;
    private readonly ClusterFolder _cluster;
    private readonly TimeProvider _time;

    private ScratchServer(ServerProcess process, ServerLog log, ClusterFolder cluster, TimeProvider time) =>
        (_process, _log, _cluster, _time) = (process, log, cluster, time);

    /// <summary>How to connect, as the cluster's first user.</summary>
    public string Connection(string database, string user) => new NpgsqlConnectionStringBuilder
    {
        Host = _cluster.SocketFolder,
        Username = user,
        Database = database,
        Pooling = false,
        CommandTimeout = 0,
    }.ConnectionString;

    /// <summary>Starts it. Whoever reaches its socket is let in: the folder is closed to others.</summary>
    public static ScratchServer Start(ServerBinaries binaries, ClusterFolder cluster, IReadOnlyDictionary<string, string> settings, TimeProvider time)
    {
        var log = new ServerLog(cluster.LogFile);
        var arguments = new Dictionary<string, string>(settings)
        {
            ["listen_addresses"] = "",
            ["port"] = "5432",
            ["unix_socket_directories"] = cluster.SocketFolder,
            ["unix_socket_permissions"] = "0700",
            ["max_slot_wal_keep_size"] = "-1",
            ["archive_mode"] = "off",
            ["jit"] = "off",
        }.Select(s => $"{s.Key}={s.Value}");
        return new ScratchServer(ServerProcess.Launch(binaries, cluster, log, arguments), log, cluster, time);
    }

    /// <summary>Waits until it has replayed all that it is to replay, and can be written to.</summary>
    /// <exception cref="RestoreException">It ended before.</exception>
    public async Task PromotedAsync(string connectionString, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        string? place = null;
        while (true)
        {
            if (_process.Ended.IsCompleted)
            {
                throw new RestoreException($"PostgreSQL did not come up on the restored cluster: {_log.LastWords}");
            }

            try
            {
                await using var connection = new NpgsqlConnection(connectionString);
                await connection.OpenAsync(cancellationToken);
                await using var command = new NpgsqlCommand("select pg_is_in_recovery(), pg_last_wal_replay_lsn()::text", connection);
                await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                await reader.ReadAsync(cancellationToken);
                if (!reader.GetBoolean(0))
                {
                    return;
                }

                if (!reader.IsDBNull(1) && reader.GetString(1) is var now && now != place)
                {
                    progress?.Report($"replayed the log through {place = now}");
                }
            }
            catch (NpgsqlException fault) when (fault is not PostgresException { SqlState: not (PostgresErrorCodes.CannotConnectNow) })
            {
                // Not yet: it says that it starts up, or does not listen.
            }

            await Task.Delay(Poll, _time, cancellationToken);
        }
    }

    /// <summary>Stops it cleanly.</summary>
    /// <exception cref="RestoreException">It does not stop.</exception>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (!await _process.EndsAfterAsync("INT", StopPatience, _time, cancellationToken))
        {
            throw new RestoreException("PostgreSQL does not stop on the restored cluster.");
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (!_process.Ended.IsCompleted && !await _process.EndsAfterAsync("QUIT", StopPatience, _time, CancellationToken.None))
        {
            await _process.EndsAfterAsync("KILL", StopPatience, _time, CancellationToken.None);
        }

        _process.Dispose();
        _log.Dispose();
    }
}
