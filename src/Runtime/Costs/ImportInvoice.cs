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
    Guid InvoiceId, string Provider, string Number, DateOnly PeriodFrom, DateOnly PeriodTo, string Currency, decimal Billed, decimal? Metered, decimal Difference, decimal? ErrorPercent)
{
    /// <summary>What an invoice came to.</summary>
    internal static ReconciledInvoice Of(Guid id, InvoiceImport invoice, InvoiceReconciliation reconciled) => new(
        id, invoice.Provider, invoice.Number, invoice.PeriodFrom, invoice.PeriodTo, invoice.Currency, Money.Plain(reconciled.Billed),
        reconciled.Metered is { } metered ? Money.Plain(metered) : null, Money.Plain(reconciled.Difference), reconciled.ErrorPercent);
}

/// <summary>Brings the books into line with what a provider really billed: by entries of their own, never by edits (CO-08).</summary>
public sealed class ImportInvoice(Transactions transactions, RecordCosts record, TimeProvider time)
{
    /// <summary>Imports an invoice, books the difference for each module, and says how far the metering was off.</summary>
    /// <exception cref="ConflictException"><c>name_taken</c>: it was imported before.</exception>
    public Task<Outcome<ReconciledInvoice>> ExecuteAsync(InvoiceImport request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageCosts);
        ErrorsOf(request).ThrowIfAny();
        var lines = InvoiceLines.Parse(request.Csv);
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var id = Uuid7.New(time);
            await KeepAsync(unit, id, request, lines, ct);
            var reconciled = InvoiceReconciliation.Of(lines, await MeteredCosts.FindAsync(unit.Connection, request, ct));
            await record.AppendAsync(unit, [.. reconciled.Modules.Where(m => m.Difference != 0).Select(m => EntryOf(id, request, unit.Caller, m))], ct);
            var result = ReconciledInvoice.Of(id, request, reconciled);
            unit.Record("cost.invoice_imported", ("invoice", id.ToString()), result);
            return result;
        }, cancellationToken);
    }

    /// <summary>What is wrong with an invoice's own fields.</summary>
    internal static FieldErrors ErrorsOf(InvoiceImport request) => new FieldErrors()
        .Add("provider", TextRules.Name(request.Provider))
        .Add("number", TextRules.Name(request.Number))
        .Add("period_to", request.PeriodTo > request.PeriodFrom ? null : "It must be later than period_from.")
        .Add("currency", Money.IsCurrency(request.Currency) ? null : "Three upper-case letters (ISO 4217).");

    /// <summary>When an invoice's entries are booked: the last moment that it bills, so that they count in the period that it is about.</summary>
    internal static DateTimeOffset BookedAt(DateOnly periodTo) => new DateTimeOffset(periodTo.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero).AddMilliseconds(-1);

    private CostEvent EntryOf(Guid invoice, InvoiceImport request, Caller caller, ReconciledModule module) => new()
    {
        EventId = Uuid7.New(time),
        At = BookedAt(request.PeriodTo),
        Attribution = new Attribution(caller.ActorId),
        ModuleId = module.ModuleId,
        Provider = request.Provider,
        BilledCost = module.Difference,
        Currency = request.Currency,
        Knowledge = CostKnowledge.Exact,
        InvoiceId = invoice,
        Notes = $"Difference to invoice {request.Number}",
    };

    private static async Task KeepAsync(UnitOfWork unit, Guid id, InvoiceImport request, IReadOnlyList<InvoiceLine> lines, CancellationToken cancellationToken)
    {
        var added = await unit.ExecuteAsync(
            """
            insert into invoices (id, provider, number, period_from, period_to, currency, amount, imported_by)
            values (@id, @provider, @number, @from, @to, @currency, @amount, @actor) on conflict on constraint invoices_once do nothing
            """,
            cancellationToken, ("id", id), ("provider", request.Provider), ("number", request.Number), ("from", request.PeriodFrom), ("to", request.PeriodTo),
            ("currency", request.Currency), ("amount", lines.Sum(l => l.Amount)), ("actor", unit.Caller.ActorId));
        if (added == 0)
        {
            throw new ConflictException(ProblemTypes.NameTaken, $"Invoice '{request.Number}' of {request.Provider} was imported before; what it brought into line stays so.");
        }

        await unit.ExecuteAsync(
            "insert into invoice_lines (invoice_id, line, module_id, description, quantity, amount) select @id, l.* from unnest(@lines, @modules, @descriptions, @quantities, @amounts) as l",
            cancellationToken, ("id", id), ("lines", Enumerable.Range(1, lines.Count).ToArray()), ("modules", lines.Select(l => l.ModuleId).ToArray()),
            ("descriptions", lines.Select(l => l.Description).ToArray()), ("quantities", lines.Select(l => l.Quantity).ToArray()), ("amounts", lines.Select(l => l.Amount).ToArray()));
    }
}
