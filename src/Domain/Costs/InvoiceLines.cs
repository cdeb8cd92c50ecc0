using System.Globalization;
using ControlCenter.Domain.Problems;

namespace ControlCenter.Domain.Costs;

/// <summary>A line of a provider's invoice.</summary>
/// <param name="ModuleId">Which module it bills; null for what is of none.</param>
/// <param name="Description">In the provider's words.</param>
/// <param name="Quantity">How much was used.</param>
/// <param name="Amount">What it costs; below zero for a credit.</param>
public sealed record InvoiceLine(string? ModuleId, string? Description, decimal? Quantity, decimal Amount);

/// <summary>Reads invoices: CSV with a heading; <c>amount</c> must be there, <c>module_id</c>, <c>description</c> and <c>quantity</c> may.</summary>
public static class InvoiceLines
{
    private const int MostLines = 10_000;

    private static readonly string[] Known = ["module_id", "description", "quantity", "amount"];

    /// <summary>The lines.</summary>
    /// <exception cref="ValidationException">It is not such a table; the message names the row and what it has.</exception>
    public static IReadOnlyList<InvoiceLine> Parse(string csv)
    {
        IReadOnlyList<string[]> rows;
        try
        {
            rows = CsvTable.Parse(csv.TrimStart('\uFEFF'));
        }
        catch (FormatException fault)
        {
            throw Refused(fault.Message);
        }

        if (rows.Count is < 2 or > MostLines)
        {
            throw Refused($"A heading and between 1 and {MostLines - 1} lines; {Math.Max(0, rows.Count - 1)} lines were given.");
        }

        var heading = Array.ConvertAll(rows[0], h => h.Trim().ToLowerInvariant());
        if (heading.FirstOrDefault(h => !Known.Contains(h)) is { } unknown)
        {
            throw Refused($"There is no column '{unknown}'; the columns are {string.Join(", ", Known)}.");
        }

        if (!heading.Contains("amount"))
        {
            throw Refused("The column 'amount' is missing.");
        }

        return [.. rows.Skip(1).Select((row, i) => LineOf(heading, row, i + 2))];
    }

    private static InvoiceLine LineOf(string[] heading, string[] row, int number)
    {
        if (row.Length != heading.Length)
        {
            throw Refused($"Row {number} has {row.Length} fields, and the heading {heading.Length}.");
        }

        return new InvoiceLine(
            Text("module_id"), Text("description"), NumberIn("quantity"), NumberIn("amount") ?? throw Refused($"Row {number} has no amount."));

        string? Text(string column) => Array.IndexOf(heading, column) is var place and >= 0 && row[place].Trim() is { Length: > 0 } text ? text : null;

        decimal? NumberIn(string column) =>
            Text(column) is not { } text ? null
            : decimal.TryParse(text, NumberStyles.Number & ~NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out var parsed) && Math.Abs(parsed) < 1_000_000_000_000m ? parsed
            : throw Refused($"Row {number}: '{text}' is not a number for {column} (1234.56).");
    }

    private static ValidationException Refused(string message) => new("csv", message);
}
