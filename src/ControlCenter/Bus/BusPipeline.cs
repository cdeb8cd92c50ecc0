using ControlCenter.Access;
using ControlCenter.Agents;
using ControlCenter.Costs;
using ControlCenter.Domain.Problems;
using ControlCenter.Escalations;
using ControlCenter.Events;
using ControlCenter.Execution;
using ControlCenter.Governance;
using ControlCenter.Health;
using ControlCenter.Hosts;
using ControlCenter.Mcp;
using ControlCenter.Models;
using ControlCenter.Orchestration;
using ControlCenter.Runtime;
using ControlCenter.Runtime.Commands;
using ControlCenter.Work;
using Microsoft.AspNetCore.Http.Json;

namespace ControlCenter.Bus;

/// <summary>The control bus (bus-api.md): what every request under <c>/api/v1</c> passes on its way, and what is there.</summary>
internal static class BusPipeline
{
    public const string BasePath = "/api/v1";

    public static IServiceCollection AddBus(this IServiceCollection services)
    {
        services.AddSingleton<RateLimiting>();
        services.AddService<TellOfViolations>();
        services.AddSingleton<StreamRegistry>();
        services.AddSingleton<Refusals>();
        services.AddSingleton<WaitForDecision>();
        services.AddSingleton<CallTool>();
        services.AddSingleton<GatewayGuard>();
        services.AddSingleton<MetricsPage>();
        services.AddHostedService(provider => provider.GetRequiredService<MetricsPage>());
        services.AddOpenApi("v1", OpenApiDescription.Configure);
        services.Configure<JsonOptions>(options => WireJson.Configure(options.SerializerOptions));
        services.AddSignalR(options => options.MaximumReceiveMessageSize = 32 * 1024);
        return services;
    }

    public static void MapBus(this WebApplication app)
    {
        app.UseWhen(IsBus, bus =>
        {
            bus.UseMiddleware<ProblemResponses>();
            bus.UseMiddleware<BusAuthentication>();
            bus.Use((http, next) =>
            {
                http.RequestServices.GetRequiredService<RateLimiting>().Request(BusRoutes.CallerOf(http), http.Response);
                return next(http);
            });
            bus.UseMiddleware<CountRefusals>();
        });
        app.AnswerModelClients();
        app.UseWhen(IsForPeople, pages => pages.UseStatusCodePagesWithReExecute("/not-found"));
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseAntiforgery();

        var routes = app.MapGroup(BasePath).DisableAntiforgery();
        routes.MapWork();
        routes.MapAgents();
        routes.MapEscalations();
        routes.MapEvents();
        routes.MapCosts();
        routes.MapInsight();
        routes.MapGovernance();
        routes.MapBudgets();
        routes.MapBreakers();
        routes.MapActors();
        routes.MapModels();
        routes.MapOutput();
        routes.MapOrchestrator();
        routes.MapHosts();
        routes.MapDefinitions();
        routes.MapRuntimes();
        routes.MapMcp(McpEndpoint.Path);
        app.MapMcp(McpEndpoint.Path);
        app.MapGateway();
        app.MapHealth();
        app.MapSignIn();
        app.MapHub<FeedHub>("/hubs/feed");
        app.MapOpenApi("/openapi/{documentName}.json");
    }

    // A browser that goes astray gets a page; whoever asks for data gets a status.
    private static bool IsForPeople(HttpContext http) =>
        !IsBus(http) && http.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase);

    private static bool IsBus(HttpContext http) =>
        http.Request.Path.StartsWithSegments(BasePath, StringComparison.Ordinal) || http.Request.Path.StartsWithSegments(McpEndpoint.Path, StringComparison.Ordinal);
}

/// <summary>Counts what was refused on the bus, and has it audited.</summary>
internal sealed class CountRefusals(RequestDelegate next, Refusals refusals)
{
    public async Task InvokeAsync(HttpContext http)
    {
        try
        {
            await next(http);
        }
        catch (DomainException problem)
        {
            await refusals.NoteAsync(http, $"{http.Request.Method} {http.Request.Path}", problem);
            throw;
        }
    }
}
