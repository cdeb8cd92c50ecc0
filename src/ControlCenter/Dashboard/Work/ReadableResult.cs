using System.Text.Json;

namespace ControlCenter.Dashboard.Work;

/// <summary>What an agent handed in, sorted by how it can be read: words and numbers as facts, lists of alike things as tables, the rest as JSON.</summary>
/// <param name="Text">All of it, if it is but a text.</param>
/// <param name="Facts">Names with a single value.</param>
/// <param name="Tables">Lists of things with the same few names.</param>
/// <param name="Rest">What is neither.</param>
public sealed record ReadableResult(
    string? Text, IReadOnlyList<(string Name, string Value)> Facts, IReadOnlyList<ResultTable> Tables, IReadOnlyList<(string Name, JsonElement Value)> Rest)
{
    private const int MostColumns = 8;

    /// <summary>Sorts a result.</summary>
    public static ReadableResult Of(JsonElement result)
    {
        if (result.ValueKind != JsonValueKind.Object)
        {
            return TableOf("", result) is { } table ? new ReadableResult(null, [], [table], [])
                : Scalar(result) is { } text ? new ReadableResult(text, [], [], [])
                : new ReadableResult(null, [], [], [("", result)]);
        }

        var facts = new List<(string, string)>();
        var tables = new List<ResultTable>();
        var rest = new List<(string, JsonElement)>();
        foreach (var property in result.EnumerateObject())
        {
            var name = property.Name.Replace('_', ' ');
            if (Scalar(property.Value) is { } value)
            {
                facts.Add((name, value));
            }
            else if (TableOf(name, property.Value) is { } table)
            {
                tables.Add(table);
            }
            else
            {
                rest.Add((name, property.Value));
            }
        }

        return new ReadableResult(null, facts, tables, rest);
    }

    private static string? Scalar(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number => value.GetRawText(),
        JsonValueKind.True => "yes",
        JsonValueKind.False => "no",
        JsonValueKind.Null => "none",
        JsonValueKind.Array when value.GetArrayLength() == 0 => "none",
        _ => null,
    };

    private static ResultTable? TableOf(string name, JsonElement list)
    {
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0)
        {
            return null;
        }

        var items = list.EnumerateArray().ToList();
        if (items.TrueForAll(i => Scalar(i) is not null))
        {
            return new ResultTable(name, [], [.. items.Take(ResultTable.MostRows).Select(i => new[] { Scalar(i)! })], items.Count);
        }

        if (!items.TrueForAll(i => i.ValueKind == JsonValueKind.Object && i.EnumerateObject().All(p => Cell(p.Value) is not null)))
        {
            return null;
        }

        var columns = items.SelectMany(i => i.EnumerateObject().Select(p => p.Name)).Distinct(StringComparer.Ordinal).ToArray();
        return columns.Length > MostColumns ? null : new ResultTable(
            name,
            [.. columns.Select(c => c.Replace('_', ' '))],
            [.. items.Take(ResultTable.MostRows).Select(i => columns.Select(c => i.TryGetProperty(c, out var value) ? Cell(value)! : "").ToArray())],
            items.Count);
    }

    // In a cell a short list of plain values can still be read.
    private static string? Cell(JsonElement value) =>
        Scalar(value) ?? (value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(v => Scalar(v) is not null)
            ? string.Join("\n", value.EnumerateArray().Select(Scalar))
            : null);
}

/// <summary>A list of alike things.</summary>
/// <param name="Name">What the result calls it.</param>
/// <param name="Columns">Their names; none for a list of plain values.</param>
/// <param name="Rows">Their values.</param>
/// <param name="Total">How many there are, shown or not.</param>
public sealed record ResultTable(string Name, string[] Columns, IReadOnlyList<string[]> Rows, int Total)
{
    /// <summary>The most rows that are shown; all of them are in the JSON below.</summary>
    public const int MostRows = 100;
}
