using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Storage.Embedded;

/// <summary>Where and how the host's own PostgreSQL runs.</summary>
/// <param name="HomeFolder">The host's data folder (<c>CC_HOME</c>).</param>
/// <param name="Port">The loopback port; a free one that is then kept, unless said.</param>
/// <param name="Database">The database's name.</param>
public sealed record EmbeddedPostgresOptions(string HomeFolder, int? Port = null, string Database = "control_center");

/// <summary>The host's own PostgreSQL: made at the first start, started with the host, watched, and stopped cleanly after it.</summary>
public sealed partial class EmbeddedPostgres : IAsyncDisposable
{
    // Crash recovery replays at most max_wal_size; on a slow disk that can take minutes.
    private static readonly TimeSpan StartPatience = TimeSpan.FromMinutes(5);

    // A fast shutdown ends sessions and writes a checkpoint; past this the next start recovers instead.
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(8);
    // Several hosts that start at once may each find the same port free; more often than this it is no coincidence.
    private const int MostPortTries = 10;

    private static readonly TimeSpan StartPoll = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestRestartBackoff = TimeSpan.FromSeconds(5);

    private readonly EmbeddedPostgresOptions _options;
    private readonly HostLock _lock;
    private readonly ClusterFolder _cluster;
    private readonly ServerBinaries _binaries;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stopping = new();
    private Process _server;
    private Task _watch = Task.CompletedTask;

    private EmbeddedPostgres(
        EmbeddedPostgresOptions options, HostLock hostLock, ClusterFolder cluster, ServerBinaries binaries, int port, ILogger logger, TimeProvider time)
    {
        (_options, _lock, _cluster, _binaries, Port, _logger, _time) = (options, hostLock, cluster, binaries, port, logger, time);
        _server = Launch();
    }

    /// <summary>PostgreSQL's data folder.</summary>
    public string DataFolder => _cluster.Data;

    /// <summary>The loopback port.</summary>
    public int Port { get; }

    /// <summary>Where its programs are.</summary>
    public string BinFolder => _binaries.Folder;

    /// <summary>The postmaster's process.</summary>
    public int ProcessId => PostmasterOf(_cluster.Data) ?? _server.Id;

    /// <summary>How to connect: over the socket, as the one user.</summary>
    public string ConnectionString => ConnectionTo(_options.Database);

    /// <summary>Starts the server, making its cluster first where there is none.</summary>
    /// <exception cref="EmbeddedPostgresException">It cannot be had; the message says why and what to do.</exception>
    public static async Task<EmbeddedPostgres> StartAsync(
        EmbeddedPostgresOptions options, ILogger logger, TimeProvider time, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(options.HomeFolder);
        var hostLock = HostLock.Take(options.HomeFolder);
        try
        {
            var cluster = ClusterFolder.Prepare(options.HomeFolder);
            var binaries = ServerBinaries.Find(cluster.Major);
            if (cluster.Major is null)
            {
                LogInitialising(logger, binaries.Major, cluster.Data);
            }

            cluster.Initialise(binaries);
            await EndLeftoverAsync(cluster, logger, time, cancellationToken);
            var postgres = await LaunchAsync(options, hostLock, cluster, binaries, logger, time, cancellationToken);
            postgres._watch = postgres.WatchAsync();
            return postgres;
        }
        catch
        {
            hostLock.Dispose();
            throw;
        }
    }

    /// <summary>Stops the server: fast and clean, or, past its time, at once, to be recovered at the next start.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        if (PostmasterOf(_cluster.Data) is { } pid && !_server.HasExited)
        {
            // SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one (manual, 19.5).
            Signal(pid, "INT");
            if (!await EndsWithinAsync(StopPatience, cancellationToken))
            {
                LogStopForced(_logger, StopPatience.TotalSeconds);
                Signal(pid, "QUIT");
                if (!await EndsWithinAsync(StopPatience, CancellationToken.None))
                {
                    _server.Kill(entireProcessTree: true);
                }
            }
        }

        await _watch.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        _server.Dispose();
        _stopping.Dispose();
        _lock.Dispose();
    }

    /// <summary>Launches the server, on another port if somebody else took the chosen one in between.</summary>
    private static async Task<EmbeddedPostgres> LaunchAsync(
        EmbeddedPostgresOptions options, HostLock hostLock, ClusterFolder cluster, ServerBinaries binaries, ILogger logger, TimeProvider time, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var port = cluster.ChoosePort(options.Port);
            cluster.WriteSettings(port);
            var postgres = new EmbeddedPostgres(options, hostLock, cluster, binaries, port, logger, time);
            try
            {
                await postgres.WaitUntilReadyAsync(cancellationToken);
                await postgres.EnsureDatabaseAsync(cancellationToken);
                return postgres;
            }
            catch (EmbeddedPostgresException) when (options.Port is null && attempt < MostPortTries && !ClusterFolder.IsFree(port))
            {
                await postgres.StopAsync(CancellationToken.None);
            }
            catch
            {
                await postgres.StopAsync(CancellationToken.None);
                throw;
            }
        }
    }

    /// <summary>A server that a killed host has left behind is stopped first: it may be on another port and with other settings.</summary>
    private static async Task EndLeftoverAsync(ClusterFolder cluster, ILogger logger, TimeProvider time, CancellationToken cancellationToken)
    {
        if (PostmasterOf(cluster.Data) is not { } pid || !IsPostmaster(pid, cluster.Data))
        {
            return;
        }

        LogLeftover(logger, pid);
        Signal(pid, "INT");
        var startedAt = time.GetTimestamp();
        while (IsPostmaster(pid, cluster.Data))
        {
            if (time.GetElapsedTime(startedAt) > StopPatience)
            {
                Signal(pid, "QUIT");
            }

            await Task.Delay(StartPoll, time, cancellationToken);
        }
    }

    // In a session of its own, so that the terminal's Ctrl-C reaches the host alone, which then stops the server last.
    private Process Launch()
    {
        var program = ServerCommand.StartInfo(_binaries.PathOf("postgres"), ["-D", _cluster.Data], _cluster.Owner);
        var info = ServerCommand.StartInfo("/usr/bin/setsid", ["--wait", program.FileName, .. program.ArgumentList], asOwner: null);
        info.RedirectStandardError = true;
        info.RedirectStandardOutput = true;
        var server = new Process { StartInfo = info };
        var log = TextWriter.Synchronized(new StreamWriter(new FileStream(_cluster.LogFile, FileMode.Append, FileAccess.Write, FileShare.ReadWrite)) { AutoFlush = true });
        server.OutputDataReceived += (_, line) => WriteLine(log, line.Data);
        server.ErrorDataReceived += (_, line) => WriteLine(log, line.Data);
        server.Exited += (_, _) => log.Dispose();
        server.EnableRaisingEvents = true;
        server.Start();
        server.BeginOutputReadLine();
        server.BeginErrorReadLine();
        return server;
    }

    private static void WriteLine(TextWriter log, string? line)
    {
        if (line is not null)
        {
            try
            {
                log.WriteLine(line);
            }
            catch (ObjectDisposedException)
            {
                // The server has ended; its very last words may come after.
            }
        }
    }

    private async Task WatchAsync()
    {
        var backoff = TimeSpan.FromMilliseconds(200);
        while (true)
        {
            await _server.WaitForExitAsync(_stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_stopping.IsCancellationRequested)
            {
                return;
            }

            LogServerEnded(_logger, _server.ExitCode, backoff.TotalSeconds);
            await Task.Delay(backoff, _time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_stopping.IsCancellationRequested)
            {
                return;
            }

            backoff = backoff * 2 > LongestRestartBackoff ? LongestRestartBackoff : backoff * 2;
            _server.Dispose();
            _server = Launch();
            try
            {
                await WaitUntilReadyAsync(_stopping.Token);
                backoff = TimeSpan.FromMilliseconds(200);
                LogServerBack(_logger);
            }
            catch (EmbeddedPostgresException fault)
            {
                LogNotBack(_logger, fault);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
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
            catch (NpgsqlException fault)
            {
                if (_server.HasExited)
                {
                    throw new EmbeddedPostgresException($"PostgreSQL ended while starting. Its log, {_cluster.LogFile}, says: {LastWords()}", fault);
                }

                if (_time.GetElapsedTime(startedAt) > StartPatience)
                {
                    throw new EmbeddedPostgresException($"PostgreSQL did not answer within {StartPatience.TotalMinutes} minutes. See {_cluster.LogFile}.", fault);
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

    private async Task<bool> EndsWithinAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        try
        {
            await _server.WaitForExitAsync(cancellationToken).WaitAsync(patience, _time, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
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

    private string LastWords() =>
        File.Exists(_cluster.LogFile) ? string.Join(" | ", File.ReadLines(_cluster.LogFile).TakeLast(3)) : "(nothing)";

    // The first line of postmaster.pid is the postmaster's process (PostgreSQL manual, 73.1).
    private static int? PostmasterOf(string data)
    {
        var path = Path.Combine(data, "postmaster.pid");
        try
        {
            return File.Exists(path) && int.TryParse(File.ReadLines(path).FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : null;
        }
        catch (IOException)
        {
            // It was removed between the look and the read: there is no postmaster.
            return null;
        }
    }

    // A pid alone proves nothing after a reboot: the process must be a postgres on this very folder.
    private static bool IsPostmaster(int pid, string data)
    {
        try
        {
            var line = File.ReadAllText($"/proc/{pid}/cmdline");
            return line.Contains("postgres", StringComparison.Ordinal) && line.Contains(data, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            // No such process.
            return false;
        }
    }

    private static void Signal(int pid, string signal) =>
        ServerCommand.Run("/bin/kill", ["-s", signal, pid.ToString(CultureInfo.InvariantCulture)], asOwner: null);

    [LoggerMessage(EventId = 1401, Level = LogLevel.Information, Message = "First start: making a PostgreSQL {Major} cluster in {Folder}")]
    private static partial void LogInitialising(ILogger logger, int major, string folder);

    [LoggerMessage(EventId = 1402, Level = LogLevel.Warning, Message = "A PostgreSQL (process {Pid}) that an earlier host left behind is stopped first")]
    private static partial void LogLeftover(ILogger logger, int pid);

    [LoggerMessage(EventId = 1403, Level = LogLevel.Error, Message = "PostgreSQL ended with {ExitCode}; it is started again in {BackoffSeconds} s")]
    private static partial void LogServerEnded(ILogger logger, int exitCode, double backoffSeconds);

    [LoggerMessage(EventId = 1404, Level = LogLevel.Information, Message = "PostgreSQL is back")]
    private static partial void LogServerBack(ILogger logger);

    [LoggerMessage(EventId = 1405, Level = LogLevel.Error, Message = "PostgreSQL has not come back")]
    private static partial void LogNotBack(ILogger logger, Exception fault);

    [LoggerMessage(EventId = 1406, Level = LogLevel.Warning, Message = "PostgreSQL did not stop within {Seconds} s and is stopped at once; the next start recovers it")]
    private static partial void LogStopForced(ILogger logger, double seconds);
}
