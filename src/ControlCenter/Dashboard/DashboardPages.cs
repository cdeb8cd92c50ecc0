using ControlCenter.Dashboard.Overview;
using ControlCenter.Dashboard.Recovery;

namespace ControlCenter.Dashboard;

/// <summary>The window onto the host: Blazor pages over the same commands and queries as the bus.</summary>
internal static class DashboardPages
{
    public static IServiceCollection AddDashboard(this IServiceCollection services)
    {
        services.AddRazorComponents().AddInteractiveServerComponents();
        services.AddScoped<CircuitFeed>();
        services.AddSingleton<OverviewQueries>();
        services.AddSingleton<RecoveryGlance>();
        return services;
    }

    public static void MapDashboard(this WebApplication app)
    {
        app.MapStaticAssets();
        app.MapRazorComponents<App>().AddInteractiveServerRenderMode();
    }
}
