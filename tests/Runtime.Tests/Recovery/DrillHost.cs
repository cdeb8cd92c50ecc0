using ControlCenter.Runtime.Health;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Drills;
using ControlCenter.Runtime.Recovery.Files;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>What a host has for drills, on a cluster with a repository.</summary>
internal sealed class DrillHost : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    public DrillHost(BackedUpCluster cluster)
    {
        _services = new ServiceCollection().AddLogging().AddSingleton(new DataFolder(cluster.Home)).AddSingleton(new DrillPrograms(["/bin/false"], cluster.Home)).AddSingleton(KeptFiles.Of(cluster.Home, cluster.Home, null, []))
            .AddRuntime(cluster.ConnectionString).AddRecovery(cluster.Settings).AddSingleton(cluster.Stream).BuildServiceProvider();
        RecordsFile = Path.Combine(cluster.Home, "state", "restore_drills.yaml");
        ScratchFolder = Path.Combine(cluster.Settings.Folder, "drills");
    }

    public RunDrill Run => _services.GetRequiredService<RunDrill>();

    public DrillQueries Queries => _services.GetRequiredService<DrillQueries>();

    public RecordRootCause RecordRootCause => _services.GetRequiredService<RecordRootCause>();

    public RequestDrill Request => _services.GetRequiredService<RequestDrill>();

    public string RecordsFile { get; }

    public string ScratchFolder { get; }

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
