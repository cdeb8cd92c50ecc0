using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Recovery.Backups;
using ControlCenter.Runtime.Recovery.Drills;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.Runtime.Recovery.Wal;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Recovery;

/// <summary>Backups and what can be restored from them.</summary>
public static class RecoveryServices
{
    /// <summary>Adds them, where there is a repository; without one only the word that there is none.</summary>
    public static IServiceCollection AddRecovery(this IServiceCollection services, RecoverySettings? settings)
    {
        services.AddSingleton<RecoveryQueries>();
        services.AddSingleton<DrillQueries>();
        services.AddSingleton<DrillLog>();
        services.AddSingleton<RequestDrill>();
        services.AddSingleton<RecordRootCause>();
        if (settings is null)
        {
            return services;
        }

        services.AddSingleton(settings);
        services.AddSingleton<Restic>();
        services.AddSingleton<PostgresTools>();
        services.AddSingleton<BackupLog>();
        services.AddSingleton<RunBackup>();
        services.AddSingleton<TakeBaseBackup>();
        services.AddSingleton<TakeDump>();
        services.AddSingleton<VerifyRepository>();
        services.AddSingleton<ApplyRetention>();
        services.AddSingleton<RestoreCluster>();
        services.AddService<StreamWal>();
        services.AddSingleton<Job, BaseBackupJob>();
        services.AddSingleton<Job, DumpJob>();
        services.AddSingleton<Job, VerifyRepositoryJob>();
        services.AddSingleton<Job, RetentionJob>();
        return services.AddDrills();
    }

    private static IServiceCollection AddDrills(this IServiceCollection services)
    {
        services.AddSingleton<ScratchRestore>();
        services.AddSingleton<IDrillProof, ProveDatabase>();
        services.AddSingleton<IDrillProof, ProveServices>();
        services.AddSingleton<IDrillProof, ProveFiles>();
        services.AddSingleton<IDrillProof, ProveInterruptedTask>();
        services.AddSingleton<IDrillProof, ProveRollback>();
        services.AddSingleton(provider => new RunDrill(
            provider.GetRequiredService<DrillLog>(), provider.GetRequiredService<NpgsqlDataSource>(), provider.GetRequiredService<DrillFile>(), provider.GetServices<IDrillProof>(),
            provider.GetRequiredService<RecoverySettings>(), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<RunDrill>>()));
        foreach (var schedule in DrillSchedule.All)
        {
            services.AddSingleton<Job>(provider => new DrillJob(schedule, provider.GetRequiredService<RunDrill>()));
        }

        return services;
    }
}
