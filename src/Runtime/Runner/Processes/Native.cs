using System.Runtime.InteropServices;

namespace ControlCenter.Runtime.Runner.Processes;

/// <summary>The system calls that .NET has no words for. Numbers and constants are Linux's, the same on x64 and arm64.</summary>
internal static partial class Native
{
    internal const int ReadOnly = 0;
    internal const int ReadWrite = 2;
    internal const int NonBlocking = 0x800;
    internal const int CloseOnExec = 0x80000;

    internal const short PollIn = 0x1;
    internal const short PollOut = 0x4;
    internal const short PollHangUp = 0x10;

    internal const int Interrupted = 4;
    internal const int WouldBlock = 11;
    internal const int AlreadyThere = 17;
    internal const int NotImplemented = 38;

    private const long PidFdSendSignal = 424;
    private const long PidFdOpen = 434;
    private const int SetPipeSize = 1031;

    [StructLayout(LayoutKind.Sequential)]
    internal struct PollEntry
    {
        internal int Descriptor;
        internal short Wanted;
        internal short Seen;
    }

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    internal static partial int Poll([In, Out] PollEntry[] entries, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    internal static partial nint Read(int descriptor, Span<byte> buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    internal static partial nint Write(int descriptor, ReadOnlySpan<byte> buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    internal static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    internal static partial int Kill(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "mkfifo", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int MakeFifo(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long SystemCall(long number, long first, long second, long third, long fourth);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int FileControl(int descriptor, int command, long argument);

    /// <summary>A descriptor that names a process for good, also when its number is used again (pidfd_open(2)); -1 and an error otherwise.</summary>
    internal static int OpenProcess(int pid) => (int)SystemCall(PidFdOpen, pid, 0, 0, 0);

    /// <summary>Sends a signal to the process behind a descriptor (pidfd_send_signal(2)).</summary>
    internal static int SignalProcess(int descriptor, int signal) => (int)SystemCall(PidFdSendSignal, descriptor, signal, 0, 0);

    /// <summary>Asks for a larger pipe; where the machine does not give one, it stays as it was (fcntl(2), F_SETPIPE_SZ).</summary>
    internal static void GrowPipe(int descriptor, int bytes) => FileControl(descriptor, SetPipeSize, bytes);
}
