using ControlCenter.Bus;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Models;

namespace ControlCenter.Governance;

/// <summary>Every breaker: of modules that fail, and of what spends or fails too fast.</summary>
/// <param name="Items">Of modules all of them; of spending those that do not let every call pass.</param>
/// <param name="NextCursor">None: it is one page.</param>
internal sealed record AllBreakers(IReadOnlyList<object> Items, string? NextCursor);

/// <summary>Breakers and their policies on the bus (bus-api.md, Governor).</summary>
internal static class BreakerEndpoints
{
    public static void MapBreakers(this IEndpointRouteBuilder routes)
    {
        routes.MapQuery<SpendBreakerQueries, AllBreakers>("/breakers", "list", async (spending, http) => new AllBreakers(
            [.. await spending.OpenAsync(http.RequestAborted), .. http.RequestServices.GetRequiredService<BreakerQueries>().List().Items], null));
        routes.MapCommand<ResetBreaker, NoBody, object>("/breakers/{id}/reset", 200, ResetAsync);
        routes.MapQuery<SpendBreakerQueries, BreakerPolicyList>("/policies", "list", async (policies, http) => await policies.PoliciesAsync(http.RequestAborted));
        routes.MapQuery<SpendBreakerQueries, BreakerPolicyView>("/policies/{id}", "policy", (policies, http) => policies.FindPolicyAsync(NameIn(http), http.RequestAborted));
        routes.MapChange<SetBreakerPolicy, SetBreakerPolicyRequest, BreakerPolicyView>(
            "PUT", "/policies/{id}", (command, call) => command.ExecuteAsync(NameIn(call.Http), call.Request, call.Caller, call.Aborted));
        routes.MapRemoval<DeleteBreakerPolicy>("/policies/{id}", (command, call) => command.ExecuteAsync(NameIn(call.Http), call.Caller, call.Aborted));
    }

    private static async Task<Outcome<object>> ResetAsync(ResetBreaker modules, CommandCall<NoBody> call)
    {
        // A slash in a path's part stays as it was written.
        var id = NameIn(call.Http).Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        if (!id.StartsWith("spend:", StringComparison.Ordinal))
        {
            var reset = await modules.ExecuteAsync(id, call.Caller, call.Idempotency, call.Aborted);
            return new Outcome<object>(reset.Value, reset.Replayed);
        }

        var outcome = await call.Http.RequestServices.GetRequiredService<ResetSpendBreaker>().ExecuteAsync(id, call.Caller, call.Idempotency, call.Aborted);
        return new Outcome<object>(outcome.Value, outcome.Replayed);
    }

    private static string NameIn(HttpContext http) => http.GetRouteValue("id")?.ToString() ?? "";
}
