using System.Text;
using ControlCenter.Bus;
using ControlCenter.Domain.Access;
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
        routes.MapGet("/costs/export", (Delegate)ExportAsync).Produces(200, contentType: "text/csv").ProducesProblem(400).ProducesProblem(401);
        routes.MapCommand<SetCurrencyRate, CurrencyRate, CurrencyRate>(
            "/costs/currency-rates", 201, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapQuery<CurrencyRates, KnownRates>("/costs/currency-rates", "list", async (rates, http) => await rates.ListAsync(http.RequestAborted));
        routes.MapCommand<ImportInvoice, InvoiceImport, ReconciledInvoice>(
            "/costs/invoices", 201, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<PreviewInvoice, InvoiceImport, InvoicePreview>(
            "/costs/invoices/preview", 200, async (command, call) => new Outcome<InvoicePreview>(await command.ExecuteAsync(call.Request, call.Caller, call.Aborted), null));
        routes.MapQuery<InvoiceQueries, InvoiceDetail>("/costs/invoices/{id}", "invoice", (invoices, http) => invoices.FindAsync(BusRoutes.IdIn(http), http.RequestAborted));
        routes.MapQuery<InvoiceQueries, InvoiceList>("/costs/invoices", "list", async (invoices, http) => await invoices.ListAsync(http.RequestAborted));
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

    /// <summary>Costs as FOCUS-style CSV, written as they are read: a year of them takes no more memory than a day.</summary>
    private static async Task ExportAsync(HttpContext http)
    {
        BusRoutes.CallerOf(http).Require(Permission.ReadAll);
        var to = OptionalTime(http, "to") ?? http.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow();
        var from = OptionalTime(http, "from") ?? RollupGrain.Month.StartOf(to);
        if (to <= from)
        {
            throw new ValidationException("to", "It must be later than from.");
        }

        http.Response.ContentType = "text/csv; charset=utf-8; header=present";
        http.Response.Headers.ContentDisposition = $"attachment; filename=\"costs-{from.UtcDateTime:yyyyMMdd}-{to.UtcDateTime:yyyyMMdd}.csv\"";
        await using var writer = new StreamWriter(http.Response.Body, new UTF8Encoding(false), bufferSize: 64 * 1024, leaveOpen: true);
        await writer.WriteAsync(FocusRow.Header.AsMemory(), http.RequestAborted);
        await foreach (var row in http.RequestServices.GetRequiredService<CostEventQueries>().StreamAsync(from, to, http.RequestAborted))
        {
            await writer.WriteAsync(FocusRow.Of(row).AsMemory(), http.RequestAborted);
        }
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
