using ControlCenter.Domain.Costs;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>How far the metering of a provider was off, over all of its invoices in a currency.</summary>
public sealed record ProviderError(string Provider, string Currency, int Invoices, decimal Billed, decimal? Metered, decimal? ErrorPercent);

/// <summary>Invoices, the newest first, and what they say of the metering.</summary>
public sealed record InvoiceList(IReadOnlyList<ReconciledInvoice> Items, IReadOnlyList<ProviderError> Providers);

/// <summary>One invoice, by module and by line.</summary>
/// <param name="Invoice">What it came to.</param>
/// <param name="ImportedAt">When it was imported.</param>
/// <param name="ImportedBy">By whom.</param>
/// <param name="BookedAt">When in the books the differences are: the last moment that it bills.</param>
/// <param name="Modules">What it says of each module, beside what was metered.</param>
/// <param name="Lines">Its lines, in their order; the first <see cref="InvoiceQueries.MostLines"/>.</param>
/// <param name="LineCount">How many lines it has.</param>
public sealed record InvoiceDetail(
    ReconciledInvoice Invoice, DateTimeOffset ImportedAt, string ImportedBy, DateTimeOffset BookedAt, IReadOnlyList<ReconciledModule> Modules, IReadOnlyList<InvoiceLine> Lines, long LineCount);

/// <summary>Reads invoices beside what was metered.</summary>
public sealed class InvoiceQueries(NpgsqlDataSource database)
{
    /// <summary>How many lines of an invoice are given.</summary>
    public const int MostLines = 500;

    /// <summary>One of them; null if there is none.</summary>
    public async Task<InvoiceDetail?> FindAsync(Guid id, CancellationToken cancellationToken)
    {
        // What was metered is what was billed less what had to be booked: what is corrected since does not change what was found then.
        await using var command = database.CreateCommand(
            """
            select i.provider, i.number, i.period_from, i.period_to, i.currency, i.imported_at, a.name, (select count(*) from invoice_lines l where l.invoice_id = i.id)
            from invoices i join actors a on a.id = i.imported_by where i.id = @id;
            select coalesce(l.module_id, b.module_id), coalesce(l.billed, 0), coalesce(b.booked, 0)
            from (select module_id, sum(amount) as billed from invoice_lines where invoice_id = @id group by 1) l
            full join (
                select e.module_id, sum(e.billed_cost) as booked from cost_events e
                where e.invoice_id = @id and e.at = (select period_to::timestamp at time zone 'UTC' - interval '1 ms' from invoices where id = @id) group by 1
            ) b on coalesce(b.module_id, '') = coalesce(l.module_id, '')
            order by 1 nulls last;
            select module_id, description, quantity, amount from invoice_lines where invoice_id = @id order by line limit @most
            """);
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("most", MostLines);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            return null;
        }

        var head = new InvoiceImport(
            reader.GetString(0), reader.GetString(1), reader.GetFieldValue<DateOnly>(2), reader.GetFieldValue<DateOnly>(3), reader.GetString(4), "");
        var (importedAt, importedBy, count) = (reader.GetFieldValue<DateTimeOffset>(5), reader.GetString(6), reader.GetInt64(7));
        await reader.NextResultAsync(cancellationToken);
        var modules = new List<ReconciledModule>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var (billed, booked) = (reader.GetDecimal(1), reader.GetDecimal(2));
            modules.Add(MeteredCosts.Plain(new ReconciledModule(reader.TextOrNull(0), billed, billed == booked ? null : billed - booked, booked)));
        }

        await reader.NextResultAsync(cancellationToken);
        var lines = new List<InvoiceLine>();
        while (await reader.ReadAsync(cancellationToken))
        {
            lines.Add(new InvoiceLine(
                reader.TextOrNull(0), reader.TextOrNull(1), reader.ValueOrNull<decimal>(2) is { } quantity ? Money.Plain(quantity) : null, Money.Plain(reader.GetDecimal(3))));
        }

        return new InvoiceDetail(
            ReconciledInvoice.Of(id, head, new InvoiceReconciliation(modules)), importedAt, importedBy, ImportInvoice.BookedAt(head.PeriodTo), modules, lines, count);
    }

    /// <summary>The newest two hundred.</summary>
    public async Task<InvoiceList> ListAsync(CancellationToken cancellationToken)
    {
        // What was booked is what the metering was off by; the rest of the bill had been metered.
        await using var command = database.CreateCommand(
            """
            select i.id, i.provider, i.number, i.period_from, i.period_to, i.currency, i.amount, coalesce(b.booked, 0)
            from invoices i left join lateral (
                select sum(e.billed_cost) as booked from cost_events e
                where e.invoice_id = i.id and e.at = i.period_to::timestamp at time zone 'UTC' - interval '1 ms'
            ) b on true
            order by i.imported_at desc limit 200
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var items = new List<ReconciledInvoice>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var (billed, booked) = (reader.GetDecimal(6), reader.GetDecimal(7));
            var metered = billed == booked ? (decimal?)null : billed - booked;
            items.Add(new ReconciledInvoice(
                reader.GetGuid(0), reader.GetString(1), reader.GetString(2), reader.GetFieldValue<DateOnly>(3), reader.GetFieldValue<DateOnly>(4), reader.GetString(5),
                Money.Plain(billed), metered is { } known ? Money.Plain(known) : null, Money.Plain(booked), InvoiceReconciliation.ErrorOf(billed, metered)));
        }

        return new InvoiceList(items, [.. items.GroupBy(i => (i.Provider, i.Currency)).Select(ErrorOf)]);
    }

    private static ProviderError ErrorOf(IGrouping<(string Provider, string Currency), ReconciledInvoice> invoices)
    {
        var billed = invoices.Sum(i => i.Billed);
        var metered = invoices.All(i => i.Metered is null) ? (decimal?)null : invoices.Sum(i => i.Metered ?? 0);
        return new ProviderError(invoices.Key.Provider, invoices.Key.Currency, invoices.Count(), billed, metered, InvoiceReconciliation.ErrorOf(billed, metered));
    }
}
