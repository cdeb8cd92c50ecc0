using System.Runtime.InteropServices;
using ControlCenter.Hosting;
using ControlCenter.Runtime.Runner;
using ControlCenter.Runtime.Runner.Bus;

namespace ControlCenter.CommandLine;

/// <summary>A runner as a process of its own: its log is the console, its end is a signal.</summary>
internal static partial class RunnerProcess
{
    // Shorter than the leases of the slots, so that what runs is taken up before it is held still.
    private static readonly TimeSpan BeforeAgain = TimeSpan.FromSeconds(5);

    /// <summary>How this same program is started: program and first arguments.</summary>
    public static IReadOnlyList<string> Program { get; } =
        Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet"
            ? [Environment.ProcessPath!, typeof(RunnerProcess).Assembly.Location]
            : [Environment.ProcessPath!];

    /// <summary>Runs until a signal, or until the bus will not have it.</summary>
    /// <param name="bus">The bus.</param>
    /// <param name="readKey">Reads the key that is in force.</param>
    /// <param name="folder">The runner's folder.</param>
    /// <param name="facts">What the host says of itself.</param>
    /// <param name="handsOver">Whether SIGHUP makes room for the next runner, which takes up what runs. One that does not leaves its bus when it stops.</param>
    /// <param name="stop">Stops it as a signal would.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(Uri bus, Func<string?> readKey, string folder, HostFacts facts, bool handsOver, CancellationToken stop)
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(stop);
        using var handing = new CancellationTokenSource();
        using var onTerminate = On(PosixSignal.SIGTERM, stopping);
        using var onInterrupt = On(PosixSignal.SIGINT, stopping);
        using var onHangUp = On(PosixSignal.SIGHUP, handsOver ? handing : stopping);
        using var log = LoggerFactory.Create(logging => HostLogging.Configure(logging, HostSettings.ReadLogging(Environment.GetEnvironmentVariable)));
        var logger = log.CreateLogger("ControlCenter.Runner");
        using var connection = new BusConnection(bus, readKey);
        while (true)
        {
            var isLast = stopping.IsCancellationRequested;
            var runner = new HostRunner(
                new RunnerOptions(folder, Program), RunnerParts.StandardWith(logger), connection, facts, logger, TimeProvider.System);
            try
            {
                return await runner.RunAsync(new RunnerEnding(stopping.Token, handing.Token) { Leaves = !handsOver }) == RunnerOutcome.Refused ? ExitCode.NoPermission : ExitCode.Ok;
            }
            catch (RunnerFolderTakenException fault)
            {
                await Console.Error.WriteLineAsync(fault.Message);
                return ExitCode.TryLater;
            }
#pragma warning disable CA1031 // Nobody starts a joined one again: whatever it was, its agents are not to be left alone. The bus does so for its own.
            catch (Exception fault) when (!handsOver && !isLast)
#pragma warning restore CA1031
            {
                // One that is told to stop meanwhile takes them up at once, to end them.
                LogAgain(logger, fault, BeforeAgain.TotalSeconds);
                await Task.Delay(BeforeAgain, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [LoggerMessage(EventId = 1822, Level = LogLevel.Error, Message = "The runner has failed; what runs is taken up again in {Seconds:0} s")]
    private static partial void LogAgain(ILogger logger, Exception fault, double seconds);

    private static PosixSignalRegistration On(PosixSignal signal, CancellationTokenSource source) => PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        source.Cancel();
    });
}
