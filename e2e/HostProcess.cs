using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using ControlCenter.TestSupport;
using Npgsql;

namespace ControlCenter.E2E;

/// <summary>The host as a founder runs it: a process of its own, with its own PostgreSQL unless another is said, that can be killed and started again.</summary>
/// <param name="home">Its data folder; one of its own under <c>/tmp</c> unless said.</param>
/// <param name="database">The connection string of another PostgreSQL.</param>
/// <param name="localRunner">Whether it runs agents on its own machine.</param>
/// <param name="verb">What it is started as; as the plain bus unless said.</param>
public sealed class HostProcess(string? home = null, string? database = null, bool localRunner = false, string? verb = null) : IAsyncDisposable
{
    public const string FounderKey = "founder-key-for-e2e";

    private readonly string _home = home ?? Path.Combine("/tmp", $"cc-e2e-{Guid.NewGuid():N}");
    private readonly bool _isAnywhere = home is null;
    private readonly int _port = FreePort();
    private Process? _process;

    /// <summary>Settings beside those that every test needs.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>The program; the one beside the tests unless said.</summary>
    public string Program { get; init; } = Path.Combine(AppContext.BaseDirectory, "ControlCenter.dll");

    public Uri Address => new($"http://127.0.0.1:{_port}");

    public string Output { get; private set; } = "";

    /// <summary>The process that was started last.</summary>
    public int ProcessId => _process!.Id;

    /// <summary>Whether the process that was started last still runs.</summary>
    public bool IsRunning => _process is { HasExited: false };

    public BusClient Founder => Client(FounderKey);

    /// <summary>A client that calls with a key.</summary>
    public BusClient Client(string key)
    {
        var http = new HttpClient { BaseAddress = new Uri(Address, "/api/v1/") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return new BusClient(http);
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // Those that say where it is see a first start; the others need not wait for one.
        if (_isAnywhere && database is null && !Directory.Exists(_home))
        {
            await MigratedCluster.CopyToAsync(_home, cancellationToken);
        }

        var info = new ProcessStartInfo("dotnet") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        info.ArgumentList.Add(Program);
        if (verb is not null)
        {
            info.ArgumentList.Add(verb);
        }

        info.Environment["CC_HOME"] = _home;
        info.Environment["CC_LISTEN"] = Address.ToString();
        info.Environment["CC_FOUNDER_KEY"] = FounderKey;
        info.Environment["CC_LOCAL_RUNNER"] = localRunner ? "on" : "off";
        info.Environment.Remove("CC_DATABASE");
        if (database is not null)
        {
            info.Environment["CC_DATABASE"] = database;
        }

        foreach (var (name, value) in Settings)
        {
            info.Environment[name] = value;
        }

        _process = Process.Start(info)!;
        _process.OutputDataReceived += (_, line) => Output += line.Data + "\n";
        _process.ErrorDataReceived += (_, line) => Output += line.Data + "\n";
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        using var http = new HttpClient();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(90));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (true)
        {
            _process.HasExited.ShouldBeFalse(Output);
            try
            {
                if ((await http.GetAsync(new Uri(Address, "/health/ready"), patience.Token)).StatusCode == HttpStatusCode.OK)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }

            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    /// <summary>Kill -9: nothing of the host's gets to say goodbye.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Kill -9 of the host's PostgreSQL alone, which the host is to notice and to start again.</summary>
    public async Task<string> KillPostgresAsync(CancellationToken cancellationToken)
    {
        var postmaster = await PostmasterAsync(cancellationToken);
        using var kill = Process.Start("/bin/kill", ["-KILL", postmaster]);
        await kill.WaitForExitAsync(cancellationToken);
        kill.ExitCode.ShouldBe(0);
        return postmaster;
    }

    /// <summary>Whether another has come in the place of the one that was killed.</summary>
    public async Task<bool> HasAnotherPostgresAsync(string killed, CancellationToken cancellationToken)
    {
        try
        {
            return await PostmasterAsync(cancellationToken) != killed;
        }
        catch (Exception notYet) when (notYet is FileNotFoundException or IndexOutOfRangeException)
        {
            return false;
        }
    }

    /// <summary>The same where it may have ended by itself, and may be on its way back.</summary>
    public async Task EndPostgresAsync(CancellationToken cancellationToken)
    {
        try
        {
            await KillPostgresAsync(cancellationToken);
        }
        catch (Exception gone) when (gone is FileNotFoundException or ShouldAssertException)
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"It had ended by itself: {gone.Message}");
        }
    }

    /// <summary>A connection of a test's own to the host's database.</summary>
    public async Task<NpgsqlConnection> OpenDatabaseAsync(CancellationToken cancellationToken)
    {
        var cluster = Path.Combine(_home, "postgres");
        var said = await File.ReadAllLinesAsync(Path.Combine(cluster, "data", "postmaster.pid"), cancellationToken);
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder
        {
            Host = said[4], Port = int.Parse(said[3]), Username = "control_center", Password = (await File.ReadAllTextAsync(Path.Combine(cluster, "password"), cancellationToken)).Trim(),
            Database = "control_center", Pooling = false,
        }.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        return connection;
    }

    private async Task<string> PostmasterAsync(CancellationToken cancellationToken) =>
        (await File.ReadAllLinesAsync(Path.Combine(_home, "postgres", "data", "postmaster.pid"), cancellationToken))[0];

    /// <summary>SIGTERM, and how long the end took.</summary>
    public async Task<(int ExitCode, TimeSpan Took)> TerminateAsync(CancellationToken cancellationToken)
    {
        var startedAt = Stopwatch.GetTimestamp();
        using (var kill = Process.Start("/bin/kill", ["-TERM", _process!.Id.ToString()]))
        {
            await kill.WaitForExitAsync(cancellationToken);
        }

        await _process.WaitForExitAsync(cancellationToken);
        return (_process.ExitCode, Stopwatch.GetElapsedTime(startedAt));
    }

    /// <summary>Its data folder.</summary>
    public string Home => _home;

    /// <summary>Whether any PostgreSQL, runner or agent still runs on this host's folder.</summary>
    public bool LeavesPostgresBehind() =>
        Directory.EnumerateDirectories("/proc").Where(p => int.TryParse(Path.GetFileName(p), out _)).Any(p =>
        {
            try
            {
                return File.ReadAllText(Path.Combine(p, "cmdline")).Contains(_home, StringComparison.Ordinal);
            }
            catch (IOException)
            {
                return false;
            }
        });

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            await TerminateAsync(CancellationToken.None);
        }

        _process?.Dispose();
        Directory.Delete(_home, recursive: true);
    }

    private static int FreePort()
    {
        for (var port = 20_000 + Random.Shared.Next(10_000); ; port++)
        {
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Somebody has it; the next.
            }
        }
    }
}
