using System.Text;

namespace ControlCenter.Domain.Costs;

/// <summary>Comma-separated values as RFC 4180 has them: quoted fields may hold commas, quotes and line ends.</summary>
public static class CsvTable
{
    /// <summary>The rows; empty lines are none.</summary>
    /// <exception cref="FormatException">A quoted field has no end.</exception>
    public static IReadOnlyList<string[]> Parse(string text)
    {
        var rows = new List<string[]>();
        var fields = new List<string>();
        var field = new StringBuilder();
        var (quoted, any) = (false, false);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (quoted)
            {
                if (c != '"')
                {
                    field.Append(c);
                }
                else if (i + 1 < text.Length && text[i + 1] == '"')
                {
                    field.Append('"');
                    i++;
                }
                else
                {
                    quoted = false;
                }
            }
            else if (c == '"' && field.Length == 0)
            {
                (quoted, any) = (true, true);
            }
            else if (c == ',')
            {
                EndField();
                any = true;
            }
            else if (c is '\n' or '\r')
            {
                EndRow();
            }
            else
            {
                field.Append(c);
                any = true;
            }
        }

        if (quoted)
        {
            throw new FormatException($"Row {rows.Count + 1}: a quoted field has no end.");
        }

        EndRow();
        return rows;

        void EndField()
        {
            fields.Add(field.ToString());
            field.Clear();
        }

        void EndRow()
        {
            if (any)
            {
                EndField();
                rows.Add([.. fields]);
            }

            fields.Clear();
            any = false;
        }
    }

    /// <summary>One row, with its line end. A text that a spreadsheet would take for a formula is written as text.</summary>
    public static string Row(params ReadOnlySpan<string?> fields)
    {
        var row = new StringBuilder();
        for (var i = 0; i < fields.Length; i++)
        {
            row.Append(i == 0 ? "" : ",").Append(Field(fields[i] ?? ""));
        }

        return row.Append("\r\n").ToString();
    }

    private static string Field(string text)
    {
        var safe = text.Length > 0 && text[0] is '=' or '+' or '@' or '\t' || (text.StartsWith('-') && !decimal.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out _)) ? "'" + text : text;
        return safe.AsSpan().IndexOfAny(",\"\r\n") < 0 ? safe : $"\"{safe.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }
}
