using ControlCenter.Bus;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Models;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Models;

/// <summary>What can be called, and how it has been called, on the bus.</summary>
internal static class CatalogueEndpoints
{
    public static void MapModels(this IEndpointRouteBuilder routes)
    {
        routes.MapQuery<CatalogueQueries, CatalogueView>("/catalogue", "catalogue", (catalogue, http) =>
        {
            RequireInsider(http);
            return Task.FromResult<CatalogueView?>(catalogue.Current());
        });
        routes.MapQuery<CatalogueQueries, Page<CatalogueVersion>>("/catalogue/history", "list", async (catalogue, http) =>
        {
            RequireInsider(http);
            return await catalogue.HistoryAsync(BusRoutes.OptionalWord<CatalogueKind>(http, "kind"), BusRoutes.OptionalText(http, "key"), BusRoutes.PageIn(http), http.RequestAborted);
        });
        routes.MapCommand<ChangeCatalogue, ChangeCatalogueRequest, ChangedCatalogue>(
            "/catalogue", 200, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapQuery<DecisionQueries, Page<DecisionRow>>("/gateway/decisions", "list", async (decisions, http) => await decisions.ListAsync(
            BusRoutes.OptionalText(http, "module"), BusRoutes.OptionalText(http, "troubled") == "true", BusRoutes.PageIn(http), http.RequestAborted));
        routes.MapQuery<ShadowQueries, ShadowList>("/gateway/shadows", "list", async (shadows, http) => await shadows.ListAsync(http.RequestAborted));
        routes.MapQuery<ModuleQueries, ModuleList>("/modules", "list", async (modules, http) => await modules.ListAsync(http.RequestAborted));
    }

    // Where keys are to be found is no business of an agent's.
    private static void RequireInsider(HttpContext http) => BusRoutes.CallerOf(http).Require(Permission.ManageModels);
}
