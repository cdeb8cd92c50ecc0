using System.Globalization;
using ControlCenter.Runtime.Runner.Output;
using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Runtime.Runner;

/// <summary>Says whether a runtime uses more than its definition allows.</summary>
internal static class RunLimits
{
    // Programs that know the limit too give a call up by themselves when it is reached, and go on: what ends all of it comes after that.
    private const double Leeway = 1.1;

    /// <summary>What it exceeds, as a sentence, and whether it is too dangerous to be asked to end; null where nothing.</summary>
    public static (string Reason, bool AtOnce)? Exceeded(RuntimeState state, ProcessTree tree, AgentProgress progress, RunnerOptions options, long diskBytes)
    {
        var limits = state.Limits;
        var reading = progress.Reading;
        if (limits.MemoryMb is { } memory && tree.ResidentBytes > (long)memory << 20)
        {
            return ($"It used {tree.ResidentBytes >> 20:N0} MB of memory; its limit is {memory:N0} MB.", true);
        }

        if (limits.DiskMb is { } disk && diskBytes > (long)disk << 20)
        {
            return ($"It has {diskBytes >> 20:N0} MB in its workspace; its limit is {disk:N0} MB.", false);
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

        return state.Paused ? null
            : IsTooLong(progress.LongestCall, limits.ToolCallSeconds) is { } tool ? ($"A call of the tool {tool} took longer than {limits.ToolCallSeconds:N0} s.", false)
            : IsTooLong(progress.LongestCommand, limits.CommandSeconds) is not null ? ($"A command that it ran took longer than {limits.CommandSeconds:N0} s.", false)
            : null;
    }

    private static string? IsTooLong((string Tool, TimeSpan Elapsed)? call, int seconds) =>
        call is var (tool, elapsed) && elapsed.TotalSeconds > seconds * Leeway ? tool : null;

    /// <summary>Whether its memory is so near to its limit that it is looked at more often: what grows, grows by hundreds of megabytes a second.</summary>
    public static bool IsNear(RuntimeState state, ProcessTree tree) => state.Limits.MemoryMb is { } memory && tree.ResidentBytes > (long)memory << 19;

    // By the machine's own clock since its boot, by which the start is known: right also after a restart of the runner.
    private static double AgeOf(ProcessIdentity process) =>
        double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture) - ((double)process.StartTicks / ProcessTable.TicksPerSecond);
}
