using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace ControlCenter.Runtime.Runner.Processes;

/// <summary>The shell that stands between the runner and an agent, so that neither its output nor its exit code depends on the runner's life.</summary>
internal static class Shim
{
    /// <remarks>
    /// The pipes are opened for reading and writing, so that nobody's death on the other side is seen on this one. A trapped signal
    /// leaves the shell waiting for its program, and is the program's own again. Afterwards it holds itself still, because the pipe
    /// keeps what is in it only as long as somebody holds it: whoever has read it to the end kills the shell. The kernel, when it is
    /// short of memory, takes agents before the bus and its database. Where the program has a terminal, script(1) holds it, so that it too
    /// outlives the runner; what is typed is not shown by the terminal, because the transcript has it already. Ctrl-C is heard there also where the
    /// host was started in the background of a script, which has all that comes of it ignore the signal, and no shell may change that.
    /// </remarks>
    private const string Script =
        """
        # Written by Control Center at each start of its runner.
        folder=$1 bell=$2 input=$3
        shift 3
        exec 0<>"$folder/in" 1<>"$folder/out" 2<>"$folder/err"
        { echo 500 >/proc/self/oom_score_adj; } 2>/dev/null
        ulimit -c 0
        trap : TERM INT HUP QUIT
        case $input in
          none) "$@" </dev/null ;;
          terminal) SHELL=/bin/sh CC_TERMINAL="$folder/terminal" env --default-signal=INT,QUIT script --quiet --flush --return --echo never --command '. "$CC_TERMINAL"' /dev/null ;;
          *) "$@" ;;
        esac
        code=$?
        echo "$code" >"$folder/exit.tmp" && mv "$folder/exit.tmp" "$folder/exit"
        echo 1<>"$bell"
        while :; do kill -STOP $$; done

        """;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Writes the script into the runner's folder. Shells that run an older one keep theirs.</summary>
    public static void Write(string path)
    {
        File.WriteAllText(path + ".tmp", Script);
        File.Move(path + ".tmp", path, overwrite: true);
    }

    /// <summary>Makes a pipe with a name, readable by the owner only; one that is there is kept.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    public static void MakePipe(string path)
    {
        if (Native.MakeFifo(path, (uint)OwnerOnly) != 0 && Marshal.GetLastPInvokeError() is var error && error != Native.AlreadyThere)
        {
            throw new IOException($"The pipe {path} cannot be made: {Marshal.GetPInvokeErrorMessage(error)}");
        }
    }

    /// <summary>Starts a program in a session of its own.</summary>
    /// <param name="script">The script's path.</param>
    /// <param name="folder">The runtime's folder, with its pipes.</param>
    /// <param name="bell">Rung when the program has ended.</param>
    /// <param name="command">Program and arguments.</param>
    /// <param name="workingFolder">Where it works.</param>
    /// <param name="environment">All that it finds in its environment.</param>
    /// <param name="input">What its standard input is.</param>
    /// <exception cref="Win32Exception">The machine has no more processes, or no such folder.</exception>
    public static (Process Process, ProcessIdentity Identity) Start(
        string script, string folder, string bell, IReadOnlyList<string> command, string workingFolder, IReadOnlyDictionary<string, string> environment, ShimInput input)
    {
        var info = new ProcessStartInfo("/usr/bin/setsid") { UseShellExecute = false, WorkingDirectory = workingFolder };
        foreach (var argument in (string[])["/bin/sh", script, folder, bell, input.ToString().ToLowerInvariant(), .. command])
        {
            info.ArgumentList.Add(argument);
        }

        info.Environment.Clear();
        foreach (var (name, value) in environment)
        {
            info.Environment[name] = value;
        }

        var process = Process.Start(info)!;

        // Not buried before it is asked how it ended, so its number is its own here.
        return ProcessIdentity.Of(process.Id) is { } identity
            ? (process, identity)
            : throw new Win32Exception($"The process {process.Id} was gone before it was seen.");
    }

    /// <summary>The exit code that the shell wrote; null while there is none.</summary>
    public static int? ExitCodeIn(string folder)
    {
        // Put there whole by a rename. None: it runs, or was killed before it could write.
        var path = Path.Combine(folder, "exit");
        return File.Exists(path) && int.TryParse(File.ReadAllText(path).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var code) ? code : null;
    }
}

/// <summary>What an agent's standard input is.</summary>
internal enum ShimInput
{
    /// <summary>At its end from the start.</summary>
    None,

    /// <summary>A pipe.</summary>
    Pipe,

    /// <summary>A terminal, which is its output too.</summary>
    Terminal,
}
