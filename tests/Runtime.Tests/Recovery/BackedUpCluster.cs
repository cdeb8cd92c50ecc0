using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Backups;
using ControlCenter.Runtime.Recovery.Files;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.Runtime.Recovery.Wal;
using ControlCenter.Runtime.Recovery.Watching;
using ControlCenter.Runtime.Storage;
using ControlCenter.Runtime.Storage.Embedded;
using ControlCenter.TestSupport;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>A whole cluster of its own with its repository: what is physical can only be tried on one.</summary>
internal sealed class BackedUpCluster : IAsyncDisposable
{
    private readonly IAsyncDisposable _postgres;
    private readonly ServiceProvider _services;

    private BackedUpCluster(string home, IAsyncDisposable postgres, string connectionString, Func<RecoverySettings, RecoverySettings>? change)
    {
        (Home, _postgres, ConnectionString) = (home, postgres, connectionString);
        _services = new ServiceCollection().AddLogging().AddRuntime(connectionString).BuildServiceProvider();
        Database = _services.GetRequiredService<NpgsqlDataSource>();
        Settings = new RecoverySettings(Path.Combine(home, "recovery"), Path.Combine(home, "repository"), Path.Combine(home, "password")) { IsBesideData = true, LastShipmentPatience = TimeSpan.FromMinutes(1) };
        Settings = change?.Invoke(Settings) ?? Settings;
        Restic = new Restic(Settings, TimeProvider.System);
        Tools = new PostgresTools(_services.GetRequiredService<DatabaseAddress>(), Settings, TimeProvider.System);
        var transactions = Transactions;
        Gate = new RepositoryGate(Database, TimeProvider.System);
        Stream = new StreamWal(Database, transactions, Settings, Restic, Gate, Tools, TimeProvider.System, NullLogger<StreamWal>.Instance);
        RunBackup RunBy(Restic restic) => new(Settings, restic, Gate, new BackupLog(transactions, TimeProvider.System), TimeProvider.System);
        BaseBy = restic => new TakeBaseBackup(Database, Settings, Tools, RunBy(restic));
        Base = BaseBy(Restic);
        var run = RunBy(Restic);
        Dump = new TakeDump(Database, Tools, run);
        FilesOf = kept => new TakeFiles(Database, kept, Settings, run);
        Verify = new VerifyRepository(Restic, Gate, transactions, TimeProvider.System);
        Retention = new ApplyRetention(Restic, Gate, Database, transactions, TimeProvider.System);
        Probe = new ProbeLog(Database, transactions, Settings, Restic, Stream, TimeProvider.System);
        LookBy = restic => new LookAtRecovery(transactions, Settings, restic, new CheckEscrow(Database, Settings, TimeProvider.System));
        Look = LookBy(Restic);
        Restore = new RestoreCluster(Restic, TimeProvider.System, NullLogger<RestoreCluster>.Instance);
    }

    public string Home { get; }

    public string ConnectionString { get; }

    public NpgsqlDataSource Database { get; }

    public Transactions Transactions => _services.GetRequiredService<Transactions>();

    public RecoverySettings Settings { get; }

    public Restic Restic { get; }

    public PostgresTools Tools { get; }

    public StreamWal Stream { get; }

    public RepositoryGate Gate { get; }

    public TakeBaseBackup Base { get; }

    /// <summary>Base backups by another repository.</summary>
    public Func<Restic, TakeBaseBackup> BaseBy { get; }

    public TakeDump Dump { get; }

    public VerifyRepository Verify { get; }

    public ApplyRetention Retention { get; }

    public Func<KeptFiles, TakeFiles> FilesOf { get; }

    public RestoreCluster Restore { get; }

    public LookAtRecovery Look { get; }

    public ProbeLog Probe { get; }

    /// <summary>The watch on another repository.</summary>
    public Func<Restic, LookAtRecovery> LookBy { get; }

    /// <summary>Waits for what another program does, at the most a minute.</summary>
    public static async Task UntilAsync(Func<Task<bool>> isSo, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TimeSpan.FromMinutes(1));
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!await isSo())
        {
            await look.WaitForNextTickAsync(patience.Token);
        }
    }

    /// <summary>One look of the watch, with the repository asked anew: the causes of what is wrong.</summary>
    public async Task<string[]> ProblemsAsync(CancellationToken cancellationToken) =>
        [.. (await Look.ExecuteAsync(await Look.AskRepositoryAsync(cancellationToken), cancellationToken)).Select(p => p.Cause)];

    /// <summary>The alerts that were raised and cleared, in order: <c>+cause</c> and <c>-cause</c>.</summary>
    public async Task<string[]> AlertsAsync(CancellationToken cancellationToken)
    {
        await using var command = Database.CreateCommand(
            "select coalesce(array_agg(case kind when 'alert.raised' then '+' else '-' end || subject_id order by seq), '{}') from events where kind in ('alert.raised', 'alert.cleared') and subject_type = 'recovery'");
        return (string[])(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    public async Task<T> ScalarAsync<T>(string sql, CancellationToken cancellationToken)
    {
        await using var command = Database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    public static async Task<BackedUpCluster> StartAsync(CancellationToken cancellationToken, Func<RecoverySettings, RecoverySettings>? change = null)
    {
        var home = Directory.CreateTempSubdirectory("cc-recovery-").FullName;
        File.SetUnixFileMode(home, (UnixFileMode)0b111_101_101);
        var old = Path.Combine(home, "old");
        await MigratedCluster.CopyToAsync(old, cancellationToken);
        var postgres = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(old), NullLogger.Instance, TimeProvider.System, cancellationToken);
        return await StartAsync(home, postgres, postgres.ConnectionString, change, cancellationToken);
    }

    /// <summary>On a server that is there: whatever user and database, wherever it keeps its settings.</summary>
    public static async Task<BackedUpCluster> StartAsync(
        string home, IAsyncDisposable postgres, string connectionString, Func<RecoverySettings, RecoverySettings>? change, CancellationToken cancellationToken)
    {
        var cluster = new BackedUpCluster(home, postgres, connectionString, change);
        await File.WriteAllTextAsync(cluster.Settings.PasswordFile, "a password of the repository's own\n", cancellationToken);
        Directory.CreateDirectory(cluster.Settings.ScratchFolder);
        await using var db = new ControlCenterDb(new DbContextOptionsBuilder<ControlCenterDb>().UseNpgsql(cluster.Database).Options);
        await db.Database.MigrateAsync(cancellationToken);
        await cluster.ExecuteAsync($"insert into actors (id, name, role) values ('{Actor.HostId}', 'control-center', 'system_service') on conflict do nothing", cancellationToken);
        await cluster.ExecuteAsync("create table marker (name text primary key, at timestamptz not null default clock_timestamp())", cancellationToken);
        await cluster.Stream.StartAsync(cancellationToken);
        await cluster.Stream.NextCycleAsync().WaitAsync(TimeSpan.FromMinutes(1), cancellationToken);
        return cluster;
    }

    public Task<MarkedSnapshot> TakeBaseAsync(CancellationToken cancellationToken) => Base.ExecuteAsync(null, false, Caller.Host, null, cancellationToken);

    /// <summary>Adds a marker and returns a moment after it, which is before whatever comes next.</summary>
    public async Task<DateTimeOffset> MarkAsync(string name, CancellationToken cancellationToken)
    {
        await ExecuteAsync($"insert into marker (name) values ('{name}')", cancellationToken);
        await using var command = Database.CreateCommand("select clock_timestamp()");
        return new DateTimeOffset((DateTime)(await command.ExecuteScalarAsync(cancellationToken))!, TimeSpan.Zero);
    }

    public async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The timeline of what was restored last.</summary>
    public string Timeline { get; private set; } = "";

    /// <summary>Restores a moment into a folder of its own and returns the markers that are there.</summary>
    public async Task<(RestoredCluster Restored, string[] Markers)> RestoreAsync(DateTimeOffset? to, CancellationToken cancellationToken, uint newestTimeline = 1)
    {
        string[] markers = [];
        var plan = RestorePlan.Of(await RepositoryIndex.ReadAsync(Restic, cancellationToken), to) with { NewestTimeline = newestTimeline };
        var restored = await Restore.ExecuteAsync(plan, Path.Combine(Home, Guid.NewGuid().ToString("N")), async (connection, ct) =>
        {
            await using var command = new NpgsqlCommand("select coalesce(array_agg(name order by at), '{}') from marker", connection);
            markers = (string[])(await command.ExecuteScalarAsync(ct))!;
            await using var timeline = new NpgsqlCommand("select left(pg_walfile_name(pg_current_wal_lsn()), 8)", connection);
            Timeline = (string)(await timeline.ExecuteScalarAsync(ct))!;
        }, null, cancellationToken);
        return (restored, markers);
    }

    public async ValueTask DisposeAsync()
    {
        await Stream.StopAsync(CancellationToken.None);
        Stream.Dispose();
        await _services.DisposeAsync();
        await _postgres.DisposeAsync();
        Directory.Delete(Home, recursive: true);
    }
}
