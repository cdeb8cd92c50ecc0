using System.Globalization;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;

namespace ControlCenter.Domain.Costs;

/// <summary>A line of a provider's invoice.</summary>
/// <param name="ModuleId">Which module it bills; null for what is of none.</param>
/// <param name="Description">In the provider's words.</param>
/// <param name="Quantity">How much was used.</param>
/// <param name="Amount">What it costs; below zero for a credit.</param>
public sealed record InvoiceLine(string? ModuleId, string? Description, decimal? Quantity, decimal Amount);

/// <summary>What was read of an invoice.</summary>
/// <param name="Lines">The lines that are as they must be.</param>
/// <param name="Problems">What is wrong, the row named, in the order of the rows; the first <see cref="InvoiceLines.MostProblems"/> of it. None: the lines are the invoice.</param>
public sealed record InvoiceReading(IReadOnlyList<InvoiceLine> Lines, IReadOnlyList<string> Problems);

/// <summary>Reads invoices: CSV with a heading; <c>amount</c> must be there, <c>module_id</c>, <c>description</c> and <c>quantity</c> may.</summary>
public static class InvoiceLines
{
    /// <summary>How much of what is wrong is said: who has read as much corrects the file and tries again.</summary>
    public const int MostProblems = 20;

    private const int MostLines = 10_000;

    private static readonly string[] Known = ["module_id", "description", "quantity", "amount"];

    /// <summary>The lines.</summary>
    /// <exception cref="ValidationException">It is not such a table; the messages name the rows and what they have.</exception>
    public static IReadOnlyList<InvoiceLine> Parse(string csv)
    {
        var reading = Read(csv);
        return reading.Problems.Count == 0 ? reading.Lines : throw new ValidationException(new Dictionary<string, string[]>(StringComparer.Ordinal) { ["csv"] = [.. reading.Problems] });
    }

    /// <summary>The lines, and all that is wrong with it.</summary>
    public static InvoiceReading Read(string csv)
    {
        IReadOnlyList<string[]> rows;
        try
        {
            rows = CsvTable.Parse(csv.TrimStart('\uFEFF'));
        }
        catch (FormatException fault)
        {
            return new InvoiceReading([], [fault.Message]);
        }

        if (rows.Count is < 2 or > MostLines)
        {
            return new InvoiceReading([], [$"A heading and between 1 and {MostLines} lines; {Math.Max(0, rows.Count - 1)} lines were given."]);
        }

        var heading = Array.ConvertAll(rows[0], h => h.Trim().ToLowerInvariant());
        if (ProblemOf(heading) is { } problem)
        {
            return new InvoiceReading([], [problem]);
        }

        var lines = new List<InvoiceLine>(rows.Count - 1);
        var problems = new List<string>();
        for (var i = 1; i < rows.Count && problems.Count < MostProblems; i++)
        {
            try
            {
                lines.Add(LineOf(heading, rows[i], i + 1));
            }
            catch (FormatException fault)
            {
                problems.Add(fault.Message);
            }
        }

        return new InvoiceReading(lines, problems);
    }

    private static string? ProblemOf(string[] heading) =>
        heading.FirstOrDefault(h => !Known.Contains(h)) is { } unknown ? $"There is no column '{unknown}'; the columns are {string.Join(", ", Known)}."
        : heading.FirstOrDefault(h => heading.Count(other => other == h) > 1) is { } twice ? $"The column '{twice}' stands twice."
        : heading.Contains("amount") ? null : "The column 'amount' is missing.";

    private static InvoiceLine LineOf(string[] heading, string[] row, int number)
    {
        if (row.Length != heading.Length)
        {
            throw new FormatException($"Row {number} has {row.Length} fields, and the heading {heading.Length}.");
        }

        return new InvoiceLine(
            Text("module_id"), Text("description"), NumberIn("quantity"), NumberIn("amount") ?? throw new FormatException($"Row {number} has no amount."));

        string? Text(string column)
        {
            var text = Array.IndexOf(heading, column) is var place and >= 0 ? row[place].Trim() : "";
            return text.Length == 0 ? null : TextRules.OptionalLongText(text) is { } problem ? throw new FormatException($"Row {number}, {column}: {problem}") : text;
        }

        decimal? NumberIn(string column) =>
            Text(column) is not { } text ? null
            : decimal.TryParse(text, NumberStyles.Number & ~NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out var parsed) && Math.Abs(parsed) < 1_000_000_000_000m ? parsed
            : throw new FormatException($"Row {number}: '{text}' is not a number for {column} (1234.56).");
    }
}
