using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Storage.Embedded;

/// <summary>Where and how the host's own PostgreSQL runs.</summary>
/// <param name="HomeFolder">The host's data folder (<c>CC_HOME</c>).</param>
/// <param name="Port">The loopback port; a free one that is then kept, unless said.</param>
/// <param name="Database">The database's name.</param>
/// <param name="MostConnections">How many it takes; a host needs some thirty.</param>
public sealed record EmbeddedPostgresOptions(string HomeFolder, int? Port = null, string Database = "control_center", int MostConnections = 100)
{
    /// <summary>A fast shutdown ends sessions and writes a checkpoint; past this the server is stopped at once, and the next start recovers it.</summary>
    public TimeSpan StopPatience { get; init; } = TimeSpan.FromSeconds(8);
}

/// <summary>The host's own PostgreSQL: made at the first start, started with the host, watched, and stopped cleanly after it.</summary>
public sealed partial class EmbeddedPostgres : IAsyncDisposable
{
    // Crash recovery replays at most max_wal_size; on a slow disk that can take minutes.
    private static readonly TimeSpan StartPatience = TimeSpan.FromMinutes(5);

    // Several hosts that start at once may each find the same port free; more often than this it is no coincidence.
    private const int MostPortTries = 10;

    private static readonly TimeSpan StartPoll = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan FirstRestartBackoff = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestRestartBackoff = TimeSpan.FromSeconds(5);

    private readonly EmbeddedPostgresOptions _options;
    private readonly HostLock _lock;
    private readonly ClusterFolder _cluster;
    private readonly ServerBinaries _binaries;
    private readonly ServerLog _log;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stopping = new();
    private ServerProcess? _server;
    private Task _watch = Task.CompletedTask;
    private bool _disposed;

    private EmbeddedPostgres(EmbeddedPostgresOptions options, HostLock hostLock, ClusterFolder cluster, ServerBinaries binaries, ILogger logger, TimeProvider time)
    {
        (_options, _lock, _cluster, _binaries, _logger, _time) = (options, hostLock, cluster, binaries, logger, time);
        _log = new ServerLog(cluster.LogFile);
    }

    /// <summary>PostgreSQL's data folder.</summary>
    public string DataFolder => _cluster.Data;

    /// <summary>The loopback port.</summary>
    public int Port { get; private set; }

    /// <summary>Where its programs are.</summary>
    public string BinFolder => _binaries.Folder;

    /// <summary>The postmaster's process.</summary>
    public int ProcessId => _server?.Id ?? throw new InvalidOperationException("PostgreSQL is not started.");

    /// <summary>How to connect: over the socket, as the one user.</summary>
    public string ConnectionString => ConnectionTo(_options.Database);

    /// <summary>Starts the server, making its cluster first where there is none.</summary>
    /// <exception cref="EmbeddedPostgresException">It cannot be had; the message says why and what to do.</exception>
    public static async Task<EmbeddedPostgres> StartAsync(
        EmbeddedPostgresOptions options, ILogger logger, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            Directory.CreateDirectory(options.HomeFolder);
            var hostLock = await HostLock.TakeAsync(options.HomeFolder, time, cancellationToken);
            try
            {
                return await StartLockedAsync(options, hostLock, logger, time, cancellationToken);
            }
            catch
            {
                hostLock.Dispose();
                throw;
            }
        }
        catch (UnauthorizedAccessException fault)
        {
            throw new EmbeddedPostgresException(
                $"The data folder {options.HomeFolder} is not this user's ({Environment.UserName}) to use: {fault.Message} Start as the user who made it, or choose another CC_HOME.", fault);
        }
    }

    /// <summary>Stops the server: fast and clean, or, past its time, at once, to be recovered at the next start.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_disposed)
        {
            return;
        }

        // The watch first: until it has ended it may be starting the server again.
        await _stopping.CancelAsync();
        await _watch.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_server is null)
        {
            return;
        }

        // SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one (manual, 19.5).
        if (!await _server.EndsAfterAsync("INT", _options.StopPatience, _time, cancellationToken))
        {
            LogStopForced(_logger, _options.StopPatience.TotalSeconds);
            if (!await _server.EndsAfterAsync("QUIT", _options.StopPatience, _time, CancellationToken.None))
            {
                await LeftoverServer.EndAsync(_cluster.Data, _logger, _time, CancellationToken.None);
            }
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        await StopAsync(CancellationToken.None);
        _disposed = true;
        _server?.Dispose();
        _cluster.RemoveSocketFolder();
        _log.Dispose();
        _stopping.Dispose();
        _lock.Dispose();
    }

    private static async Task<EmbeddedPostgres> StartLockedAsync(
        EmbeddedPostgresOptions options, HostLock hostLock, ILogger logger, TimeProvider time, CancellationToken cancellationToken)
    {
        if (ClusterSwap.IsPending(options.HomeFolder))
        {
            // What an earlier host left running is on the folder that is about to be put aside.
            await LeftoverServer.EndAsync(await ClusterFolder.DataOfAsync(options.HomeFolder, cancellationToken), logger, time, cancellationToken);
            await ClusterSwap.FinishAsync(options.HomeFolder, logger, cancellationToken);
        }

        var cluster = await ClusterFolder.PrepareAsync(options.HomeFolder, logger, cancellationToken);
        EmbeddedPostgres? postgres = null;
        try
        {
            var binaries = await ServerBinaries.FindAsync(cluster.Major, cancellationToken);
            if (cluster.Major is null)
            {
                LogInitialising(logger, binaries.Major, cluster.Data);
            }

            await cluster.InitialiseAsync(binaries, cancellationToken);
            await LeftoverServer.EndAsync(cluster.Data, logger, time, cancellationToken);
            postgres = new EmbeddedPostgres(options, hostLock, cluster, binaries, logger, time);
            await postgres.LaunchAsync(cancellationToken);
            postgres._watch = postgres.WatchAsync();
            return postgres;
        }
        catch
        {
            // A start that was cancelled or failed half-way leaves no server behind.
            if (postgres is not null)
            {
                await postgres.DisposeAsync();
            }

            cluster.RemoveSocketFolder();
            throw;
        }
    }

    /// <summary>Launches the server, on another port if somebody else took the chosen one in between.</summary>
    private async Task LaunchAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            Port = _cluster.ChoosePort(_options.Port);
            await _cluster.WriteSettingsAsync(Port, _options.MostConnections, cancellationToken);
            _server = ServerProcess.Launch(_binaries, _cluster, _log);
            try
            {
                await WaitUntilReadyAsync(_server, cancellationToken);
                await EnsureDatabaseAsync(cancellationToken);
                return;
            }
            catch (EmbeddedPostgresException) when (_options.Port is null && attempt < MostPortTries && _server.Ended.IsCompleted && !ClusterFolder.IsFree(Port))
            {
                _server.Dispose();
            }
        }
    }

    private async Task WatchAsync()
    {
        var backoff = FirstRestartBackoff;
        while (true)
        {
            try
            {
                LogServerEnded(_logger, await _server!.Ended.WaitAsync(_stopping.Token), backoff.TotalSeconds);
                await Task.Delay(backoff, _time, _stopping.Token);
                backoff = backoff * 2 > LongestRestartBackoff ? LongestRestartBackoff : backoff * 2;

                // A postmaster that was killed leaves orphans, and a new one refuses to start beside them.
                await LeftoverServer.EndAsync(_cluster.Data, _logger, _time, _stopping.Token);
                var ended = _server;

                // Somebody may have taken the port meanwhile. It is part of the socket's name, by which the host knows its database, so
                // it is kept: the server does without the address until the next start.
                var isTaken = !ClusterFolder.IsFree(Port);
                if (isTaken)
                {
                    LogPortTaken(_logger, Port);
                }

                _server = ServerProcess.Launch(_binaries, _cluster, _log, isTaken ? ["listen_addresses="] : []);
                ended.Dispose();
                await WaitUntilReadyAsync(_server, _stopping.Token);
                backoff = FirstRestartBackoff;
                LogServerBack(_logger);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // Whatever it was, it is logged and tried again: a host without its database is of no use, and must not give it up.
            catch (Exception fault)
#pragma warning restore CA1031
            {
                LogNotBack(_logger, fault);
            }
        }
    }

    private async Task WaitUntilReadyAsync(ServerProcess server, CancellationToken cancellationToken)
    {
        var startedAt = _time.GetTimestamp();
        while (true)
        {
            try
            {
                await using var connection = new NpgsqlConnection(ConnectionTo("postgres"));
                await connection.OpenAsync(cancellationToken);
                return;
            }
            catch (PostgresException fault) when (fault.SqlState.StartsWith("28", StringComparison.Ordinal))
            {
                throw new EmbeddedPostgresException(
                    $"PostgreSQL refuses the password in {_cluster.PasswordFile}: it is not the one that the cluster in {_cluster.Data} was made with. Put the right one back, or restore a backup.", fault);
            }
            catch (NpgsqlException fault)
            {
                if (server.Ended.IsCompleted)
                {
                    throw new EmbeddedPostgresException($"PostgreSQL ended while starting. Its log, {_log.Path}, says: {_log.LastWords}", fault);
                }

                if (_time.GetElapsedTime(startedAt) > StartPatience)
                {
                    throw new EmbeddedPostgresException($"PostgreSQL did not answer within {StartPatience.TotalMinutes} minutes. See {_log.Path}.", fault);
                }
            }

            await Task.Delay(StartPoll, _time, cancellationToken);
        }
    }

    private async Task EnsureDatabaseAsync(CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(ConnectionTo("postgres"));
        await connection.OpenAsync(cancellationToken);
        await using var find = new NpgsqlCommand("select exists (select 1 from pg_database where datname = @name)", connection);
        find.Parameters.AddWithValue("name", _options.Database);
        if (!(bool)(await find.ExecuteScalarAsync(cancellationToken))!)
        {
            var quoted = new NpgsqlCommandBuilder().QuoteIdentifier(_options.Database);
            await using var create = new NpgsqlCommand($"create database {quoted}", connection);
            await create.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    private string ConnectionTo(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = _cluster.SocketFolder,
        Port = Port,
        Username = "control_center",
        Password = _cluster.Password(),
        Database = database,
        Pooling = database == _options.Database,
    }.ConnectionString;

    [LoggerMessage(EventId = 1401, Level = LogLevel.Information, Message = "First start: making a PostgreSQL {Major} cluster in {Folder}")]
    private static partial void LogInitialising(ILogger logger, int major, string folder);

    [LoggerMessage(EventId = 1403, Level = LogLevel.Error, Message = "PostgreSQL ended with {ExitCode}; it is started again in {BackoffSeconds} s")]
    private static partial void LogServerEnded(ILogger logger, int exitCode, double backoffSeconds);

    [LoggerMessage(EventId = 1404, Level = LogLevel.Information, Message = "PostgreSQL is back")]
    private static partial void LogServerBack(ILogger logger);

    [LoggerMessage(EventId = 1408, Level = LogLevel.Warning, Message = "Port {Port} was taken while PostgreSQL was away: it listens on its socket alone until the host is started again")]
    private static partial void LogPortTaken(ILogger logger, int port);

    [LoggerMessage(EventId = 1405, Level = LogLevel.Error, Message = "PostgreSQL has not come back")]
    private static partial void LogNotBack(ILogger logger, Exception fault);

    [LoggerMessage(EventId = 1406, Level = LogLevel.Warning, Message = "PostgreSQL did not stop within {Seconds} s and is stopped at once; the next start recovers it")]
    private static partial void LogStopForced(ILogger logger, double seconds);
}
