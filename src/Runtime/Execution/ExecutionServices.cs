using ControlCenter.Runtime.Execution.Definitions;
using ControlCenter.Runtime.Execution.Keyboard;
using ControlCenter.Runtime.Hosts;
using ControlCenter.Runtime.Work;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Runtime.Execution;

/// <summary>Hosts, and what is to run on them, put together.</summary>
public static class ExecutionServices
{
    /// <summary>Adds the control plane of agents.</summary>
    public static IServiceCollection AddControlPlane(this IServiceCollection services)
    {
        services.AddSingleton<HostsHeard>();
        services.AddSingleton<HostQueries>();
        services.AddSingleton<CreateHost>();
        services.AddSingleton<DrainHost>();
        services.AddSingleton<LocalHost>();
        services.AddService<WatchHosts>();

        services.AddSingleton<DefinitionQueries>();
        services.AddSingleton<SaveDefinition>();
        services.AddSingleton<RemoveDefinition>();

        services.AddSingleton<ExecutionMetrics>();
        services.AddSingleton<SlotSignal>();
        services.AddSingleton<RuntimeQueries>();
        services.AddSingleton<SessionQueries>();
        services.AddSingleton<HostOrdersQuery>();
        services.AddSingleton<RequestRuntime>();
        services.AddSingleton<ClaimNamedTask>();
        services.AddSingleton<StartRuntime>();
        services.AddSingleton<StopRuntime>();
        services.AddSingleton<ReportHost>();
        services.AddSingleton<LetHostGo>();
        services.AddSingleton<KeyboardQueries>();
        services.AddSingleton<TakeControl>();
        services.AddSingleton<ReleaseControl>();
        services.AddSingleton<TypeInput>();
        services.AddService<WatchKeyboards>();
        services.AddService<GrantSlots>();
        services.AddService<WatchRuntimes>();
        services.AddService<FollowInterventions>();
        services.AddService<FollowContinuity>();
        services.AddService<WatchScaling>();
        services.AddService<ReportBoot>();
        services.AddSingleton<BootReportQuery>();
        services.AddService<LoadDefinitions>();
        return services;
    }
}
