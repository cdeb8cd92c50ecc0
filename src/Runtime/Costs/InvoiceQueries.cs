using ControlCenter.Domain.Costs;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>How far the metering of a provider was off, over all of its invoices in a currency.</summary>
public sealed record ProviderError(string Provider, string Currency, int Invoices, decimal Billed, decimal? Metered, decimal? ErrorPercent);

/// <summary>Invoices, the newest first, and what they say of the metering.</summary>
public sealed record InvoiceList(IReadOnlyList<ReconciledInvoice> Items, IReadOnlyList<ProviderError> Providers);

/// <summary>Reads invoices beside what was metered.</summary>
public sealed class InvoiceQueries(NpgsqlDataSource database)
{
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
                Money.Plain(billed), metered is { } known ? Money.Plain(known) : null, Money.Plain(booked), ImportInvoice.ErrorOf(billed, metered)));
        }

        return new InvoiceList(items, [.. items.GroupBy(i => (i.Provider, i.Currency)).Select(ErrorOf)]);
    }

    private static ProviderError ErrorOf(IGrouping<(string Provider, string Currency), ReconciledInvoice> invoices)
    {
        var billed = invoices.Sum(i => i.Billed);
        var metered = invoices.All(i => i.Metered is null) ? (decimal?)null : invoices.Sum(i => i.Metered ?? 0);
        return new ProviderError(invoices.Key.Provider, invoices.Key.Currency, invoices.Count(), billed, metered, ImportInvoice.ErrorOf(billed, metered));
    }
}
