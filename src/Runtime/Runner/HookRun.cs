using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Runtime.Runner;

/// <summary>What came of one hook.</summary>
/// <param name="Hook">Which.</param>
/// <param name="Failure">What it failed of; null for one that went well.</param>
/// <param name="Notes">What is put into the transcript of it: how it went and how long it took, and the end of what it printed.</param>
internal sealed record HookOutcome(AgentHook Hook, string? Failure, IReadOnlyList<string> Notes)
{
    /// <summary>Whether what it is a hook of fails with it.</summary>
    public bool FailsClosed => Failure is not null && Hook.Required;
}

/// <summary>Runs the hooks of a runtime, one after the other.</summary>
internal static class HookRun
{
    // Of a build that fails the end says why; all of it would be a transcript of its own.
    private const int MostLines = 40;

    // After its processes were killed nobody has its pipes open any more, or somebody who has left its tree and keeps them: only then does it take so long.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    /// <summary>Runs those of a moment, up to the first that fails closed.</summary>
    /// <param name="hooks">All hooks of the definition.</param>
    /// <param name="moment">Which of them.</param>
    /// <param name="folder">Where they run.</param>
    /// <param name="environment">All that they find in their environment.</param>
    /// <param name="redact">Takes secrets out of what they print.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Kills the one that runs.</param>
    public static async Task<IReadOnlyList<HookOutcome>> AllAsync(
        IEnumerable<AgentHook> hooks, string moment, string folder, IReadOnlyDictionary<string, string> environment, Func<string, string> redact, TimeProvider time,
        CancellationToken cancellationToken)
    {
        var outcomes = new List<HookOutcome>();
        foreach (var hook in hooks.Where(h => h.On == moment))
        {
            outcomes.Add(await OneAsync(hook, folder, environment, redact, time, cancellationToken));
            if (outcomes[^1].FailsClosed)
            {
                break;
            }
        }

        return outcomes;
    }

    private static async Task<HookOutcome> OneAsync(
        AgentHook hook, string folder, IReadOnlyDictionary<string, string> environment, Func<string, string> redact, TimeProvider time, CancellationToken cancellationToken)
    {
        var startedAt = time.GetTimestamp();
        var printed = new Tail();
        string? failure;
        try
        {
            failure = await RunAsync(hook, folder, environment, printed, time, cancellationToken);
        }
        catch (Exception fault) when (fault is Win32Exception or IOException or UnauthorizedAccessException)
        {
            failure = $"could not be started: {fault.Message}";
        }

        var took = string.Create(CultureInfo.InvariantCulture, $"{time.GetElapsedTime(startedAt).TotalSeconds:0.00} s");
        var name = redact($"Hook '{hook.On}' ({string.Join(' ', hook.Command)})");
        var told = failure is null ? $"{name} took {took}."
            : $"{name} {failure} after {took}{(hook.Required ? "." : "; it is not required, so that is passed over.")}";
        return new HookOutcome(hook, failure is null ? null : $"{name} {failure}.", [told, .. printed.Lines.Select(l => redact($"| {l}"))]);
    }

    private static async Task<string?> RunAsync(
        AgentHook hook, string folder, IReadOnlyDictionary<string, string> environment, Tail printed, TimeProvider time, CancellationToken cancellationToken)
    {
        var info = new ProcessStartInfo("/usr/bin/setsid")
        {
            UseShellExecute = false, WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach (var argument in hook.Command.Prepend("--wait"))
        {
            info.ArgumentList.Add(argument);
        }

        info.Environment.Clear();
        foreach (var (name, value) in environment)
        {
            info.Environment[name] = value;
        }

        using var process = Process.Start(info)!;
        process.OutputDataReceived += (_, line) => printed.Add(line.Data);
        process.ErrorDataReceived += (_, line) => printed.Add(line.Data);
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var over = new CancellationTokenSource(TimeSpan.FromSeconds(hook.TimeoutSeconds), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellationToken);
        while (!process.HasExited && !either.IsCancellationRequested)
        {
            // Not until its pipes are at their end: what it has left running in the background holds them open.
            await Task.Delay(Look, time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        var isOver = process.HasExited;
        using var enough = new CancellationTokenSource(LastWords, time);
        await KillAllAsync(environment[AgentEnvironment.RuntimeIdVariable], time, enough.Token);
        await process.WaitForExitAsync(enough.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        return !isOver ? $"did not end within {hook.TimeoutSeconds} s and was killed"
            : process.ExitCode == 0 ? null : $"failed with code {process.ExitCode}";
    }

    // A hook leaves nothing running. Nobody else carries the mark now: the agent has not been started yet, or the last of it is gone. One that
    // is just becoming another program shows no mark for a moment: only when two looks find nobody is nobody there.
    private static async Task KillAllAsync(string runtimeId, TimeProvider time, CancellationToken enough)
    {
        for (var looksWithout = 0; looksWithout < 2 && !enough.IsCancellationRequested; looksWithout++)
        {
            foreach (var entry in ProcessTable.Read().Where(e => !e.HasEnded && ProcessTable.VariableOf(e.Pid, AgentEnvironment.RuntimeIdVariable) == runtimeId))
            {
                Signals.Send(entry.Identity, AgentSignal.Kill);
                looksWithout = -1;
            }

            await Task.Delay(Look, time, enough).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private sealed class Tail
    {
        private const int LongestLine = 1_000;

        private readonly Queue<string> _lines = new();

        public IReadOnlyList<string> Lines
        {
            get
            {
                lock (_lines)
                {
                    return [.. _lines];
                }
            }
        }

        public void Add(string? line)
        {
            if (line is null)
            {
                return;
            }

            lock (_lines)
            {
                _lines.Enqueue(Output.ShortText.Of(line, LongestLine));
                if (_lines.Count > MostLines)
                {
                    _lines.Dequeue();
                }
            }
        }
    }
}
