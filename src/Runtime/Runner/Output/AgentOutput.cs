using System.Text;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Adapters;

namespace ControlCenter.Runtime.Runner.Output;

/// <summary>The output of one runtime on its way from its pipes to the spool: cut into lines, understood, without secrets, within its cap.</summary>
/// <param name="spool">Where it goes.</param>
/// <param name="progress">What it says.</param>
/// <param name="redact">Takes secrets out of a text.</param>
/// <param name="limits">How much is kept.</param>
/// <param name="told">Called when something was said that is to be told at once.</param>
/// <param name="time">The clock.</param>
/// <param name="isTerminal">Whether it comes from a terminal: a prompt waits for an answer without ending its line.</param>
internal sealed class AgentOutput(
    OutputSpool spool, AgentProgress progress, Func<string, string> redact, OutputLimits limits, Action told, TimeProvider time, bool isTerminal = false)
{
    /// <summary>The longest line that is kept, in characters.</summary>
    internal const int LongestText = 16_384;

    // A program that has said no more for so long waits for somebody; what it says next begins a line.
    private static readonly TimeSpan PromptPause = TimeSpan.FromMilliseconds(250);

    private readonly Lock _gate = new();
    private readonly OutputCap _cap = new(limits, time);
    private readonly LineSplitter _out = new(), _error = new();
    private readonly List<OutputLine> _lines = [];
    private long _gap;
    private string? _gapReason;
    private ITimer? _prompt;
    private long _heardAt;
    private Action _readOn = () => { };
    private bool _isLetGo;

    /// <summary>
    /// Goes the way of a line once, so that nothing on it has to be compiled when the first agent speaks: what was read from a pipe and
    /// not yet written is all that a runner loses when it is killed, and that is to take microseconds.
    /// </summary>
    /// <param name="folder">A folder for it, which is removed again.</param>
    /// <param name="redactor">Makes what takes secrets out.</param>
    /// <param name="time">The clock.</param>
    public static void Rehearse(string folder, Func<IReadOnlyList<string>, Func<string, string>> redactor, TimeProvider time)
    {
        using (var spool = OutputSpool.Open(folder))
        {
            var progress = new AgentProgress(NoInterpreter.Instance, new ProgressReading(), time);
            var output = new AgentOutput(spool, progress, redactor(["a secret"]), new OutputLimits(), () => { }, time);
            output.Take(OutputSource.Out, "rehearsal\n"u8);
            output.Finish();
        }

        Directory.Delete(folder, recursive: true);
    }

    /// <summary>Lines that were not kept.</summary>
    public long Dropped { get; private set; }

    /// <summary>Lines that were.</summary>
    public long Kept => spool.NextLine;

    /// <summary>Says how what waits unread is taken in: whoever is behind with reading must not take a line that goes on for a prompt.</summary>
    public void ReadOnBy(Action readOn) => _readOn = readOn;

    /// <summary>Takes in a piece. Returns whether there is too much of it.</summary>
    public bool Take(OutputSource source, ReadOnlySpan<byte> piece)
    {
        lock (_gate)
        {
            Splitter(source).Feed(piece, (line, isCut) => TakeLine(source, line, isCut));
            Keep();
            if (isTerminal)
            {
                // Not before it is written: a disk that takes its time is no silence of the program's.
                _heardAt = time.GetTimestamp();
                AwaitPrompt();
            }

            return _cap.IsClosed;
        }
    }

    /// <summary>Takes what will not be ended as a line, and says what is missing: nothing more comes.</summary>
    public void Finish()
    {
        lock (_gate)
        {
            foreach (var source in (OutputSource[])[OutputSource.Out, OutputSource.Error])
            {
                Splitter(source).Flush((line, isCut) => TakeLine(source, line, isCut));
            }

            TellGap();
            Keep();
        }
    }

    /// <summary>Notes what was put in, or what the runner did.</summary>
    public void Note(OutputSource source, string text)
    {
        lock (_gate)
        {
            TellGap();
            _lines.AddRange(text.Split('\n').Select(line => Line(source, redact(line), isCut: false)));
            Keep();
        }
    }

    /// <summary>Lets go of its clock: what was read and has no end yet is the next one's, or lost.</summary>
    public void LetGo()
    {
        lock (_gate)
        {
            _isLetGo = true;
            _prompt?.Dispose();
        }
    }

    private void AwaitPrompt()
    {
        if (_isLetGo)
        {
            return;
        }

        _prompt ??= time.CreateTimer(_ => TakePrompt(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        var left = PromptPause - time.GetElapsedTime(_heardAt);
        _prompt.Change(!_out.HasBegun ? Timeout.InfiniteTimeSpan : left > TimeSpan.Zero ? left : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }

    private void TakePrompt()
    {
        _readOn();
        lock (_gate)
        {
            if (time.GetElapsedTime(_heardAt) < PromptPause)
            {
                // It has said more meanwhile, while this waited for its turn.
                AwaitPrompt();
            }
            else if (!_isLetGo)
            {
                _out.Flush((line, isCut) => TakeLine(OutputSource.Out, line, isCut));
                Keep();
            }
        }
    }

    private LineSplitter Splitter(OutputSource source) => source == OutputSource.Error ? _error : _out;

    private void TakeLine(OutputSource source, ReadOnlySpan<byte> line, bool isCut)
    {
        var admitted = spool.Bytes < limits.UnacknowledgedBytes ? _cap.Admits(line.Length) : NotAdmitted($"more than {limits.UnacknowledgedBytes >> 20} MiB wait for the bus");
        var text = Encoding.UTF8.GetString(line).Replace('\0', '\uFFFD');

        // What is not kept is understood all the same: a flood must not hide that the agent has ended its turn.
        if (progress.Read(source, text))
        {
            told();
        }

        if (!admitted)
        {
            _gap++;
            Dropped++;
            _gapReason ??= $"more than {limits.LinesPerSecond:N0} lines or {limits.BytesPerSecond >> 10:N0} KiB a second";
            return;
        }

        TellGap();
        _lines.Add(Line(source, redact(text), isCut));
    }

    private bool NotAdmitted(string reason)
    {
        _gapReason = reason;
        return false;
    }

    private void TellGap()
    {
        if (_gap > 0)
        {
            _lines.Add(Line(OutputSource.Note, $"{_gap:N0} lines were dropped here: {_gapReason}.", isCut: false));
            _gap = 0;
            _gapReason = null;
        }
    }

    private OutputLine Line(OutputSource source, string text, bool isCut)
    {
        if (text.Length > LongestText)
        {
            (text, isCut) = (text[..(char.IsHighSurrogate(text[LongestText - 2]) ? LongestText - 2 : LongestText - 1)], true);
        }

        return new OutputLine(time.GetUtcNow(), source, isCut ? text + "…" : text);
    }

    private void Keep()
    {
        if (_lines.Count == 0)
        {
            return;
        }

        try
        {
            spool.Append(_lines);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The agent goes on; what its disk has no room for is counted, and said when there is room again.
            var lost = _lines.Count(l => l.Source != OutputSource.Note);
            _gap += lost;
            Dropped += lost;
            _gapReason ??= $"they could not be written ({fault.Message})";
        }

        _lines.Clear();
    }
}
