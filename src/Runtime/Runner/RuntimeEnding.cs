using System.Diagnostics;
using ControlCenter.Domain.Execution;

namespace ControlCenter.Runtime.Runner;

/// <summary>Says how a runtime ended, from what was seen.</summary>
internal static class RuntimeEnding
{
    /// <summary>Whether that can be said already: whoever sees that the shell is gone may do so before this program was told how.</summary>
    /// <param name="state">What was asked of it.</param>
    /// <param name="exitCode">What its shell wrote.</param>
    /// <param name="child">Its shell, where this runner started it.</param>
    public static bool IsKnown(RuntimeState state, int? exitCode, Process? child) =>
        state.EndAs is not null || exitCode is not null || child is not { HasExited: false };

    /// <summary>As what it ended, and why in words.</summary>
    /// <param name="state">What was asked of it.</param>
    /// <param name="exitCode">What its shell wrote.</param>
    /// <param name="forced">Whether it had to be killed.</param>
    /// <param name="child">Its shell, where this runner started it.</param>
    public static (RuntimeEnd End, string Detail) Of(RuntimeState state, int? exitCode, bool forced, Process? child)
    {
        if (state.EndAs is { } asked)
        {
            return (asked == RuntimeEnd.Stopped && forced ? RuntimeEnd.Killed : asked, state.EndReason ?? "It was ended.");
        }

        // The shell itself was killed: what it stood for went with it, by somebody else's hand.
        var byOthers = exitCode is null && child is { HasExited: true } ? child.ExitCode : (int?)null;
        return (exitCode ?? byOthers) switch
        {
            0 => (RuntimeEnd.Exited, "It ended by itself."),
            > 128 and var code => (RuntimeEnd.Failed, byOthers is null ? $"It ended by signal {code - 128}." : $"Somebody else killed it (signal {code - 128})."),
            { } code => (RuntimeEnd.Failed, $"It ended by itself with code {code}."),
            null => (RuntimeEnd.Lost, "It was gone, and nobody saw how it ended."),
        };
    }
}
