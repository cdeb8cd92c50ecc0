using System.Text;

namespace ControlCenter.Dashboard.Components;

/// <summary>An agent's words as they are: a character that turns the reading direction is written out, so that no text reads as another.</summary>
internal static class PlainText
{
    /// <summary>The text, with embeddings, overrides and isolates of direction visible. All other writing systems stay as they are.</summary>
    public static string Of(string text)
    {
        if (!text.Any(TurnsDirection))
        {
            return text;
        }

        var plain = new StringBuilder(text.Length + 16);
        foreach (var c in text)
        {
            _ = TurnsDirection(c) ? plain.Append($"\\u{(int)c:x4}") : plain.Append(c);
        }

        return plain.ToString();
    }

    private static bool TurnsDirection(char c) => c is >= '\u202a' and <= '\u202e' or >= '\u2066' and <= '\u2069';
}
