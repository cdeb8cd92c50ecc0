using System.Text;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner;
using ControlCenter.Runtime.Runner.Adapters;
using ControlCenter.Runtime.Runner.Output;
using ControlCenter.TestSupport;

namespace ControlCenter.Tests.Runner;

/// <summary>The way of a line from a pipe to the bus.</summary>
public sealed class OutputTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cc-output-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Lines_are_the_same_however_they_come_in_pieces()
    {
        var bytes = Encoding.UTF8.GetBytes("one\ntwo\r\n\nthree: äöü\nno end");
        for (var size = 1; size <= bytes.Length; size++)
        {
            var splitter = new LineSplitter();
            var lines = new List<string>();
            for (var at = 0; at < bytes.Length; at += size)
            {
                splitter.Feed(bytes.AsSpan(at, Math.Min(size, bytes.Length - at)), (line, _) => lines.Add(Encoding.UTF8.GetString(line)));
            }

            splitter.Flush((line, _) => lines.Add(Encoding.UTF8.GetString(line)));
            lines.ShouldBe(["one", "two", "", "three: äöü", "no end"]);
        }
    }

    [Fact]
    public void A_line_without_end_is_cut_and_the_next_one_is_whole()
    {
        var splitter = new LineSplitter();
        var lines = new List<(int Length, bool IsCut)>();
        var piece = new byte[1024 * 1024];
        Array.Fill(piece, (byte)'x');
        for (var sent = 0; sent < 6; sent++)
        {
            splitter.Feed(piece, (line, isCut) => lines.Add((line.Length, isCut)));
        }

        splitter.Feed("\nnext\n"u8, (line, isCut) => lines.Add((line.Length, isCut)));
        lines.ShouldBe([(LineSplitter.LongestLine, true), (4, false)]);
    }

    [Fact]
    public void A_spool_hands_over_every_line_once_in_order_over_restarts()
    {
        var taken = new List<string>();
        var random = new Random(7);
        var spool = OutputSpool.Open(_folder);
        var made = 0;
        for (var round = 0; round < 60; round++)
        {
            spool.Append([.. Enumerable.Range(0, random.Next(1, 60)).Select(_ => Line($"line {made++} {new string('x', random.Next(2000))}"))]);
            if (spool.Read(random.Next(1, 200_000)) is { } batch)
            {
                var lines = Encoding.UTF8.GetString(batch.Lines.Span).Split('\n', StringSplitOptions.RemoveEmptyEntries);
                batch.FirstLine.ShouldBe(taken.Count);

                // Not all that is handed over is always taken.
                var count = random.Next(1, lines.Length + 1);
                taken.AddRange(lines.Take(count));
                spool.Acknowledge(taken.Count);
            }

            if (round % 10 == 9)
            {
                spool.Dispose();
                spool = OutputSpool.Open(_folder);
                spool.NextLine.ShouldBe(made);

                // What was taken is asked for again by a runner that has forgotten, and is refused by its number.
                spool.Acknowledge(taken.Count);
                spool.FirstLine.ShouldBe(taken.Count);
            }
        }

        while (spool.Read(100_000) is { } batch)
        {
            var lines = Encoding.UTF8.GetString(batch.Lines.Span).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            taken.AddRange(lines);
            spool.Acknowledge(taken.Count);
        }

        taken.Count.ShouldBe(made);
        taken.Select((line, n) => line.Contains($"line {n} ", StringComparison.Ordinal)).ShouldAllBe(isRight => isRight);
        spool.Dispose();
        Directory.EnumerateFiles(_folder).Count().ShouldBeLessThan(3);
    }

    [Fact]
    public void A_line_that_a_crash_has_cut_off_is_not_handed_over()
    {
        using (var spool = OutputSpool.Open(_folder))
        {
            spool.Append([Line("whole"), Line("whole too")]);
        }

        File.AppendAllText(Directory.EnumerateFiles(_folder).Single(), "{\"at\":\"2026-");
        using var again = OutputSpool.Open(_folder);
        again.NextLine.ShouldBe(2);
        again.Append([Line("after")]);
        var text = Encoding.UTF8.GetString(again.Read(int.MaxValue / 8)!.Lines.Span);
        text.ShouldContain("whole too");
        text.ShouldNotContain("2026-\"");
        again.Acknowledge(2);
        Encoding.UTF8.GetString(again.Read(int.MaxValue / 8)!.Lines.Span).ShouldContain("after");
    }

    [Fact]
    public void A_flood_leaves_whole_stretches_and_a_note_for_each_gap()
    {
        var clock = new TestClock();
        using var spool = OutputSpool.Open(_folder);
        var output = new AgentOutput(
            spool, new AgentProgress(NoInterpreter.Instance, new ProgressReading(), clock), text => text, new OutputLimits(LinesPerSecond: 10), () => { }, clock);
        output.Take(OutputSource.Out, Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 100).Select(n => $"line {n}\n")))).ShouldBeTrue();
        output.Dropped.ShouldBe(80);
        clock.Advance(TimeSpan.FromSeconds(3));
        output.Take(OutputSource.Out, "again\n"u8).ShouldBeFalse();
        var text = Encoding.UTF8.GetString(spool.Read(int.MaxValue / 8)!.Lines.Span);
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(22);
        text.ShouldContain("80 lines were dropped here: more than 10 lines");
    }

    [Fact]
    public void A_line_of_a_terminal_is_not_broken_in_two_by_a_disk_or_a_reader_that_takes_its_time()
    {
        var clock = new HandClock();
        using var spool = OutputSpool.Open(_folder);
        var (isSlow, unread) = (false, "");
        var output = new AgentOutput(
            spool, new AgentProgress(NoInterpreter.Instance, new ProgressReading(), clock), Redact, new OutputLimits(), () => { }, clock, isTerminal: true);
        output.ReadOnBy(() =>
        {
            var piece = Encoding.UTF8.GetBytes(unread);
            unread = "";
            if (piece.Length > 0)
            {
                output.Take(OutputSource.Out, piece);
            }
        });
        output.Take(OutputSource.Out, "my "u8);

        // The timer of the first piece is due while the second is being kept, and gets its turn after it.
        isSlow = true;
        output.Take(OutputSource.Out, "key\na sec"u8);
        clock.Fire();
        Said().ShouldBe(["my key"]);

        // Nobody has read on for a while; the rest of the line is in the pipe.
        isSlow = false;
        clock.Now += TimeSpan.FromSeconds(1);
        unread = "ret\nYour name? ";
        clock.Fire();
        Said().ShouldBe(["my key", "a [redacted]"]);

        clock.Now += TimeSpan.FromSeconds(1);
        clock.Fire();
        Said().ShouldBe(["my key", "a [redacted]", "Your name? "]);

        string Redact(string text)
        {
            clock.Now += TimeSpan.FromSeconds(isSlow ? 1 : 0);
            return text.Replace("secret", "[redacted]", StringComparison.Ordinal);
        }

        string[] Said() => [.. Encoding.UTF8.GetString(spool.Read(int.MaxValue / 8)!.Lines.Span).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => System.Text.Json.JsonSerializer.Deserialize<OutputLine>(l, RunnerJson.Options)!.Text)];
    }

    // Goes, and calls back, when it is told to.
    private sealed class HandClock : TimeProvider, ITimer
    {
        private TimerCallback _callback = _ => { };

        public TimeSpan Now { get; set; }

        public void Fire() => _callback(null);

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _callback = callback;
            return this;
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    [Fact]
    public void What_is_said_round_and_round_is_no_progress()
    {
        var progress = new AgentProgress(NoInterpreter.Instance, new ProgressReading(), TimeProvider.System);
        progress.Read(OutputSource.Out, "a");
        progress.Read(OutputSource.Out, "b");
        var signature = progress.Reading.Signature;
        for (var round = 0; round < 10; round++)
        {
            progress.Read(OutputSource.Out, "a");
            progress.Read(OutputSource.Out, "b");
        }

        progress.Reading.Signature.ShouldBe(signature);
        progress.Read(OutputSource.Out, "something new");
        progress.Reading.Signature.ShouldNotBe(signature);
    }

    [Theory]
    [InlineData("0198c1de-7c5b-7f3a-9d52-6f0e6e1c2a11", true)]
    [InlineData("--dangerous-option", false)]
    [InlineData("two\nlines", false)]
    [InlineData("", false)]
    public void A_session_s_id_is_one_that_can_be_an_argument(string id, bool isTaken)
    {
        var progress = new AgentProgress(new Saying(new AdapterSignal.SessionKnown(id)), new ProgressReading(), TimeProvider.System);
        progress.Read(OutputSource.Out, "a line");
        progress.Reading.NativeSessionId.ShouldBe(isTaken ? id : null);
        var longer = new AgentProgress(new Saying(new AdapterSignal.SessionKnown(id + new string('x', 200))), new ProgressReading(), TimeProvider.System);
        longer.Read(OutputSource.Out, "a line");
        longer.Reading.NativeSessionId.ShouldBe(id.Length == 0 ? new string('x', 200) : null);
    }

    [Fact]
    public void What_an_agent_calls_its_tools_is_cut_to_what_the_bus_takes()
    {
        var progress = new AgentProgress(new Saying(new AdapterSignal.ToolCalled("a\0tool\n" + new string('x', 70_000), "{}", new string('i', 70_000))), new ProgressReading(), TimeProvider.System);
        progress.Read(OutputSource.Out, "a line");
        progress.Reading.LastTool.ShouldBe("a tool " + new string('x', 193));
        progress.LongestCall!.Value.Tool.ShouldBe(progress.Reading.LastTool);
    }

    [Theory]
    [InlineData("Task", false)]
    [InlineData("TaskOutput", false)]
    [InlineData("Bash", true)]
    public void A_call_that_waits_for_another_agent_s_work_is_no_long_one(string tool, bool isLong)
    {
        var progress = new AgentProgress(new Saying(new AdapterSignal.ToolCalled(tool, "{}", "1")), new ProgressReading(), TimeProvider.System);
        progress.Read(OutputSource.Out, "a line");
        progress.LongestCall.HasValue.ShouldBe(isLong);
    }

    [Fact]
    public void A_command_that_its_own_program_runs_is_no_call_of_a_tool()
    {
        var progress = new AgentProgress(new Saying(new AdapterSignal.ToolCalled("command", "make test", "1", IsCommand: true)), new ProgressReading(), TimeProvider.System);
        progress.Read(OutputSource.Out, "a line");
        (progress.LongestCall, progress.LongestCommand?.Tool).ShouldBe((null, "command"));
    }

    [Fact]
    public void A_machine_s_load_is_its_control_group_s_where_that_is_less()
    {
        Write("proc/stat", "cpu 100 0 100 800 0 0 0 0 0 0\n");
        Write("proc/meminfo", "MemTotal: 8388608 kB\nMemFree: 1 kB\nMemAvailable: 4194304 kB\n");
        var meter = new HostLoadMeter(_folder, _folder);
        meter.Measure().ShouldSatisfyAllConditions(l => l.MemoryMb.ShouldBe(8192), l => l.MemoryUsedMb.ShouldBe(4096));
        Write("proc/stat", "cpu 150 0 100 850 0 0 0 0 0 0\n");
        meter.Measure().CpuPercent.ShouldBe(50);

        Write("sys/fs/cgroup/memory.max", "1073741824\n");
        Write("sys/fs/cgroup/memory.current", "536870912\n");
        Write("sys/fs/cgroup/memory.stat", "anon 1\ninactive_file 104857600\n");
        meter.Measure().ShouldSatisfyAllConditions(l => l.MemoryMb.ShouldBe(1024), l => l.MemoryUsedMb.ShouldBe(412));
        Write("sys/fs/cgroup/memory.max", "max\n");
        meter.Measure().MemoryMb.ShouldBe(8192);
    }

    private void Write(string path, string text)
    {
        var full = Path.Combine(_folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
    }

    private sealed class Saying(AdapterSignal signal) : IOutputInterpreter
    {
        public IEnumerable<AdapterSignal> Read(OutputSource source, string line) => [signal];
    }

    private static OutputLine Line(string text) => new(DateTimeOffset.UnixEpoch, OutputSource.Out, text);
}
