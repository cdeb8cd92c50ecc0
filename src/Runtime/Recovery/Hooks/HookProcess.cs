using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using ControlCenter.Domain.Execution;

namespace ControlCenter.Runtime.Recovery.Hooks;

/// <summary>How a call of the founder's program ended.</summary>
/// <param name="Failure">What went wrong; null for one that went well.</param>
/// <param name="Took">How long it ran.</param>
internal sealed record HookOutcome(string? Failure, TimeSpan Took);

/// <summary>Runs the founder's program for one event: without a shell, with nothing of the host's environment, and not for ever.</summary>
internal static class HookProcess
{
    // What its last words may still come out of, once it is gone: somebody who has left its tree may keep its pipes open.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    // One that waits for a disk is gone when that answers; nobody waits for it.
    private static readonly TimeSpan KillPatience = TimeSpan.FromSeconds(5);

    /// <summary>Runs it to its end.</summary>
    /// <param name="program">Its path.</param>
    /// <param name="kind">The event's kind, which it finds as <c>CC_EVENT</c>.</param>
    /// <param name="message">The event, which it reads from its standard input.</param>
    /// <param name="patience">When it has not ended by then, it is killed with all that it started.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Kills it.</param>
    public static async Task<HookOutcome> RunAsync(string program, string kind, string message, TimeSpan patience, TimeProvider time, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        Process process;
        try
        {
            process = Process.Start(StartInfo(program, kind))!;
        }
        catch (Exception fault) when (fault is Win32Exception or IOException or UnauthorizedAccessException)
        {
            return new HookOutcome($"It could not be started: {fault.Message}.", time.GetElapsedTime(began));
        }

        using (process)
        {
            var said = new Tail();
            using var heard = new CancellationTokenSource();
            var pipes = Task.WhenAll(
                WriteAsync(process.StandardInput, message, heard.Token), said.ReadAsync(process.StandardError, heard.Token), new Tail().ReadAsync(process.StandardOutput, heard.Token));
            using var over = new CancellationTokenSource(patience, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellationToken);
            await process.WaitForExitAsync(either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var isOver = process.HasExited;
            var alive = isOver ? null : await KillAsync(process, time);
            var took = time.GetElapsedTime(began);
            await pipes.WaitAsync(LastWords, time, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await heard.CancelAsync();
            // What a process is asked for of its streams it does not close.
            foreach (var stream in new[] { process.StandardInput.BaseStream, process.StandardError.BaseStream, process.StandardOutput.BaseStream })
            {
                await stream.DisposeAsync();
            }

            if (!isOver)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            return new HookOutcome(
                !isOver ? string.Create(CultureInfo.InvariantCulture, $"It had not ended after {patience.TotalSeconds:0.#} s and {alive ?? "was killed"}{said.Words}.")
                : process.ExitCode == 0 ? null : $"It ended with code {process.ExitCode}{said.Words}.",
                took);
        }
    }

    // What is left of it in words; null where nothing is.
    private static async Task<string?> KillAsync(Process process, TimeProvider time)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception fault) when (fault is AggregateException or Win32Exception)
        {
            // It, or what it started, runs as somebody else.
            return $"could not be killed with all that it started: {fault.Message}";
        }

        await process.WaitForExitAsync(CancellationToken.None).WaitAsync(KillPatience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return process.HasExited ? null : "was killed, which it does not heed";
    }

    private static ProcessStartInfo StartInfo(string program, string kind)
    {
        var info = new ProcessStartInfo(program)
        {
            UseShellExecute = false, WorkingDirectory = "/", RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        info.Environment.Clear();
        info.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin";
        info.Environment["CC_EVENT"] = kind;
        return info;
    }

    private static async Task WriteAsync(StreamWriter input, string message, CancellationToken cancellationToken)
    {
        try
        {
            await input.WriteLineAsync(message.AsMemory(), cancellationToken);
            input.Close();
        }
        catch (IOException)
        {
            // It need not read what it is told.
            return;
        }
    }

    /// <summary>The end of what a program says, however much that is.</summary>
    private sealed class Tail
    {
        private const int Most = 500;

        private readonly StringBuilder _said = new();

        public string Words
        {
            get
            {
                lock (_said)
                {
                    var last = _said.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault();
                    return last is null ? "" : $"; it said last: {new SecretRedaction([]).Redact(last)}";
                }
            }
        }

        public async Task ReadAsync(StreamReader from, CancellationToken cancellationToken)
        {
            var buffer = new char[4096];
            while (await from.ReadAsync(buffer, cancellationToken) is > 0 and var length)
            {
                lock (_said)
                {
                    _said.Append(buffer, 0, length);
                    _said.Remove(0, Math.Max(0, _said.Length - Most));
                }
            }
        }
    }
}
