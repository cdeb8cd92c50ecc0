using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ControlCenter.Dashboard.Components;

/// <summary>JSON as somebody reads it who is to decide about it: indented, and with nothing in it that the eye cannot see.</summary>
internal static class ReadableJson
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The value, indented.</summary>
    public static string Of(JsonElement value) => Visible(JsonSerializer.Serialize(value, Indented));

    /// <summary>The same text with every invisible character written as its escape: one that turns the reading direction would show another action than the one it is.</summary>
    public static string Visible(string json)
    {
        if (json.All(IsSeen))
        {
            return json;
        }

        var text = new StringBuilder(json.Length + 16);
        foreach (var c in json)
        {
            _ = IsSeen(c) ? text.Append(c) : text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }

        return text.ToString();
    }

    private static bool IsSeen(char c) =>
        c < 0x80 || char.GetUnicodeCategory(c) is not (UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Control);
}
