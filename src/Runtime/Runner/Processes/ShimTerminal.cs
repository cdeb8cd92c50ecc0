using System.Globalization;
using ControlCenter.Domain.Execution;

namespace ControlCenter.Runtime.Runner.Processes;

/// <summary>What is run in a terminal: a script, because script(1) takes a command as a text for a shell.</summary>
internal static class ShimTerminal
{
    /// <summary>What kind of terminal a program finds unless its definition says: one that shows lines, and moves no cursor.</summary>
    public const string Kind = "dumb";

    /// <summary>Writes it. The shell stays before the program, as the one outside does: a trapped signal leaves it waiting, and is the program's own again.</summary>
    /// <param name="command">Program and arguments.</param>
    /// <param name="environment">What the program finds in its environment.</param>
    public static string Script(IReadOnlyList<string> command, IReadOnlyDictionary<string, string> environment) => string.Create(
        CultureInfo.InvariantCulture,
        $"""
        unset CC_TERMINAL
        {(environment.TryGetValue("SHELL", out var shell) ? $"export SHELL={Quoted(shell)}" : "unset SHELL")}
        stty rows {TerminalInput.Rows} cols {TerminalInput.Columns} 2>/dev/null
        trap : TERM INT HUP QUIT
        {string.Join(' ', command.Select(Quoted))}

        """);

    private static string Quoted(string word) => $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
