using ControlCenter.Bus;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Costs;

/// <summary>Costs on the bus (bus-api.md, Costs and the model gateway).</summary>
internal static class CostEndpoints
{
    public static void MapCosts(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/cost-events", (Delegate)ReportAsync)
            .Accepts<CostReport>("application/json").Produces<ReportedCosts>(201).ProducesProblem(400).ProducesProblem(401).ProducesProblem(403).ProducesProblem(413);
        routes.MapQuery<RollupQueries, RollupPage>("/costs/rollups", "list", async (rollups, http) => await rollups.ListAsync(RollupsIn(http), http.RequestAborted));
        routes.MapQuery<CostEventQueries, Page<CostEventView>>("/cost-events", "list", async (events, http) => await events.ListAsync(
            new CostEventFilter(BusRoutes.OptionalWord<RollupDimension>(http, "by"), BusRoutes.OptionalText(http, "key"), OptionalTime(http, "from"), OptionalTime(http, "to")),
            BusRoutes.PageIn(http), http.RequestAborted));
        routes.MapCommand<RebuildRollups, NoBody, RebuiltRollups>(
            "/costs/rebuild", 200, async (command, call) => new Outcome<RebuiltRollups>(await command.ExecuteAsync(call.Caller, call.Aborted), null));
        routes.MapCommand<ProveRollups, NoBody, RollupProof>(
            "/costs/proof", 200, async (command, call) => new Outcome<RollupProof>(await command.ExecuteAsync(call.Caller, call.Aborted), null));
    }

    /// <summary>A time in the query string, if it is there.</summary>
    public static DateTimeOffset? OptionalTime(HttpContext http, string name)
    {
        var text = http.Request.Query[name].ToString();
        return text.Length == 0 ? null
            : DateTimeOffset.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.AssumeUniversal, out var time) ? time
            : throw new ValidationException(name, $"A time (RFC 3339); '{text}' was given.");
    }

    private static RollupRequest RollupsIn(HttpContext http) => new(
        BusRoutes.OptionalWord<RollupDimension>(http, "by") ?? throw new ValidationException("by", "Say by what the costs are summed: by=module."),
        BusRoutes.OptionalWord<RollupGrain>(http, "grain") ?? RollupGrain.Day,
        OptionalTime(http, "from"), OptionalTime(http, "to"), BusRoutes.OptionalText(http, "key"),
        (int)(BusRoutes.OptionalNumber(http, "limit", 1, RollupQueries.MostItems) ?? RollupQueries.DefaultItems), BusRoutes.OptionalText(http, "cursor"));

    private static async Task ReportAsync(HttpContext http)
    {
        var caller = BusRoutes.CallerOf(http);
        RequestBody.RequireJson(http);
        var body = await RequestBody.ReadAsync(http);
        var reports = IsArray(body.Span) ? RequestBody.Parse<List<CostReport>>(body) : [RequestBody.Parse<CostReport>(body)];
        if (reports.IndexOf(null!) is var missing and >= 0)
        {
            throw new ValidationException($"[{missing}]", "It is null; an object was expected.");
        }

        var idempotency = RequestBody.IdempotencyOf(http, caller.ActorId, body.Span, StatusCodes.Status201Created);
        using var turn = idempotency is null ? null
            : await http.RequestServices.GetRequiredService<IdempotencyGate>().EnterAsync(caller.ActorId, idempotency.Key, http.RequestAborted);
        var outcome = await http.RequestServices.GetRequiredService<ReportCosts>().ExecuteAsync(reports, caller, idempotency, http.RequestAborted);
        await BusRoutes.AnswerAsync(http, StatusCodes.Status201Created, outcome);
    }

    private static bool IsArray(ReadOnlySpan<byte> body)
    {
        var text = body.TrimStart(" \t\r\n"u8);
        return !text.IsEmpty && text[0] == (byte)'[';
    }
}
