using System.Globalization;

namespace ControlCenter.E2E;

/// <summary>The processes of agents, found as only the machine knows them: by their environment, however they were cut loose.</summary>
internal static class AgentProcesses
{
    /// <summary>Every process of an agent of a host's.</summary>
    /// <param name="home">The host's data folder.</param>
    /// <param name="runtime">Of this runtime only; null for all.</param>
    public static List<int> Of(string home, string runtime = "") =>
        [.. Directory.EnumerateDirectories("/proc").Select(p => int.TryParse(Path.GetFileName(p), out var pid) ? pid : 0).Where(pid =>
            pid > 0 && EnvironmentOf(pid) is var environment && environment.Contains(home, StringComparison.Ordinal)
            && environment.Contains($"CC_RUNTIME_ID={runtime}", StringComparison.Ordinal))];

    /// <summary>Whether one of a runtime's processes is of this program.</summary>
    public static bool AreOf(string home, string runtime, string program) => Of(home, runtime).Exists(pid => Read(pid, "comm").TrimEnd() == program);

    /// <summary>A variable as a process has it.</summary>
    public static string Variable(int pid, string name) =>
        EnvironmentOf(pid).Split('\0').First(v => v.StartsWith($"{name}=", StringComparison.Ordinal))[(name.Length + 1)..];

    /// <summary>Kill -9.</summary>
    public static void Kill(int pid)
    {
        using var kill = System.Diagnostics.Process.Start("/bin/kill", ["-KILL", pid.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    private static string EnvironmentOf(int pid) => Read(pid, "environ");

    private static string Read(int pid, string what)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/{what}");
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
