using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Runtime.Hosting;

/// <summary>Background work that reaches beyond its own database: it is not run by a host that only rehearses on a copy.</summary>
public interface IActsOutside;

/// <summary>What was registered of a service, so that a host that rehearses can leave it out.</summary>
internal sealed record Supervision(Type Service, IReadOnlyList<ServiceDescriptor> Descriptors);

/// <summary>A host that runs on a restored copy, to prove that it would: nothing that it does reaches anybody.</summary>
public static class Rehearsal
{
    /// <summary>Leaves out whatever acts outside. Last, when all is registered.</summary>
    public static IServiceCollection KeepStill(this IServiceCollection services)
    {
        foreach (var supervision in services.Select(d => d.IsKeyedService ? null : d.ImplementationInstance).OfType<Supervision>().Where(s => typeof(IActsOutside).IsAssignableFrom(s.Service)).ToList())
        {
            foreach (var descriptor in supervision.Descriptors)
            {
                services.Remove(descriptor);
            }
        }

        return services;
    }
}
