using System.Runtime.InteropServices;

namespace ControlCenter.Runtime.Runner.Processes;

/// <summary>Signals as this program uses them (signal(7)).</summary>
internal enum AgentSignal
{
    HangUp = 1,
    Kill = 9,
    Terminate = 15,
    Continue = 18,
    Hold = 19,
}

/// <summary>Sends signals to exactly the processes that are meant.</summary>
internal static class Signals
{
    /// <summary>Sends a signal; false where the process is gone, whoever may have its number now.</summary>
    /// <remarks>The descriptor is taken first and the start time read after it: what it names can then no longer change.</remarks>
    public static bool Send(ProcessIdentity process, AgentSignal signal)
    {
        var descriptor = Native.OpenProcess(process.Pid);
        if (descriptor < 0)
        {
            // A kernel before 5.3 has no such descriptors: a process that ends and whose number is taken within the next
            // microseconds is then not told apart.
            return Marshal.GetLastPInvokeError() == Native.NotImplemented && process.IsAlive && Native.Kill(process.Pid, (int)signal) == 0;
        }

        try
        {
            return ProcessTable.Find(process.Pid) is { } entry && entry.StartTicks == process.StartTicks && Native.SignalProcess(descriptor, (int)signal) == 0;
        }
        finally
        {
            _ = Native.Close(descriptor);
        }
    }
}
