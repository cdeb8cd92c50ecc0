using ControlCenter.Bus;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Execution;

/// <summary>What agents are made of, on the bus.</summary>
internal static class DefinitionEndpoints
{
    public static void MapDefinitions(this IEndpointRouteBuilder routes)
    {
        routes.MapQuery<DefinitionQueries, Page<DefinitionView>>(
            "/agent-definitions", "list", async (definitions, http) => await definitions.ListAsync(BusRoutes.PageIn(http), http.RequestAborted));
        routes.MapQuery<DefinitionQueries, DefinitionView>(
            "/agent-definitions/{id}", "agent definition", (definitions, http) => definitions.FindAsync(NameIn(http), http.RequestAborted));
        routes.MapChange<SaveDefinition, AgentDefinition, SavedDefinition>("PUT", "/agent-definitions/{id}", (command, call) =>
            call.Request.Name == NameIn(call.Http)
                ? command.ExecuteAsync(call.Request, DefinitionSource.Page, null, call.Caller, call.Aborted)
                : throw new ValidationException("name", $"The path says '{NameIn(call.Http)}', the body '{call.Request.Name}'."));
        routes.MapRemoval<RemoveDefinition>(
            "/agent-definitions/{id}", (command, call) => command.ExecuteAsync(NameIn(call.Http), DefinitionSource.Page, call.Caller, call.Aborted));
    }

    private static string NameIn(HttpContext http) => http.GetRouteValue("id")?.ToString() ?? "";
}
