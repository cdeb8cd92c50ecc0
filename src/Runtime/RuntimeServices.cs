using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Agents;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.Escalations;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Execution.Transcripts;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Execution.Keyboard;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Health;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Hosts;
using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Limits;
using ControlCenter.Runtime.Models;
using ControlCenter.Runtime.Orchestration;
using ControlCenter.Runtime.Recovery.Drills;
using ControlCenter.Runtime.Storage;
using ControlCenter.Runtime.Storage.Restored;
using ControlCenter.Runtime.Work;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace ControlCenter.Runtime;

/// <summary>Everything that happens, put together.</summary>
public static class RuntimeServices
{
    /// <summary>Adds the runtime on a database.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="connectionString">A PostgreSQL connection string for Npgsql.</param>
    public static IServiceCollection AddRuntime(this IServiceCollection services, string connectionString)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => Database.Open(connectionString, provider.GetRequiredService<Microsoft.Extensions.Logging.ILoggerFactory>()));
        services.AddSingleton(new DatabaseAddress(connectionString));
        services.AddPooledDbContextFactory<ControlCenterDb>((provider, options) => options
            .UseNpgsql(provider.GetRequiredService<NpgsqlDataSource>())
            .UseQueryTrackingBehavior(QueryTrackingBehavior.NoTracking));
        services.TryAddSingleton(new MigrationGuard(BackupsAreTaken: false));
        services.AddSingleton<MigrateDatabase>();

        services.TryAddSingleton(EventRetention.ForEver);
        services.AddSingleton<EventLogSignal>();
        services.AddSingleton<EventFeed>();
        services.AddSingleton<EventReader>();
        services.AddService<EventTail>();
        services.AddService<EventAnnouncer>();
        services.AddService<MaintainEventLog>();
        services.AddService<PostEvents>();

        services.AddSingleton<Transactions>();
        services.AddSingleton<RecordDeployment>();
        services.AddSingleton<IdempotencyGate>();
        services.AddService<ForgetAnswers>();
        services.AddSingleton<CallerDirectory>();
        services.AddSingleton<FirstStart>();
        services.AddSingleton<SignInLinks>();
        services.AddSingleton<AuditTrail>();
        services.AddSingleton<AuditQueries>();
        services.AddSingleton<CreateActor>();
        services.AddSingleton<RotateKey>();
        services.AddSingleton<RevokeAccess>();
        services.AddSingleton<ActorQueries>();
        services.AddService<TrackKeyUse>();

        services.AddSingleton<Admission>();
        services.AddSingleton<ChangeAdmission>();
        services.AddService<FollowAdmission>();

        services.TryAddSingleton(ReservationAge.Default);
        services.AddSingleton<BudgetQueries>();
        services.AddSingleton<BudgetOutlooks>();
        services.AddSingleton<WithheldWork>();
        services.AddSingleton<CreateBudget>();
        services.AddSingleton<ChangeBudget>();
        services.AddSingleton<DeleteBudget>();
        services.AddSingleton<OverrideBudget>();
        services.AddSingleton<EndOverride>();
        services.AddSingleton<BudgetBreaches>();
        services.AddSingleton<BudgetLedger>();
        services.AddService<ReserveSpend>();
        services.AddService<SettleCall>();
        services.AddSingleton<UnsettledCalls>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<UnsettledCalls>());
        services.AddSingleton<ReleaseSpend>();
        services.AddSingleton<LiveReservations>();
        services.AddService<RenewReservations>();
        services.AddService<ReleaseLostReservations>();
        services.AddService<RenewBudgets>();

        services.AddSingleton<SpendBreakers>();
        services.AddSingleton<SpendBreakerQueries>();
        services.AddSingleton<SetBreakerPolicy>();
        services.AddSingleton<DeleteBreakerPolicy>();
        services.AddSingleton<ResetSpendBreaker>();
        services.AddService<FollowSpendBreakers>();
        services.AddService<WatchSpendRates>();

        services.AddService<CreateTicket>();
        services.AddSingleton<EditTicket>();
        services.AddSingleton<TicketQueries>();
        services.AddSingleton<TaskQueries>();
        services.AddSingleton<CreateTask>();
        services.AddSingleton<ChangeDependencies>();
        services.AddService<ClaimTask>();
        services.AddService<CompleteTask>();
        services.AddSingleton<ReportProgress>();
        services.AddSingleton<SaveCheckpoint>();
        services.AddSingleton<FailTask>();
        services.AddSingleton<ReleaseTask>();
        services.AddSingleton<CancelTask>();
        services.AddSingleton<RenewLease>();
        services.AddService<ExpireLeases>();

        services.AddSingleton<RegisterAgent>();
        services.AddSingleton<AgentQueries>();
        services.AddSingleton<RecordHeartbeat>();
        services.AddSingleton<HeldAgents>();
        services.AddService<FollowHeldAgents>();
        services.AddSingleton<RequestIntervention>();
        services.AddSingleton<AcknowledgeIntervention>();
        services.AddService<WatchLiveness>();

        services.AddSingleton<OpenEscalation>();
        services.AddSingleton<EscalationQueries>();
        services.AddSingleton<DecideEscalation>();
        services.AddService<ExpireEscalations>();
        services.AddService<EscalateExhaustedTasks>();
        services.AddService<EscalateUncertainSessions>();
        services.AddService<EscalateBudgetBreaches>();
        services.AddService<EscalateStuckRuntimes>();
        services.AddService<EscalateFailedDrills>();

        services.TryAddSingleton(new CostEnvironment("LOC"));
        services.AddSingleton<RecordCosts>();
        services.AddService<AttributeCall>();
        services.AddService<ReportCosts>();
        services.AddService<RollUpCosts>();
        services.AddSingleton<RebuildRollups>();
        services.AddService<ProveRollups>();
        services.AddSingleton<RollupQueries>();
        services.AddSingleton<CostReadings>();
        services.AddSingleton<CostEventQueries>();
        services.AddSingleton<SetCurrencyRate>();
        services.AddSingleton<CurrencyRates>();
        services.AddSingleton<ImportInvoice>();
        services.AddSingleton<PreviewInvoice>();
        services.AddSingleton<InvoiceQueries>();
        services.AddSingleton<PricedUses>();
        services.AddSingleton<TaskCostQueries>();
        services.AddSingleton<SessionCostQueries>();
        services.AddSingleton<EffectivePriceQueries>();
        services.AddSingleton<CostReasonQueries>();
        services.AddService<WatchCostLag>();

        services.AddSingleton(provider => new TranscriptStore(Path.Combine(provider.GetRequiredService<DataFolder>().Folder, "transcripts")));
        services.AddSingleton(provider => new DrillFile(Path.Combine(provider.GetRequiredService<DataFolder>().Folder, "state", "restore_drills.yaml")));
        services.AddSingleton<OutputFeed>();
        services.AddSingleton<AppendOutput>();
        services.AddSingleton<TranscriptQueries>();
        services.AddSingleton<ReplayTools>();
        services.AddSingleton<RetainedHistory, OldTranscripts>();
        services.AddService<KeepTranscripts>();

        services.TryAddSingleton(new PrimaryCandidate(Guid.CreateVersion7(), Environment.MachineName, "host"));
        services.AddSingleton<Primary>();
        services.AddService<HoldPrimary>();
        services.AddSingleton<AssignmentPolicies>();
        services.AddSingleton<ModelReach>();
        services.AddSingleton<OrchestratorQueries>();
        services.TryAddSingleton<RequestRuntime>();
        services.AddService<AssignTasks>();
        services.AddService<WatchProgress>();

        services.AddSingleton<KeptRateLimits>();

        services.AddControlPlane();

        services.TryAddSingleton(new GatewayOptions());
        services.AddSingleton<ModelCatalogue>();
        services.AddSingleton<Upstream>();
        services.AddSingleton<Breakers>();
        services.AddSingleton<SubscriptionWindows>();
        services.AddService<WatchWindows>();
        services.AddSingleton<ModuleQueries>();
        services.AddSingleton<ChooseModules>();
        services.AddSingleton<AdmitCalls>();
        services.AddSingleton<MeterCalls>();
        services.AddSingleton<SampleCalls>();
        services.AddSingleton<CallModel>();
        services.AddService<RecordDecisions>();
        services.AddService<CompareShadows>();
        services.AddSingleton<ShadowQueries>();
        services.AddSingleton<LoadCatalogue>();
        services.AddSingleton<ChangeCatalogue>();
        services.AddSingleton<CatalogueQueries>();
        services.AddSingleton<RepriceCosts>();
        services.AddSingleton<DecisionQueries>();
        services.AddSingleton<BreakerQueries>();
        services.AddSingleton<ResetBreaker>();
        services.AddService<KeepBreakers>();
        services.AddService<FollowModels>();

        services.TryAddSingleton(JobOptions.Default);
        services.AddSingleton(provider => JobHolder.New(provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<RegisteredJobs>();
        services.AddSingleton<JobSignal>();
        services.AddSingleton<EnsureJobs>();
        services.AddSingleton<PlanJobRuns>();
        services.AddSingleton<ClaimJobRun>();
        services.AddSingleton<RenewJobLease>();
        services.AddSingleton<ExecuteJobRun>();
        services.AddSingleton<EndJobRun>();
        services.AddSingleton<RecoverJobRuns>();
        services.AddSingleton<JobQueries>();
        services.AddSingleton<RunJobNow>();
        services.AddSingleton<QueueJobRun>();
        services.AddSingleton<CancelJobRun>();
        services.AddSingleton<RetryJobRun>();
        services.AddSingleton<SetJobSchedule>();
        services.AddSingleton<PauseJob>();
        services.AddSingleton<RetentionQueries>();
        services.AddSingleton<SetRetention>();
        // In the order in which they are trimmed: what keeps others alive goes first.
        services.AddSingleton<RetainedHistory, OldCheckpoints>();
        services.AddSingleton<RetainedHistory, OldInterventions>();
        services.AddSingleton<RetainedHistory, OldInputs>();
        services.AddSingleton<RetainedHistory, OldLeases>();
        services.AddSingleton<RetainedHistory, OldHostSamples>();
        services.AddSingleton<RetainedHistory, OldJobRuns>();
        services.AddSingleton<RetainedHistory, OldAuditEntries>();
        services.AddSingleton<AfterRestore, JumpPlaces>();
        services.AddSingleton<AfterRestore, EndRestoredRuntimes>();
        services.AddSingleton<AfterRestore, LoseRestoredHosts>();
        services.AddSingleton<AfterRestore, EndRestoredLeases>();
        services.AddSingleton<AfterRestore, EndRestoredLeadership>();
        services.AddSingleton<AfterRestore, EndRestoredJobLeases>();
        services.AddSingleton<AfterRestore, EndRestoredLinks>();
        services.AddSingleton<HostRestart>();
        services.AddSingleton<RetainedHistory, OldAssignments>();
        services.AddSingleton<IncidentPinQueries>();
        services.AddSingleton<PinHistory>();
        services.AddSingleton<Job, TrimHistory>();
        services.AddSingleton<Job, CheckDatabase>();
        services.AddService<TriggerJobs>();
        services.AddService<RunJobs>();

        services.AddSingleton<HealthRegistry>();
        services.AddService<ProbeHealth>();
        return services;
    }

    /// <summary>Adds background work: one instance, started with the host, seen by health, and reachable as itself.</summary>
    public static IServiceCollection AddService<TService>(this IServiceCollection services)
        where TService : SupervisedService
    {
        services.AddSingleton<TService>();
        ServiceDescriptor[] run =
        [
            ServiceDescriptor.Singleton<SupervisedService>(provider => provider.GetRequiredService<TService>()),
            ServiceDescriptor.Singleton<IHostedService>(provider => provider.GetRequiredService<TService>()),
        ];
        services.Add(run);
        services.AddSingleton(new Supervision(typeof(TService), run));
        return services;
    }
}
