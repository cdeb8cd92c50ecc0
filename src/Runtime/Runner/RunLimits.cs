using System.Globalization;
using ControlCenter.Runtime.Runner.Output;
using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Runtime.Runner;

/// <summary>Says whether a runtime uses more than its definition allows.</summary>
internal static class RunLimits
{
    /// <summary>What it exceeds, as a sentence, and whether it is too dangerous to be asked to end; null where nothing.</summary>
    public static (string Reason, bool AtOnce)? Exceeded(RuntimeState state, ProcessTree tree, AgentProgress progress, RunnerOptions options)
    {
        var limits = state.Limits;
        var reading = progress.Reading;
        if (limits.MemoryMb is { } memory && tree.ResidentBytes > (long)memory << 20)
        {
            return ($"It used {tree.ResidentBytes >> 20:N0} MB of memory; its limit is {memory:N0} MB.", true);
        }

        if (tree.Living.Count > options.MostProcesses)
        {
            return ($"It had {tree.Living.Count:N0} processes; a runtime may have {options.MostProcesses:N0}.", true);
        }

        if (limits.WallSeconds is { } wall && state.Process is { } process && AgeOf(process) > wall)
        {
            return ($"It ran for longer than {wall:N0} s.", false);
        }

        if (reading.Turns > limits.Iterations)
        {
            return ($"It began a turn after the {limits.Iterations:N0} that it may take.", false);
        }

        if (limits.Tokens is { } tokens && reading.Tokens > tokens)
        {
            return ($"It used {reading.Tokens:N0} tokens; its limit is {tokens:N0}.", false);
        }

        return !state.Paused && progress.LongestCall is var (tool, elapsed) && elapsed.TotalSeconds > limits.ToolCallSeconds
            ? ($"A call of the tool {tool} took longer than {limits.ToolCallSeconds:N0} s.", false)
            : null;
    }

    /// <summary>Whether its memory is so near to its limit that it is looked at more often: what grows, grows by hundreds of megabytes a second.</summary>
    public static bool IsNear(RuntimeState state, ProcessTree tree) => state.Limits.MemoryMb is { } memory && tree.ResidentBytes > (long)memory << 19;

    // By the machine's own clock since its boot, by which the start is known: right also after a restart of the runner.
    private static double AgeOf(ProcessIdentity process) =>
        double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture) - ((double)process.StartTicks / ProcessTable.TicksPerSecond);
}
