using System.Diagnostics;
using System.Globalization;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <remarks>With nothing beside it: it keeps every processor busy, and looks at what is left over.</remarks>
[Collection(nameof(AloneOnTheMachine))]
public sealed class GivingWayTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.1, 1)]
    [InlineData(0.25, 0.5)]
    [InlineData(0.45, 0.1)]
    [InlineData(1, 0.1)]
    public void It_runs_for_as_much_of_the_time_as_others_leave_it_and_never_for_less_than_a_tenth(double others, double share) =>
        GivingWay.Share(others).ShouldBe(share, 0.0001);

    [Fact]
    public async Task An_unhurried_program_is_held_still_while_others_work_and_ends_when_it_is_told_to()
    {
        using var others = new Others();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var (run, pid) = await SpinAsync(null, end.Token);
        await UntilAsync(() => ProcessTable.Find(pid) is { IsStopped: true });
        await UntilAsync(() => ProcessTable.Find(pid) is { IsStopped: false });
        await UntilAsync(() => ProcessTable.Find(pid) is { IsStopped: true });
        await end.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => run);
        ProcessTable.Find(pid).ShouldBeNull();
    }

    [Fact]
    public async Task One_that_others_wait_for_gives_way_only_once_they_wait_no_longer()
    {
        using var others = new Others();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var waitedFor = new TaskCompletionSource();
        var (run, pid) = await SpinAsync(waitedFor.Task, end.Token);
        // Longer than it takes to see how much others use.
        await UntilAsync(() =>
        {
            var program = ProcessTable.Find(pid)!.Value;
            program.IsStopped.ShouldBeFalse();
            return program.ProcessorTicks > ProcessTable.TicksPerSecond / 5;
        });
        (await File.ReadAllTextAsync($"/proc/{pid}/stat", Stop)).Split(' ')[40].ShouldBe("0", "it is not left with what others leave over (sched(7), SCHED_OTHER)");
        waitedFor.SetResult();
        await UntilAsync(() => ProcessTable.Find(pid) is { IsStopped: true });
        await end.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => run);
    }

    // restic needs half a second of a processor before its first word, for the password.
    [Fact]
    public async Task One_that_says_nothing_while_it_is_held_still_does_not_hang_for_that()
    {
        using var others = new Others();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var silence = TimeSpan.FromSeconds(3);
        var run = ToolProcess.RunAsync(new ToolRun("sleep", ["1000"]) { Hurry = Hurry.GivesWay, Silence = silence }, TimeProvider.System, end.Token);
        await Should.ThrowAsync<TimeoutException>(() => run.WaitAsync(silence * 2, Stop));
        await end.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => run);
    }

    [Fact]
    public async Task One_that_is_held_still_when_its_host_is_killed_goes_on()
    {
        using var host = Process.Start(new ProcessStartInfo("sh", ["-c", $"setpriv {string.Join(' ', ToolProcess.StartedBy(Hurry.GivesWay))} sleep 300 & echo $!; wait"]) { UseShellExecute = false, RedirectStandardOutput = true })!;
        var pid = int.Parse((await host.StandardOutput.ReadLineAsync(Stop))!, CultureInfo.InvariantCulture);
        await UntilAsync(() => File.ReadAllText($"/proc/{pid}/comm").Trim() == "sleep");
        var program = ProcessTable.Find(pid)!.Value.Identity;
        try
        {
            Signals.Send(program, AgentSignal.Hold);
            await UntilAsync(() => ProcessTable.Find(pid) is { IsStopped: true });
            host.Kill();
            await UntilAsync(() => ProcessTable.Find(pid) is { IsStopped: false });
        }
        finally
        {
            Signals.Send(program, AgentSignal.Kill);
        }
    }

    private static async Task<(Task Run, int Pid)> SpinAsync(Task? waitedFor, CancellationToken cancellationToken)
    {
        var said = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        var run = ToolProcess.RunAsync(
            // Whoever runs the tests in the background of a shell has them ignore SIGINT, and a shell that they start with them.
            new ToolRun("env", ["--default-signal=INT", "sh", "-c", "echo $$; while :; do :; done"])
            {
                Hurry = Hurry.GivesWay,
                WaitedFor = waitedFor,
                OnLine = line => said.TrySetResult(int.Parse(line, CultureInfo.InvariantCulture)),
            },
            TimeProvider.System, cancellationToken);
        return (run, await said.Task.WaitAsync(Stop));
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        patience.CancelAfter(TimeSpan.FromMinutes(1));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        while (!holds())
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    /// <summary>Whoever else uses all of the processors.</summary>
    private sealed class Others : IDisposable
    {
        private readonly List<Thread> _threads;
        private volatile bool _isOver;

        public Others()
        {
            _threads = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(Spin))];
            _threads.ForEach(t => t.Start());
        }

        public void Dispose()
        {
            _isOver = true;
            _threads.ForEach(t => t.Join());
        }

        private void Spin()
        {
            while (!_isOver)
            {
                Thread.SpinWait(10_000);
            }
        }
    }
}
