using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>What an import would do.</summary>
/// <param name="Problems">What stands in its way, in the order of the rows; none: it can be imported.</param>
/// <param name="Lines">How many lines were read.</param>
/// <param name="Billed">What the lines come to that were read.</param>
/// <param name="Metered">What was counted before it came; null if nothing was, or if there are problems.</param>
/// <param name="Difference">What would be booked; null if there are problems.</param>
/// <param name="ErrorPercent">How far the metering was off.</param>
/// <param name="Modules">The same by module; none if there are problems.</param>
public sealed record InvoicePreview(
    IReadOnlyList<string> Problems, int Lines, decimal Billed, decimal? Metered, decimal? Difference, decimal? ErrorPercent, IReadOnlyList<ReconciledModule> Modules);

/// <summary>Says what an import would do, and does nothing.</summary>
public sealed class PreviewInvoice(NpgsqlDataSource database)
{
    /// <summary>Reads the invoice and sets it against what was metered.</summary>
    /// <exception cref="ValidationException">A field beside the table is not as it must be.</exception>
    public async Task<InvoicePreview> ExecuteAsync(InvoiceImport request, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageCosts);
        ImportInvoice.ErrorsOf(request).ThrowIfAny();
        var reading = InvoiceLines.Read(request.Csv);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var problems = reading.Problems.ToList();
        if (await IsImportedAsync(connection, request, cancellationToken))
        {
            problems.Insert(0, $"Invoice '{request.Number}' of {request.Provider} was imported before; what it brought into line stays so.");
        }

        if (problems.Count > 0)
        {
            return new InvoicePreview(problems, reading.Lines.Count, Money.Plain(reading.Lines.Sum(l => l.Amount)), null, null, null, []);
        }

        var reconciled = InvoiceReconciliation.Of(reading.Lines, await MeteredCosts.FindAsync(connection, request, cancellationToken));
        var total = ReconciledInvoice.Of(Guid.Empty, request, reconciled);
        return new InvoicePreview([], reading.Lines.Count, total.Billed, total.Metered, total.Difference, total.ErrorPercent, [.. reconciled.Modules.Select(MeteredCosts.Plain)]);
    }

    private static async Task<bool> IsImportedAsync(NpgsqlConnection connection, InvoiceImport request, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select exists (select from invoices where provider = @provider and number = @number)", connection);
        command.Parameters.AddWithValue("provider", request.Provider);
        command.Parameters.AddWithValue("number", request.Number);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
