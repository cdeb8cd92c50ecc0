using System.Text.Json;
using ControlCenter.Domain.Text;

namespace ControlCenter.Domain.Json;

/// <summary>What JSON of a caller's own may be.</summary>
public static class JsonRules
{
    /// <summary>JSON that PostgreSQL's <c>jsonb</c> can hold: no NUL, no lone surrogate, in names and texts. Answers with what is wrong, or null.</summary>
    public static string? Storable(JsonElement? value) =>
        value is { } json && json.ValueKind != JsonValueKind.Undefined && json.GetRawText().Contains("\\u", StringComparison.Ordinal) ? Check(json) : null;

    private static string? Check(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                return CheckText(value);
            case JsonValueKind.Array:
                return value.EnumerateArray().Select(Check).FirstOrDefault(problem => problem is not null);
            case JsonValueKind.Object:
                foreach (var property in value.EnumerateObject())
                {
                    if ((CheckName(property) ?? Check(property.Value)) is { } problem)
                    {
                        return problem;
                    }
                }

                return null;
            default:
                return null;
        }
    }

    private static string? CheckText(JsonElement value)
    {
        try
        {
            return TextRules.Storable(value.GetString());
        }
        catch (InvalidOperationException)
        {
            return "It is not valid Unicode: half of a surrogate pair stands alone.";
        }
    }

    private static string? CheckName(JsonProperty property)
    {
        try
        {
            return TextRules.Storable(property.Name);
        }
        catch (InvalidOperationException)
        {
            return "It is not valid Unicode: half of a surrogate pair stands alone.";
        }
    }
}
