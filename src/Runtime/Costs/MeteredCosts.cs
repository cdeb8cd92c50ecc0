using ControlCenter.Domain.Costs;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>What was metered of what an invoice bills.</summary>
internal static class MeteredCosts
{
    /// <summary>By module, of the same provider, time and currency; of no module under the empty name.</summary>
    public static async Task<Dictionary<string, decimal>> FindAsync(NpgsqlConnection connection, InvoiceImport invoice, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select coalesce(module_id, ''), sum(coalesce(billed_cost, estimated_cost)) from cost_events
            where provider = @provider and currency = @currency and at >= @from and at < @to and coalesce(billed_cost, estimated_cost) is not null group by 1
            """,
            connection);
        command.Parameters.AddWithValue("provider", invoice.Provider);
        command.Parameters.AddWithValue("currency", invoice.Currency);
        command.Parameters.AddWithValue("from", invoice.PeriodFrom.ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc));
        command.Parameters.AddWithValue("to", invoice.PeriodTo.ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var metered = new Dictionary<string, decimal>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellationToken))
        {
            metered[reader.GetString(0)] = reader.GetDecimal(1);
        }

        return metered;
    }

    /// <summary>The same row, its amounts without zeros at their end.</summary>
    public static ReconciledModule Plain(ReconciledModule module) =>
        new(module.ModuleId, Money.Plain(module.Billed), module.Metered is { } metered ? Money.Plain(metered) : null, Money.Plain(module.Difference));
}
