using ControlCenter.Runtime.Execution.Definitions;
using ControlCenter.Runtime.Hosts;
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
        services.AddSingleton<RecordLoad>();
        services.AddSingleton<LocalHost>();
        services.AddService<WatchHosts>();

        services.AddSingleton<DefinitionQueries>();
        services.AddSingleton<SaveDefinition>();
        services.AddSingleton<RemoveDefinition>();
        services.AddService<LoadDefinitions>();
        return services;
    }
}
