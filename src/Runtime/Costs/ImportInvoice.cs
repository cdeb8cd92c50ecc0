using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Costs;

/// <summary>A provider's invoice.</summary>
/// <param name="Provider">Who billed.</param>
/// <param name="Number">The invoice's own number: an invoice is imported once.</param>
/// <param name="PeriodFrom">The first day that it bills (UTC).</param>
/// <param name="PeriodTo">The first day that it no longer bills.</param>
/// <param name="Currency">ISO 4217.</param>
/// <param name="Csv">Its lines: <see cref="InvoiceLines"/>.</param>
public sealed record InvoiceImport(string Provider, string Number, DateOnly PeriodFrom, DateOnly PeriodTo, string Currency, string Csv);

/// <summary>An invoice beside what was metered of the same provider, time and currency.</summary>
/// <param name="InvoiceId">Its id.</param>
/// <param name="Provider">Who billed.</param>
/// <param name="Number">The invoice's own number.</param>
/// <param name="PeriodFrom">The first day that it bills.</param>
/// <param name="PeriodTo">The first day that it no longer bills.</param>
/// <param name="Currency">ISO 4217.</param>
/// <param name="Billed">What the invoice says.</param>
/// <param name="Metered">What was counted before it came; null if nothing was.</param>
/// <param name="Difference">What was booked to bring the two into line.</param>
/// <param name="ErrorPercent">The difference as a part of the bill: how far the metering was off; null where nothing was metered or billed.</param>
public sealed record ReconciledInvoice(
    Guid InvoiceId, string Provider, string Number, DateOnly PeriodFrom, DateOnly PeriodTo, string Currency, decimal Billed, decimal? Metered, decimal Difference, decimal? ErrorPercent);

/// <summary>Brings the books into line with what a provider really billed: by entries of their own, never by edits (CO-08).</summary>
public sealed class ImportInvoice(Transactions transactions, RecordCosts record, TimeProvider time)
{
    /// <summary>Imports an invoice, books the difference for each module, and says how far the metering was off.</summary>
    /// <exception cref="ConflictException"><c>name_taken</c>: it was imported before.</exception>
    public Task<Outcome<ReconciledInvoice>> ExecuteAsync(InvoiceImport request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageCosts);
        new FieldErrors()
            .Add("provider", TextRules.Name(request.Provider))
            .Add("number", TextRules.Name(request.Number))
            .Add("period_to", request.PeriodTo > request.PeriodFrom ? null : "It must be later than period_from.")
            .Add("currency", Money.IsCurrency(request.Currency) ? null : "Three upper-case letters (ISO 4217).")
            .ThrowIfAny();
        var lines = InvoiceLines.Parse(request.Csv);
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var id = Uuid7.New(time);
            var billed = lines.Sum(l => l.Amount);
            await KeepAsync(unit, id, request, lines, billed, ct);
            var metered = await MeteredAsync(unit, request, ct);
            var booked = Differences(lines, metered).ToList();
            await record.AppendAsync(unit, booked.ConvertAll(b => EntryOf(id, request, unit.Caller, b.Module, b.Amount)), ct);
            var counted = metered.Count == 0 ? (decimal?)null : metered.Sum(m => m.Value);
            var difference = billed - (counted ?? 0);
            var result = new ReconciledInvoice(
                id, request.Provider, request.Number, request.PeriodFrom, request.PeriodTo, request.Currency, Money.Plain(billed), counted is { } known ? Money.Plain(known) : null,
                Money.Plain(difference), ErrorOf(billed, counted));
            unit.Record("cost.invoice_imported", ("invoice", id.ToString()), result);
            return result;
        }, cancellationToken);
    }

    /// <summary>How far the metering was off, in percent of the bill.</summary>
    internal static decimal? ErrorOf(decimal billed, decimal? metered) => metered is { } known && billed != 0 ? Math.Round((known - billed) / billed * 100, 2) : null;

    // By module where the invoice names modules; what it bills without one is set against what no line names.
    private static IEnumerable<(string? Module, decimal Amount)> Differences(IReadOnlyList<InvoiceLine> lines, Dictionary<string, decimal> metered)
    {
        var billed = lines.Where(l => l.ModuleId is not null).GroupBy(l => l.ModuleId!, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Sum(l => l.Amount), StringComparer.Ordinal);
        foreach (var (module, amount) in billed)
        {
            if (amount - metered.GetValueOrDefault(module) is var difference and not 0)
            {
                yield return (module, difference);
            }
        }

        var rest = lines.Where(l => l.ModuleId is null).Sum(l => l.Amount) - metered.Where(m => !billed.ContainsKey(m.Key)).Sum(m => m.Value);
        if (rest != 0)
        {
            yield return (null, rest);
        }
    }

    private CostEvent EntryOf(Guid invoice, InvoiceImport request, Caller caller, string? module, decimal difference) => new()
    {
        EventId = Uuid7.New(time),
        // The last moment that the invoice bills, so that it counts in the period that it is about.
        At = new DateTimeOffset(request.PeriodTo.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero).AddMilliseconds(-1),
        Attribution = new Attribution(caller.ActorId),
        ModuleId = module,
        Provider = request.Provider,
        BilledCost = difference,
        Currency = request.Currency,
        Knowledge = CostKnowledge.Exact,
        InvoiceId = invoice,
        Notes = $"Difference to invoice {request.Number}",
    };

    private static async Task KeepAsync(UnitOfWork unit, Guid id, InvoiceImport request, IReadOnlyList<InvoiceLine> lines, decimal billed, CancellationToken cancellationToken)
    {
        var added = await unit.ExecuteAsync(
            """
            insert into invoices (id, provider, number, period_from, period_to, currency, amount, imported_by)
            values (@id, @provider, @number, @from, @to, @currency, @amount, @actor) on conflict on constraint invoices_once do nothing
            """,
            cancellationToken, ("id", id), ("provider", request.Provider), ("number", request.Number), ("from", request.PeriodFrom), ("to", request.PeriodTo),
            ("currency", request.Currency), ("amount", billed), ("actor", unit.Caller.ActorId));
        if (added == 0)
        {
            throw new ConflictException(ProblemTypes.NameTaken, $"Invoice '{request.Number}' of {request.Provider} was imported before; what it brought into line stays so.");
        }

        await unit.ExecuteAsync(
            "insert into invoice_lines (invoice_id, line, module_id, description, quantity, amount) select @id, l.* from unnest(@lines, @modules, @descriptions, @quantities, @amounts) as l",
            cancellationToken, ("id", id), ("lines", Enumerable.Range(1, lines.Count).ToArray()), ("modules", lines.Select(l => l.ModuleId).ToArray()),
            ("descriptions", lines.Select(l => l.Description).ToArray()), ("quantities", lines.Select(l => l.Quantity).ToArray()), ("amounts", lines.Select(l => l.Amount).ToArray()));
    }

    private static async Task<Dictionary<string, decimal>> MeteredAsync(UnitOfWork unit, InvoiceImport request, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select coalesce(module_id, ''), sum(coalesce(billed_cost, estimated_cost)) from cost_events
            where provider = @provider and currency = @currency and at >= @from and at < @to and coalesce(billed_cost, estimated_cost) is not null group by 1
            """,
            ("provider", request.Provider), ("currency", request.Currency),
            ("from", request.PeriodFrom.ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc)), ("to", request.PeriodTo.ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc)));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var metered = new Dictionary<string, decimal>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellationToken))
        {
            metered[reader.GetString(0)] = reader.GetDecimal(1);
        }

        return metered;
    }
}
