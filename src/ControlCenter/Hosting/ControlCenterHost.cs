using ControlCenter.Access;
using ControlCenter.Bus;
using ControlCenter.CommandLine;
using ControlCenter.Dashboard;
using ControlCenter.Runtime;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Execution.Definitions;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Health;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Hosts;
using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Models;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Recovery.Drills;
using ControlCenter.Runtime.Recovery.Files;
using ControlCenter.Runtime.Orchestration;
using ControlCenter.Runtime.Storage;
using ControlCenter.Runtime.Storage.Embedded;

namespace ControlCenter.Hosting;

/// <summary>The one host: its database, its services, its doors, in the order in which they start and the reverse in which they stop.</summary>
internal static class ControlCenterHost
{
    // In-flight requests, streams and PostgreSQL are all to end within 30 s of a SIGTERM (OR-23); what is left is PostgreSQL's.
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(20);

    /// <summary>Runs until the process is told to stop. A restored database that takes the place of the running one has it start again in between.</summary>
    public static async Task<int> RunAsync(HostSettings settings, CancellationToken cancellationToken)
    {
        while (await RunOnceAsync(settings, cancellationToken))
        {
        }

        return 0;
    }

    // From the database up and down again; true to do it once more.
    private static async Task<bool> RunOnceAsync(HostSettings settings, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(settings.Home);
        using var startLog = LoggerFactory.Create(logging => HostLogging.Configure(logging, settings));
        await using var embedded = settings.Database is null
            ? await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(settings.Home), startLog.CreateLogger<EmbeddedPostgres>(), TimeProvider.System, cancellationToken)
            : null;

        await using var app = await StartAppAsync(settings, settings.Database ?? embedded!.ConnectionString, cancellationToken);
        if (settings.IsRehearsal)
        {
            // It is not to outlive the drill: when the host of the drill dies, so does its end of this pipe.
            _ = Task.Run(async () =>
            {
                await Console.In.ReadToEndAsync(CancellationToken.None);
                app.Lifetime.StopApplication();
            }, CancellationToken.None);
        }

        await FounderAccess.AnnounceAsync(app, settings, cancellationToken);
        await app.WaitForShutdownAsync(cancellationToken);
        if (!app.Services.GetRequiredService<HostRestart>().IsRequested)
        {
            return false;
        }

        // Its own it is: no other is replaced.
        await app.Services.GetRequiredService<HandOverDatabase>().ExecuteAsync(embedded!.StopAsync);
        return true;
    }

    /// <summary>Starts everything but PostgreSQL: schema, founder, services, doors.</summary>
    /// <param name="settings">The host's settings.</param>
    /// <param name="connectionString">Its database.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="time">The host's clock; the machine's unless said.</param>
    public static async Task<WebApplication> StartAppAsync(
        HostSettings settings, string connectionString, CancellationToken cancellationToken, TimeProvider? time = null)
    {
        var app = Build(settings, connectionString, time ?? TimeProvider.System);
        await app.Services.GetRequiredService<MigrateDatabase>().ExecuteAsync(cancellationToken);
        await FounderAccess.EnsureAsync(app.Services, settings, cancellationToken);
        await app.Services.GetRequiredService<RecordDeployment>().ExecuteAsync(HostVersion.Current, cancellationToken);
        await app.Services.GetRequiredService<EnsureJobs>().ExecuteAsync(cancellationToken);
        await app.Services.GetRequiredService<RecordReplacement>().ExecuteAsync(cancellationToken);
        await app.Services.GetRequiredService<LoadCatalogue>().ExecuteAsync(cancellationToken);
        await app.Services.GetRequiredService<ChangeAdmission>().RefreshAsync(cancellationToken);
        await app.Services.GetRequiredService<LocalHost>().EnsureAsync(cancellationToken);
        await app.StartAsync(cancellationToken);

        // Whoever reads from the feed's head must find one: the tail's first look comes before the host counts as ready.
        await app.Services.GetRequiredService<EventTail>().Started.WaitAsync(cancellationToken);
        app.Services.GetRequiredService<Readiness>().Started = true;
        return app;
    }

    // Made at the start, so that there is a place to put the first file.
    private static DefinitionFolder DefinitionsOf(HostSettings settings) =>
        new(settings.Agents ?? Directory.CreateDirectory(Path.Combine(settings.Home, "agents")).FullName, Path.Combine(settings.Home, "agents.loaded"));

    private static KeptFiles KeptFilesOf(HostSettings settings) => KeptFiles.Of(
        settings.Home, DefinitionsOf(settings).Path, settings.Gateway.CatalogueFile,
        System.Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>().Select(e => KeyValuePair.Create((string)e.Key, (string?)e.Value ?? "")));

    private static WebApplication Build(HostSettings settings, string connectionString, TimeProvider time)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            ContentRootPath = AppContext.BaseDirectory,
            EnvironmentName = Environments.Production,
            ApplicationName = typeof(ControlCenterHost).Assembly.GetName().Name,
        });
        HostLogging.Configure(builder.Logging, settings);
        builder.WebHost.UseStaticWebAssets();
        builder.WebHost.UseUrls(settings.Listen.ToString().TrimEnd('/'));
        // Nothing here blocks, so a request may be read on the thread that was told of its bytes: a hop between threads less each way.
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = true);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = RequestBody.MaxBytesOnTheWire;
        });
        builder.Services.Configure<HostOptions>(options =>
        {
            options.ShutdownTimeout = ShutdownTimeout;
            // The doors close first, then what stands behind them: a request under way still finds its service.
            options.ServicesStopConcurrently = false;
            options.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.StopHost;
        });
        builder.Services.AddSingleton(time);
        builder.Services.AddSingleton(settings);
        builder.Services.AddSingleton(new DataFolder(settings.Home));
        builder.Services.AddSingleton(settings.EventRetention);
        builder.Services.AddSingleton(settings.Gateway);
        builder.Services.AddSingleton(DefinitionsOf(settings));
        builder.Services.AddSingleton(new CostEnvironment(settings.Environment));
        builder.Services.AddSingleton<Readiness>();
        builder.Services.AddSingleton(new PrimaryCandidate(Guid.CreateVersion7(), System.Environment.MachineName, settings.Surface));
        builder.Services.AddSingleton(new OwnCluster(settings.Database is null ? settings.Home : null));
        builder.Services.AddRuntime(connectionString);
        builder.Services.AddSingleton(new DrillPrograms(RunnerProcess.Program, AppContext.BaseDirectory));
        builder.Services.AddRecovery(settings.Recovery);
        builder.Services.AddSingleton(KeptFilesOf(settings));
        builder.Services.AddBus();
        builder.Services.AddService<KeepRateLimits>();
        if (settings.LocalRunner)
        {
            builder.Services.AddService<LocalRunner>();
        }

        builder.Services.AddSignIn(settings);
        builder.Services.AddDashboard();
        if (settings.IsRehearsal)
        {
            builder.Services.KeepStill();
        }

        var app = builder.Build();
        app.UseSecurityHeaders();
        app.MapBus();
        app.MapDashboard();
        return app;
    }
}

/// <summary>Whether the host has come up.</summary>
internal sealed class Readiness
{
    /// <summary>Set once everything runs.</summary>
    public bool Started { get; set; }
}
