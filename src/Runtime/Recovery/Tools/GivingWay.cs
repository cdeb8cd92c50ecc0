using System.Globalization;
using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Runtime.Recovery.Tools;

/// <summary>
/// Lets a program that is in no hurry give way: the more of the machine's processors others use, the less of the time it runs.
/// A scheduler's priority alone does not do that, for what fills the caches and the disk's queue in what is left over slows down what answers
/// agents all the same (bench/README.md, "Recovery").
/// </summary>
internal static class GivingWay
{
    // Short enough that no answer waits long behind one, long enough that holding it still costs nothing.
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(200);

    private const int SlicesALook = 5;

    // What a machine does by itself.
    private const double Quiet = 0.1;

    // It gets done also on a machine that is never quiet.
    private const double Least = 0.1;

    /// <summary>The share of the time that it may run, 0.1–1.</summary>
    /// <param name="others">How much of the processors others use, 0–1; what the server or a program of its own does for it counts with them.</param>
    internal static double Share(double others) => others <= Quiet ? 1 : Math.Max(Least, 1 - (2 * others));

    /// <summary>Holds it still for the rest of each moment, until it ends.</summary>
    /// <param name="pid">The program, which is this process's child.</param>
    /// <param name="waitedFor">Until then it is left alone; null where it need not be.</param>
    /// <param name="held">Is told each time for how long it was held still.</param>
    /// <param name="time">The clock.</param>
    /// <param name="ended">It has ended, or is to be ended: it runs when this returns.</param>
    public static async Task FollowAsync(int pid, Task? waitedFor, Action<TimeSpan> held, TimeProvider time, CancellationToken ended)
    {
        if (ProcessTable.Find(pid) is not { } program)
        {
            return;
        }

        try
        {
            await (waitedFor ?? Task.CompletedTask).WaitAsync(ended);
            var (all, others) = Ticks(ProcessTable.Find(pid) ?? program);
            var share = 1.0;
            while (!ended.IsCancellationRequested)
            {
                for (var slice = 0; slice < SlicesALook; slice++)
                {
                    if (share < 1)
                    {
                        var since = time.GetTimestamp();
                        Signals.Send(program.Identity, AgentSignal.Hold);
                        await Task.Delay(Slice * (1 - share), time, ended);
                        Signals.Send(program.Identity, AgentSignal.Continue);
                        // As it was: where others leave little, this process too wakes late.
                        held(time.GetElapsedTime(since));
                    }

                    await Task.Delay(Slice * share, time, ended);
                }

                if (ProcessTable.Find(pid) is not { } now || now.Identity != program.Identity)
                {
                    return;
                }

                var (allNow, othersNow) = Ticks(now);
                share = allNow > all ? Share((othersNow - others) / (double)(allNow - all)) : 1;
                (all, others) = (allNow, othersNow);
            }
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // That is how it is told.
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or FormatException)
        {
            // The machine's own figures cannot be read: that is no reason for the copy to fail, and it gives way by its priority alone.
            return;
        }
        finally
        {
            Signals.Send(program.Identity, AgentSignal.Continue);
        }
    }

    // The first line of /proc/stat: user nice system idle iowait irq softirq steal, of all processors together (proc(5)).
    private static (long All, long Others) Ticks(ProcessEntry program)
    {
        var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Skip(1).Take(8).Select(f => long.Parse(f, CultureInfo.InvariantCulture)).ToArray();
        var all = fields.Sum();
        return (all, all - fields[3] - fields[4] - program.ProcessorTicks);
    }
}
