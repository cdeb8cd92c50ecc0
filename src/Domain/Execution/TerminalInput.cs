using System.Text;

namespace ControlCenter.Domain.Execution;

/// <summary>A key of a terminal that is not a letter.</summary>
public enum TerminalKey
{
    /// <summary>Ends a line.</summary>
    Enter,

    /// <summary>Interrupts what runs in the foreground.</summary>
    CtrlC,

    /// <summary>Says at the beginning of a line that nothing more comes.</summary>
    CtrlD,

    /// <summary>Completes, in programs that do.</summary>
    Tab,

    /// <summary>Escape.</summary>
    Escape,

    /// <summary>Arrow up.</summary>
    Up,

    /// <summary>Arrow down.</summary>
    Down,
}

/// <summary>What may be typed into a program, and what of it the program reads (AR-05).</summary>
public static class TerminalInput
{
    /// <summary>The most bytes of text: with the line's end they are the 4 KiB that Linux takes as one line of a terminal; it drops what is beyond.</summary>
    public const int MostBytes = 4095;

    /// <summary>Columns of a terminal: as wide as a terminal of our pages is on a laptop.</summary>
    public const int Columns = 120;

    /// <summary>Its rows.</summary>
    public const int Rows = 40;

    /// <summary>Whether an agent's program reads plain lines. The other adapters' programs speak JSON of their own over theirs.</summary>
    public static bool IsTakenBy(AgentDefinition definition)
    {
        ArgumentNullException.ThrowIfNull(definition);
        return definition.Adapter == "process";
    }

    /// <summary>What is wrong with a text; null for a good one.</summary>
    public static string? TextProblem(string? text) =>
        text is null ? null
        : Encoding.UTF8.GetByteCount(text) is var bytes && bytes > MostBytes ? $"At the most {MostBytes} bytes as UTF-8; {bytes} were given."
        : text.Any(c => char.IsControl(c) && c != '\t') || text.Any(char.IsSurrogate) && !IsWhole(text) ? "One line of text without control characters; keys are sent by their names."
        : null;

    /// <summary>What is wrong with a key; null for a good one.</summary>
    /// <param name="text">The text before it.</param>
    /// <param name="key">The key; null for Enter after a text.</param>
    /// <param name="hasTerminal">Whether the program has a terminal; over a pipe a key is nothing but a byte that nobody expects.</param>
    public static string? KeyProblem(string? text, TerminalKey? key, bool hasTerminal) =>
        text is null && key is null ? "A text, a key, or both."
        : key is null or TerminalKey.Enter || hasTerminal ? null
        : "This agent has no terminal (terminal: true in its definition), so it takes lines only.";

    /// <summary>What the program reads.</summary>
    public static byte[] Bytes(string? text, TerminalKey? key, bool hasTerminal) => Encoding.UTF8.GetBytes((text ?? "") + (key ?? TerminalKey.Enter) switch
    {
        // What a keyboard sends; a terminal makes it a line's end unless its program wants it as it is.
        TerminalKey.Enter => hasTerminal ? "\r" : "\n",
        TerminalKey.CtrlC => "\u0003",
        TerminalKey.CtrlD => "\u0004",
        TerminalKey.Tab => "\t",
        TerminalKey.Escape => "\u001b",
        TerminalKey.Up => "\u001b[A",
        _ => "\u001b[B",
    });

    /// <summary>As it stands in the transcript.</summary>
    public static string Shown(string? text, TerminalKey? key) => key switch
    {
        null or TerminalKey.Enter => string.IsNullOrEmpty(text) ? "[Enter]" : text,
        { } pressed => $"{text}[{NameOf(pressed)}]",
    };

    /// <summary>A key's name for people.</summary>
    public static string NameOf(TerminalKey key) => key switch
    {
        TerminalKey.CtrlC => "Ctrl-C",
        TerminalKey.CtrlD => "Ctrl-D",
        TerminalKey.Escape => "Esc",
        _ => key.ToString(),
    };

    private static bool IsWhole(string text)
    {
        for (var at = 0; at < text.Length; at++)
        {
            if (!char.IsSurrogate(text[at]))
            {
                continue;
            }

            if (at + 1 == text.Length || !char.IsSurrogatePair(text[at], text[at + 1]))
            {
                return false;
            }

            at++;
        }

        return true;
    }
}
