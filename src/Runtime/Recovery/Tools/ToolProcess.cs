using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Storage.Embedded;

namespace ControlCenter.Runtime.Recovery.Tools;

/// <summary>A program of others, to be run to its end.</summary>
/// <param name="Program">Its name in PATH, or its path.</param>
/// <param name="Arguments">No secret is among them: everybody on the machine can read them.</param>
internal sealed record ToolRun(string Program, IReadOnlyList<string> Arguments)
{
    /// <summary>Its whole environment beside PATH and the locale; the host's own is not handed on.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>How much it is in a hurry.</summary>
    public Hurry Hurry { get; init; } = Hurry.AtOnce;

    /// <summary>Until when others wait for one that gives way, which does so from then on; null where nobody does.</summary>
    public Task? WaitedFor { get; init; }

    /// <summary>A program that says and finishes nothing for so long hangs, and is ended. While it is held still is not counted.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>A program that has not ended by then hangs, whatever it says; null for none.</summary>
    public TimeSpan? Within { get; init; }

    /// <summary>Takes each line of its output as it comes, and says whether it tells of work done; lines taken here are not kept.</summary>
    public Func<string, bool>? OnLine { get; init; }

    /// <summary>Whether it says something because it works, other than by output: a file that grows. Asked while it is silent.</summary>
    public Func<bool>? Works { get; init; }
}

/// <summary>How much a program is in a hurry: no copy of anything may cost agents their answers.</summary>
internal enum Hurry
{
    /// <summary>Somebody waits for it.</summary>
    AtOnce,

    /// <summary>It computes only in what others leave over of the processors (sched(7), SCHED_IDLE), which may be nothing.</summary>
    LeftOver,

    /// <summary>It is held still for most of the time while others work, and takes as long as it takes.</summary>
    GivesWay,
}

/// <summary>How a program ended.</summary>
/// <param name="ExitCode">0 where all is well.</param>
/// <param name="Output">What it printed, unless it was taken line by line.</param>
/// <param name="Error">The end of what it complained of.</param>
internal sealed record ToolResult(int ExitCode, string Output, string Error);

/// <summary>A program that could not be run, hung, or ended badly. The message is for the founder.</summary>
public sealed class ToolException(string message, int? exitCode = null, RepositoryFault fault = RepositoryFault.Other) : Exception(message)
{
    /// <summary>Why, where it matters to whoever is told.</summary>
    public RepositoryFault Fault { get; } = fault;

    /// <summary>How it ended; null where it did not run, or hung.</summary>
    public int? ExitCode { get; } = exitCode;
}

/// <summary>Runs programs of others: never through a shell, with an environment of their own, and never for ever.</summary>
internal static class ToolProcess
{
    // Programs that complain at length say what matters last.
    private const int MostError = 8 * 1024;
    private const int MostOutput = 64 * 1024 * 1024;
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);

    /// <summary>Runs it to its end.</summary>
    /// <exception cref="ToolException">It is not there, or hung.</exception>
    public static async Task<ToolResult> RunAsync(ToolRun run, TimeProvider time, CancellationToken cancellationToken)
    {
        var info = run.Hurry != Hurry.AtOnce
            ? ServerCommand.StartInfo("setpriv", [.. StartedBy(run.Hurry), run.Program, .. run.Arguments], asOwner: null)
            : ServerCommand.StartInfo(run.Program, run.Arguments, asOwner: null);
        // Where the host finds them, they are found by what starts them too.
        info.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin";
        (info.RedirectStandardInput, info.RedirectStandardOutput, info.RedirectStandardError) = (true, true, true);
        foreach (var (name, value) in run.Environment)
        {
            info.Environment[name] = value;
        }

        using var process = Start(info);
        process.StandardInput.Close();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var began = time.GetTimestamp();
        var heard = began;
        // One that is held still most of the time needs so much longer for its first word, and does not hang.
        var givingWay = run.Hurry == Hurry.GivesWay
            ? GivingWay.FollowAsync(process.Id, run.WaitedFor, held => Interlocked.Add(ref heard, (long)(held.TotalSeconds * time.TimestampFrequency)), time, over.Token)
            : Task.CompletedTask;
        var output = new System.Text.StringBuilder();
        var error = new Queue<string>();
        var reading = Task.WhenAll(
            ReadAsync(process.StandardOutput, line =>
            {
                // A line that only says that it is still there is no sign that anything gets done.
                if (run.OnLine?.Invoke(line) != false)
                {
                    Interlocked.Exchange(ref heard, time.GetTimestamp());
                }

                if (run.OnLine is null && output.Length < MostOutput)
                {
                    output.Append(line).Append('\n');
                }
            }),
            ReadAsync(process.StandardError, line =>
            {
                // Another try is no work done either (restic's word for it, to every storage).
                if (!line.Contains("retrying after", StringComparison.Ordinal))
                {
                    Interlocked.Exchange(ref heard, time.GetTimestamp());
                }

                lock (error)
                {
                    error.Enqueue(line);
                    while (error.Count > 1 && error.Sum(l => l.Length) > MostError)
                    {
                        error.Dequeue();
                    }
                }
            }));
        try
        {
            var ended = process.WaitForExitAsync(cancellationToken);
            var patience = run.Within is { } least && least < run.Silence ? least : run.Silence;
            var look = patience < LookEvery ? patience : LookEvery;
            while (await Task.WhenAny(ended, Task.Delay(look, time, cancellationToken)) != ended)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (run.Within is { } within && time.GetElapsedTime(began) > within)
                {
                    throw new ToolException($"{Path.GetFileName(run.Program)} had not ended after {Long(within)} and was ended{Said(error)}.", null, Fault(error));
                }

                if (time.GetElapsedTime(Interlocked.Read(ref heard)) <= run.Silence)
                {
                    continue;
                }

                if (run.Works?.Invoke() != true)
                {
                    throw new ToolException($"{Path.GetFileName(run.Program)} got nothing done for {Long(run.Silence)} and was ended{Said(error)}.", null, Fault(error));
                }

                Interlocked.Exchange(ref heard, time.GetTimestamp());
            }

            await ended;
            // What it started and left behind may hold its output open; it has ended all the same.
            await reading.WaitAsync(StopGrace, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return new ToolResult(process.ExitCode, output.ToString(), string.Join('\n', error.ToArray()));
        }
        catch
        {
            // Held still, it would not hear that it is to end.
            await over.CancelAsync();
            await givingWay;
            await EndAsync(process, time);
            throw;
        }
        finally
        {
            await over.CancelAsync();
            await givingWay;
        }
    }

    // By setpriv(1), so that it goes on should the host die while it is held still. One that is held still is not left with what others leave over,
    // too, which may be nothing for as long as agents work: in its part of the time it gets a third of what each of them does.
    internal static string[] StartedBy(Hurry hurry) => ["--pdeathsig", "CONT", .. hurry == Hurry.LeftOver ? new[] { "chrt", "--idle", "0" } : ["nice", "-n", "5"]];

    /// <summary>Starts a program that runs beside the host.</summary>
    /// <exception cref="ToolException">It is not there.</exception>
    public static Process Start(ProcessStartInfo info)
    {
        try
        {
            return Process.Start(info)!;
        }
        catch (Win32Exception fault)
        {
            throw new ToolException($"{Path.GetFileName(info.FileName)} cannot be run: {fault.Message}. Install it (apt-get install restic postgresql).");
        }
    }

    /// <summary>Ends a program and what it started: politely first, so that it takes its locks away.</summary>
    public static async Task EndAsync(Process process, TimeProvider time)
    {
        if (process.HasExited)
        {
            return;
        }

        await ServerProcesses.SignalAsync(process.Id, "INT", CancellationToken.None);
        try
        {
            await process.WaitForExitAsync(CancellationToken.None).WaitAsync(StopGrace, time);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            // One that waits for a disk is gone when that answers.
            await process.WaitForExitAsync(CancellationToken.None).WaitAsync(StopGrace, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static string Long(TimeSpan time) =>
        time.TotalMinutes >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes:0.#} minutes") : string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.#} s");

    // What says that it cannot get through, and tries again, is not what says nothing.
    private static RepositoryFault Fault(Queue<string> error) => ResticFaults.Of(Said(error)) is var fault and not RepositoryFault.Other ? fault : RepositoryFault.Hanging;

    private static string Said(Queue<string> error)
    {
        lock (error)
        {
            return error.LastOrDefault() is { Length: > 0 } last ? $"; it said last: {last}" : "";
        }
    }

    private static async Task ReadAsync(StreamReader from, Action<string> take)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            take(line);
        }
    }
}
