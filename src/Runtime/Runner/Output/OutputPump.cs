using System.Runtime.InteropServices;
using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Runtime.Runner.Output;

/// <summary>One thread that waits for the pipes of all runtimes at once, in the kernel: fifty that are silent cost nothing.</summary>
internal sealed class OutputPump : IDisposable
{
    // A pipe of Linux holds so much; what is read at once is then never more.
    private const int PieceBytes = 64 * 1024;

    // One that is over its cap is read at the most 100 times a second: 6 MB/s, and its own full pipe holds it back.
    private static readonly TimeSpan FloodPause = TimeSpan.FromMilliseconds(10);

    private readonly Lock _gate = new();
    private readonly List<Pipe> _pipes = [];
    private readonly Action _rung;
    private readonly TimeProvider _time;
    private readonly int _bell;
    private readonly Thread _thread;
    private bool _stopping;

    /// <summary>Starts it.</summary>
    /// <param name="bellPath">A pipe that is rung by whoever has ended; also by this class, to be heard.</param>
    /// <param name="rung">Told that it was.</param>
    /// <param name="time">The clock.</param>
    public OutputPump(string bellPath, Action rung, TimeProvider time)
    {
        Shim.MakePipe(bellPath);
        (_rung, _time) = (rung, time);
        _bell = Pipe.Open(bellPath, Native.ReadWrite);
        _thread = new Thread(Run) { IsBackground = true, Name = "output-pump" };
        _thread.Start();
    }

    /// <summary>Follows an output.</summary>
    public Pipe Follow(string path, PieceTaker take)
    {
        var pipe = new Pipe(Pipe.Open(path, Native.ReadOnly), take);
        Add(pipe);
        return pipe;
    }

    /// <summary>Opens an input.</summary>
    public Pipe Feed(string path)
    {
        var pipe = new Pipe(Pipe.Open(path, Native.ReadWrite), take: null);
        Add(pipe);
        return pipe;
    }

    /// <summary>Puts text into an input; what does not fit yet follows when there is room.</summary>
    public void Put(Pipe pipe, ReadOnlySpan<byte> text)
    {
        if (!pipe.Put(text))
        {
            Ring();
        }
    }

    /// <summary>Lets go of a pipe.</summary>
    public void Release(Pipe pipe)
    {
        lock (_gate)
        {
            _pipes.Remove(pipe);
        }

        // The thread may be waiting for it this moment: it looks again before the number is anybody else's.
        pipe.Close();
        Ring();
    }

    /// <inheritdoc />
    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
        }

        Ring();
        _thread.Join();
        foreach (var pipe in _pipes)
        {
            pipe.Close();
        }

        _ = Native.Close(_bell);
    }

    private void Add(Pipe pipe)
    {
        lock (_gate)
        {
            _pipes.Add(pipe);
        }

        Ring();
    }

    // A full bell has been rung often enough.
    private void Ring() => _ = Native.Write(_bell, "\n"u8, 1);

    private void Run()
    {
        var piece = new byte[PieceBytes];
        var pipes = new List<Pipe>();
        var entries = new Native.PollEntry[1];
        while (true)
        {
            lock (_gate)
            {
                if (_stopping)
                {
                    return;
                }

                pipes.Clear();
                pipes.AddRange(_pipes);
            }

            if (entries.Length != pipes.Count + 1)
            {
                entries = new Native.PollEntry[pipes.Count + 1];
            }

            var now = _time.GetTimestamp();
            var wait = -1;
            entries[0] = new Native.PollEntry { Descriptor = _bell, Wanted = Native.PollIn };
            for (var i = 0; i < pipes.Count; i++)
            {
                var muted = pipes[i].MutedFor(now, _time);
                wait = muted > TimeSpan.Zero ? (int)Math.Min((uint)wait, (uint)Math.Ceiling(muted.TotalMilliseconds)) : wait;

                // A descriptor below zero is passed over (poll(2)).
                entries[i + 1] = new Native.PollEntry { Descriptor = muted > TimeSpan.Zero ? -1 : pipes[i].Descriptor, Wanted = pipes[i].Wanted };
            }

            if (Native.Poll(entries, (nuint)entries.Length, wait) < 0 && Marshal.GetLastPInvokeError() is var error && error != Native.Interrupted)
            {
                throw new IOException($"The agents' pipes cannot be waited for: {Marshal.GetPInvokeErrorMessage(error)}");
            }

            if (entries[0].Seen != 0)
            {
                _ = Native.Read(_bell, piece, PieceBytes);
                _rung();
            }

            for (var i = 0; i < pipes.Count; i++)
            {
                if (entries[i + 1].Seen != 0 && pipes[i].Serve(piece, entries[i + 1].Seen))
                {
                    pipes[i].Mute(_time.GetTimestamp() + (long)(FloodPause.TotalSeconds * _time.TimestampFrequency));
                }
            }
        }
    }
}

/// <summary>Takes what was read, and says whether more of it is not wanted for a while.</summary>
internal delegate bool PieceTaker(ReadOnlySpan<byte> piece);

/// <summary>One end of a named pipe.</summary>
internal sealed class Pipe(int descriptor, PieceTaker? take)
{
    // What an input takes without being read: one pipe's worth, or a first message's.
    private const int LargestPipe = 1024 * 1024;
    private const int UsualPipe = 64 * 1024;

    private readonly Lock _gate = new();
    private readonly Queue<byte[]> _waiting = [];
    private int _descriptor = descriptor;
    private long _mutedUntil;
    private bool _hungUp;

    /// <summary>Its descriptor, or -1 where nothing is to be waited for.</summary>
    public int Descriptor => _hungUp ? -1 : _descriptor;

    /// <summary>What is waited for.</summary>
    public short Wanted
    {
        get
        {
            lock (_gate)
            {
                return take is not null ? Native.PollIn : _waiting.Count > 0 ? Native.PollOut : (short)0;
            }
        }
    }

    /// <summary>Opens one that is there.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static int Open(string path, int access) =>
        Native.Open(path, access | Native.NonBlocking | Native.CloseOnExec) is >= 0 and var descriptor
            ? descriptor
            : throw new IOException($"The pipe {path} cannot be opened: {Marshal.GetLastPInvokeErrorMessage()}");

    /// <summary>How long it is still left alone.</summary>
    public TimeSpan MutedFor(long now, TimeProvider time) => _mutedUntil > now ? time.GetElapsedTime(now, _mutedUntil) : TimeSpan.Zero;

    /// <summary>Leaves it alone until then.</summary>
    public void Mute(long until) => _mutedUntil = until;

    /// <summary>Reads, or writes, what can be. Returns whether it is to be left alone for a while.</summary>
    public bool Serve(byte[] buffer, short seen)
    {
        lock (_gate)
        {
            if (take is null)
            {
                Write();
                return false;
            }

            var got = _descriptor < 0 ? 0 : (int)Native.Read(_descriptor, buffer, (nuint)buffer.Length);

            // Nobody holds the other end any more, and nobody will again.
            _hungUp = got == 0 && (seen & Native.PollHangUp) != 0;
            return got > 0 && take(buffer.AsSpan(0, got));
        }
    }

    /// <summary>Reads all that is there now, but not what a flood adds meanwhile.</summary>
    public void Drain()
    {
        var buffer = new byte[UsualPipe];
        lock (_gate)
        {
            for (var total = 0; _descriptor >= 0 && total < LargestPipe;)
            {
                var got = (int)Native.Read(_descriptor, buffer, (nuint)buffer.Length);
                if (got <= 0)
                {
                    return;
                }

                take!(buffer.AsSpan(0, got));
                total += got;
            }
        }
    }

    /// <summary>Writes, or remembers to. Returns whether all of it was written.</summary>
    public bool Put(ReadOnlySpan<byte> text)
    {
        lock (_gate)
        {
            if (text.Length > UsualPipe)
            {
                Native.GrowPipe(_descriptor, LargestPipe);
            }

            _waiting.Enqueue(text.ToArray());
            Write();
            return _waiting.Count == 0;
        }
    }

    /// <summary>Closes it.</summary>
    public void Close()
    {
        lock (_gate)
        {
            if (_descriptor >= 0)
            {
                _ = Native.Close(_descriptor);
                _descriptor = -1;
            }
        }
    }

    private void Write()
    {
        while (_descriptor >= 0 && _waiting.TryPeek(out var text))
        {
            var written = (int)Native.Write(_descriptor, text, (nuint)text.Length);
            if (written < 0)
            {
                // Full: it goes on when there is room.
                return;
            }

            _waiting.Dequeue();
            if (written < text.Length)
            {
                // Ahead of what came after it.
                byte[][] rest = [text[written..], .. _waiting];
                _waiting.Clear();
                foreach (var piece in rest)
                {
                    _waiting.Enqueue(piece);
                }
            }
        }
    }
}
