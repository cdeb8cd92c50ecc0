using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Adapters;

namespace ControlCenter.Runtime.Runner.Output;

/// <summary>What an agent's output says about how it gets on. Kept over a restart of the runner.</summary>
internal sealed record ProgressReading
{
    /// <summary>It said that it is ready.</summary>
    public bool Ready { get; init; }

    /// <summary>What its own program calls its session.</summary>
    public string? NativeSessionId { get; init; }

    /// <summary>Turns that have ended.</summary>
    public int Turns { get; init; }

    /// <summary>Tokens in and out that it has told of.</summary>
    public long Tokens { get; init; }

    /// <summary>Another one after each kind of progress.</summary>
    public string? Signature { get; init; }

    /// <summary>How often in a row the same tool was called with the same arguments.</summary>
    public int RepeatedCalls { get; init; }

    /// <summary>The tool called last.</summary>
    public string? LastTool { get; init; }
}

/// <summary>Follows an agent's progress by its output.</summary>
internal sealed class AgentProgress(IOutputInterpreter interpreter, ProgressReading reading, TimeProvider time)
{
    // One that says the same few things round and round makes no progress: what is among the last of them is nothing new.
    private const int Remembered = 32;

    // Calls under way at a time; of one that never says that a call has ended, the oldest are forgotten.
    private const int MostCalls = 256;

    // What an agent's own program calls things; the bus takes no longer name, and would refuse the whole host's report.
    private const int LongestName = 200;

    private static readonly SearchValues<char> SessionIdCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-");

    // Claude Code's own agents within its session: they work for as long as their work takes, and each call of theirs is told by itself.
    private static readonly HashSet<string> Waiting = new(StringComparer.Ordinal) { "Task", "TaskOutput" };

    private readonly Lock _gate = new();
    private readonly Queue<string> _recent = new();
    private readonly Dictionary<string, (string Tool, bool IsCommand, long Since)> _calls = [];
    private string? _lastCall;
    private bool _inTurn = true;
    private ProgressReading _reading = reading;

    /// <summary>How it stands.</summary>
    public ProgressReading Reading
    {
        get
        {
            lock (_gate)
            {
                return _reading;
            }
        }
    }

    /// <summary>The tool call that has run longest; null where none runs. Those that wait for another agent's work are passed over.</summary>
    public (string Tool, TimeSpan Elapsed)? LongestCall => Longest(isCommand: false);

    /// <summary>The command of its own that has run longest; null where none runs.</summary>
    public (string Tool, TimeSpan Elapsed)? LongestCommand => Longest(isCommand: true);

    /// <summary>Whether a turn of its loop is under way, as far as its output tells.</summary>
    public bool InTurn
    {
        get
        {
            lock (_gate)
            {
                return _inTurn;
            }
        }
    }

    /// <summary>Says that it was held still for so long, which no tool call is to blame for.</summary>
    public void WasHeld(TimeSpan heldFor)
    {
        lock (_gate)
        {
            foreach (var id in _calls.Keys.ToList())
            {
                _calls[id] = _calls[id] with { Since = _calls[id].Since + (long)(heldFor.TotalSeconds * time.TimestampFrequency) };
            }
        }
    }

    /// <summary>Takes in a line. Returns whether it said something that is to be told at once.</summary>
    public bool Read(OutputSource source, string line)
    {
        lock (_gate)
        {
            var before = _reading;
            var said = false;
            foreach (var signal in Understand(source, line))
            {
                said = true;
                Take(signal);
            }

            // Where the program says nothing that is understood, what it prints is all that can be seen of it.
            if (!said && source == OutputSource.Out && line.Length > 0)
            {
                Progressed(line);
            }

            return _reading.Ready != before.Ready || _reading.NativeSessionId != before.NativeSessionId || _reading.Turns != before.Turns;
        }
    }

    // What an agent prints is anybody's: a line that no adapter has foreseen says nothing, and ends nobody.
    private IReadOnlyList<AdapterSignal> Understand(OutputSource source, string line)
    {
        try
        {
            return [.. interpreter.Read(source, line)];
        }
#pragma warning disable CA1031 // One line of one agent is not to end the runner of all of them.
        catch (Exception)
#pragma warning restore CA1031
        {
            return [];
        }
    }

    private void Take(AdapterSignal signal)
    {
        _inTurn = signal is not AdapterSignal.TurnEnded && (_inTurn || signal is not AdapterSignal.Used);
        switch (signal)
        {
            case AdapterSignal.Ready:
                _reading = _reading with { Ready = true };
                break;
            case AdapterSignal.SessionKnown known when IsSessionId(known.NativeSessionId):
                _reading = _reading with { NativeSessionId = known.NativeSessionId };
                break;
            case AdapterSignal.ToolCalled called:
                var call = $"{called.Tool}\n{called.Arguments}";
                var tool = ShortText.Of(called.Tool, LongestName);
                _reading = _reading with { LastTool = tool, RepeatedCalls = call == _lastCall ? _reading.RepeatedCalls + 1 : 1 };
                _lastCall = call;
                Begin(ShortText.Of(called.CallId ?? "", LongestName), tool, called.IsCommand);
                Progressed(call);
                break;
            case AdapterSignal.ToolEnded ended:
                _calls.Remove(ShortText.Of(ended.CallId ?? "", LongestName));
                break;
            case AdapterSignal.TurnEnded turn:
                _calls.Clear();
                _reading = _reading with { Turns = _reading.Turns + 1 };
                Progressed($"turn\n{turn.Text}");
                break;
            case AdapterSignal.Used used:
                _reading = _reading with { Tokens = _reading.Tokens + used.TokensIn + used.TokensOut };
                break;
            default:
                break;
        }
    }

    private (string Tool, TimeSpan Elapsed)? Longest(bool isCommand)
    {
        lock (_gate)
        {
            return _calls.Values.Where(c => c.IsCommand == isCommand && !Waiting.Contains(c.Tool)).OrderBy(c => c.Since)
                .Select(c => ((string, TimeSpan)?)(c.Tool, time.GetElapsedTime(c.Since))).FirstOrDefault();
        }
    }

    private void Begin(string id, string tool, bool isCommand)
    {
        if (_calls.Count >= MostCalls && !_calls.ContainsKey(id))
        {
            _calls.Remove(_calls.MinBy(c => c.Value.Since).Key);
        }

        _calls[id] = (tool, isCommand, time.GetTimestamp());
    }

    private void Progressed(string what)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(what)).AsSpan(0, 16));
        if (_recent.Contains(hash))
        {
            return;
        }

        _recent.Enqueue(hash);
        if (_recent.Count > Remembered)
        {
            _recent.Dequeue();
        }

        _reading = _reading with { Signature = hash };
    }

    // It is given back to its program as an argument, where one that begins with a dash would be an option.
    private static bool IsSessionId(string id) =>
        id.Length is > 0 and <= LongestName && char.IsAsciiLetterOrDigit(id[0]) && !id.AsSpan().ContainsAnyExcept(SessionIdCharacters);
}
