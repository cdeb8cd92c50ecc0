using System.Text.RegularExpressions;

namespace ControlCenter.Dashboard.Runtimes;

/// <summary>A line of output where there is no terminal to show it: without colours and other control sequences.</summary>
internal static partial class TerminalText
{
    /// <summary>The plain text; what a carriage return has overwritten is left out.</summary>
    public static string Plain(string line)
    {
        var text = line.TrimEnd('\r');
        return Controls().Replace(text[(text.LastIndexOf('\r') + 1)..], "");
    }

    // CSI and OSC sequences, two-character escapes, and what is left of control characters (ECMA-48).
    [GeneratedRegex(@"\x1b\][^\x07\x1b]*(\x07|\x1b\\|$)|\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[@-Z=>]|[\x00-\x08\x0b-\x1f\x7f]", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Controls();
}
