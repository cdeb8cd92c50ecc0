namespace ControlCenter.Runtime.Runner.Output;

/// <summary>Makes a text that an agent has chosen one that the bus takes: short, and without control characters.</summary>
internal static class ShortText
{
    /// <summary>The text's beginning, with spaces in place of control characters.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="most">How many characters at the most.</param>
    public static string Of(string text, int most)
    {
        var length = Math.Min(text.Length, most);
        if (length > 0 && length < text.Length && char.IsHighSurrogate(text[length - 1]))
        {
            length--;
        }

        return string.Create(length, text, (kept, from) =>
        {
            for (var at = 0; at < kept.Length; at++)
            {
                kept[at] = char.IsControl(from[at]) ? ' ' : from[at];
            }
        });
    }
}
