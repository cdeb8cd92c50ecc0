using ControlCenter.Bus;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Execution.Transcripts;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Execution;

/// <summary>What agents are made of, on the bus.</summary>
internal static class DefinitionEndpoints
{
    public static void MapDefinitions(this IEndpointRouteBuilder routes)
    {
        routes.MapQuery<DefinitionQueries, Page<DefinitionView>>(
            "/agent-definitions", "list", async (definitions, http) => await definitions.ListAsync(BusRoutes.PageIn(http), http.RequestAborted) is var page && MayWrite(http)
                ? page
                : page with { Items = [.. page.Items.Select(d => d with { Definition = d.Definition.WithoutValues() })] });
        routes.MapQuery<DefinitionQueries, DefinitionView>(
            "/agent-definitions/{id}", "agent definition", async (definitions, http) =>
                await definitions.FindAsync(NameIn(http), http.RequestAborted) is { } found ? MayWrite(http) ? found : found with { Definition = found.Definition.WithoutValues() } : null);
        routes.MapChange<SaveDefinition, AgentDefinition, SavedDefinition>("PUT", "/agent-definitions/{id}", (command, call) =>
            call.Request.Name == NameIn(call.Http)
                ? command.ExecuteAsync(call.Request, DefinitionSource.Page, null, call.Caller, call.Aborted)
                : throw new ValidationException("name", $"The path says '{NameIn(call.Http)}', the body '{call.Request.Name}'."));
        routes.MapChange<ReplayTools, ReplayToolsRequest, ReplayedTools>(
            "POST", "/agent-definitions/{id}/replay", (command, call) => command.ExecuteAsync(NameIn(call.Http), call.Request, call.Caller, call.Aborted));
        routes.MapRemoval<RemoveDefinition>(
            "/agent-definitions/{id}", (command, call) => command.ExecuteAsync(NameIn(call.Http), DefinitionSource.Page, call.Caller, call.Aborted));
    }

    /// <summary>Whether the caller may see values that stand in definitions: whoever may write them.</summary>
    public static bool MayWrite(HttpContext http) => PermissionMatrix.Allows(BusRoutes.CallerOf(http).Role, Permission.ManageDefinitions);

    private static string NameIn(HttpContext http) => http.GetRouteValue("id")?.ToString() ?? "";
}
