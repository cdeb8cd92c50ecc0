using ControlCenter.Runtime.Health;
using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Recovery.Backups;
using ControlCenter.Runtime.Recovery.Drills;
using ControlCenter.Runtime.Recovery.Files;
using ControlCenter.Runtime.Recovery.Hooks;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.Runtime.Recovery.Wal;
using ControlCenter.Runtime.Recovery.Watching;
using ControlCenter.Runtime.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
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
        services.AddSingleton<RepositoryQueries>();
        services.AddSingleton<RecoveryFiguresQueries>();
        services.AddSingleton<ReviewMilestone>();
        services.TryAddSingleton(new OwnCluster(null));
        services.AddSingleton<RestoreQueries>();
        services.AddSingleton<EventsAround>();
        services.AddSingleton<RequestRestore>();
        services.AddSingleton(settings?.Hook ?? new RecoveryHook(Program: null));
        services.AddService<QueueBackupEvents>();
        services.AddService<QueueRecoveryAlerts>();
        services.AddSingleton<TellReplacing>();
        services.AddSingleton<ReplaceDatabase>();
        services.AddSingleton<HandOverDatabase>();
        services.AddSingleton<RemoveRestore>();
        services.AddSingleton<RecordReplacement>();
        services.AddSingleton<DrillQueries>();
        services.AddSingleton<DrillLog>();
        services.AddSingleton<RequestDrill>();
        services.AddSingleton<RecordRootCause>();
        services.AddSingleton<StorageQueries>();
        services.AddSingleton(provider => new MeasureStorage(provider.GetRequiredService<NpgsqlDataSource>(), provider.GetRequiredService<DataFolder>(), settings));
        services.AddService<WatchStorage>();
        services.AddSingleton<RetainedHistory, OldStorageSamples>();
        services.AddSingleton<RetainedHistory, OldShipments>();
        if (settings is null)
        {
            return services;
        }

        services.AddSingleton(settings);
        services.AddSingleton(new MigrationGuard(BackupsAreTaken: true));
        services.AddSingleton<ProbeLog>();
        services.AddSingleton<Job, ProbeLogJob>();
        services.AddSingleton<Restic>();
        services.AddSingleton<RepositoryGate>();
        services.AddSingleton<PostgresTools>();
        services.AddSingleton<BackupLog>();
        services.AddSingleton<RunBackup>();
        services.AddSingleton<TakeBaseBackup>();
        services.AddSingleton<TakeDump>();
        services.AddSingleton<VerifyRepository>();
        services.AddSingleton<ApplyRetention>();
        services.AddSingleton<RestoreCluster>();
        services.AddSingleton<RestoreDatabase>();
        services.AddSingleton<RestoreRows>();
        services.AddService<StreamWal>();
        services.AddSingleton<CheckEscrow>();
        services.AddSingleton<LookAtRecovery>();
        services.AddService<WatchRecovery>();
        services.AddSingleton<Job, BaseBackupJob>();
        services.AddSingleton<Job, DumpJob>();
        services.AddSingleton<Job, VerifyRepositoryJob>();
        services.AddSingleton<Job, RetentionJob>();
        services.AddSingleton<Job, RestoreJob>();
        services.AddSingleton<TakeFiles>();
        services.AddSingleton<RestoreFiles>();
        services.AddSingleton<Job, FilesJob>();
        if (settings.Hook.Program is not null)
        {
            services.AddService<CallRecoveryHook>();
        }

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
