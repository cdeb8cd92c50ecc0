using System.Buffers;

namespace ControlCenter.Runtime.Runner.Output;

/// <summary>Takes a line that has come in whole; <paramref name="isCut"/> where it was longer than is held.</summary>
internal delegate void LineTaker(ReadOnlySpan<byte> line, bool isCut);

/// <summary>Makes lines of what comes in pieces.</summary>
internal sealed class LineSplitter
{
    // Agents that print JSON put a whole answer, or a file that a tool read, into a line; what is longer than this is no answer.
    internal const int LongestLine = 4 * 1024 * 1024;

    private ArrayBufferWriter<byte> _begun = new(256);
    private bool _isCut;

    /// <summary>Whether a line has begun and not ended.</summary>
    public bool HasBegun => _begun.WrittenCount > 0;

    /// <summary>Takes in a piece, and hands on the lines that it ends.</summary>
    public void Feed(ReadOnlySpan<byte> piece, LineTaker take)
    {
        while (piece.Length > 0)
        {
            var end = piece.IndexOf((byte)'\n');
            if (end < 0)
            {
                Keep(piece);
                return;
            }

            if (_begun.WrittenCount == 0 && end <= LongestLine)
            {
                take(WithoutReturn(piece[..end]), isCut: false);
            }
            else
            {
                Keep(piece[..end]);
                Flush(take);
            }

            piece = piece[(end + 1)..];
        }
    }

    /// <summary>Hands on what has begun and will not be ended.</summary>
    public void Flush(LineTaker take)
    {
        if (_begun.WrittenCount == 0)
        {
            return;
        }

        take(WithoutReturn(_begun.WrittenSpan), _isCut);
        _isCut = false;

        // A long line's room is given back, so that one of them in fifty runtimes is not kept for ever.
        if (_begun.Capacity > 64 * 1024)
        {
            _begun = new ArrayBufferWriter<byte>(256);
        }
        else
        {
            _begun.ResetWrittenCount();
        }
    }

    private void Keep(ReadOnlySpan<byte> piece)
    {
        var room = LongestLine - _begun.WrittenCount;
        _isCut |= piece.Length > room;
        _begun.Write(piece[..Math.Min(room, piece.Length)]);
    }

    private static ReadOnlySpan<byte> WithoutReturn(ReadOnlySpan<byte> line) => line.EndsWith("\r"u8) ? line[..^1] : line;
}
