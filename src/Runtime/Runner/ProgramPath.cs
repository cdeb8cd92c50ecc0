using ControlCenter.Runtime.Runner.Adapters;

namespace ControlCenter.Runtime.Runner;

/// <summary>Finds a program as a shell would, so that one that is not there is told as such and not as an exit code.</summary>
internal static class ProgramPath
{
    private const UnixFileMode Executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>The command with its program's full path.</summary>
    /// <exception cref="LaunchException">There is no such program on this host.</exception>
    public static IReadOnlyList<string> Resolve(IReadOnlyList<string> command, string workingFolder, string path)
    {
        if (command is not [{ Length: > 0 } program, ..])
        {
            throw new LaunchException("There is no command to start.");
        }

        var arguments = command.Skip(1);
        if (program.Contains('/', StringComparison.Ordinal))
        {
            var full = Path.GetFullPath(program, workingFolder);
            return IsProgram(full) ? [full, .. arguments] : throw new LaunchException($"The program {full} is not there, or cannot be executed, on this host.");
        }

        return path.Split(':', StringSplitOptions.RemoveEmptyEntries).Select(folder => Path.Combine(folder, program)).FirstOrDefault(IsProgram) is { } found
            ? [found, .. arguments]
            : throw new LaunchException($"The program '{program}' is not on this host's PATH ({path}).");
    }

    private static bool IsProgram(string file) => File.Exists(file) && (File.GetUnixFileMode(file) & Executable) != 0;
}
