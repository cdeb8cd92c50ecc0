using System.Buffers;
using System.Globalization;
using System.Text.Json;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner.Output;

/// <summary>Lines that the bus has not taken in yet: numbered, on disk, in files that are removed once it has.</summary>
/// <remarks>A line is written whole or not at all; what a crash has cut off is removed when the spool is opened again.</remarks>
internal sealed class OutputSpool : IDisposable
{
    // A file that is removed once all of it was taken in: small, so that room is given back soon.
    private const long SegmentBytes = 1024 * 1024;

    private const string Extension = ".ndjson";

    private static readonly byte[] LineEnd = [(byte)'\n'];

    private readonly Lock _gate = new();
    private readonly string _folder;
    private readonly List<Segment> _segments = [];
    private FileStream? _file;

    // Where the first line begins that was not acknowledged: in the first segment.
    private long _offset;

    private OutputSpool(string folder) => _folder = folder;

    /// <summary>The number that the next line gets: so many were kept so far.</summary>
    public long NextLine { get; private set; }

    /// <summary>The first line that was not acknowledged.</summary>
    public long FirstLine { get; private set; }

    /// <summary>How much is on disk.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _segments.Sum(s => s.Bytes);
            }
        }
    }

    /// <summary>Whether there is anything to hand over.</summary>
    public bool HasLines
    {
        get
        {
            lock (_gate)
            {
                return FirstLine < NextLine;
            }
        }
    }

    /// <summary>Opens a spool, empty or as an earlier runner left it.</summary>
    public static OutputSpool Open(string folder)
    {
        Directory.CreateDirectory(folder);
        var spool = new OutputSpool(folder);
        foreach (var first in Directory.EnumerateFiles(folder, "*" + Extension)
            .Select(f => long.Parse(Path.GetFileNameWithoutExtension(f), CultureInfo.InvariantCulture)).Order())
        {
            // One that was begun and got no line still tells the number.
            var (lines, bytes) = Measure(spool.PathOf(first));
            spool.NextLine = first + lines;
            if (lines > 0)
            {
                spool._segments.Add(new Segment(first) { Lines = lines, Bytes = bytes });
            }
        }

        spool.FirstLine = spool._segments is [var oldest, ..] ? oldest.First : spool.NextLine;

        return spool;
    }

    /// <summary>Keeps lines.</summary>
    /// <exception cref="IOException">The disk is full or broken; none of them was kept.</exception>
    public void Append(IReadOnlyList<OutputLine> lines)
    {
        var buffer = new ArrayBufferWriter<byte>(lines.Count * 256);
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true }))
        {
            foreach (var line in lines)
            {
                JsonSerializer.Serialize(writer, line, WireJson.Options);
                writer.Flush();
                buffer.Write(LineEnd);
                writer.Reset();
            }
        }

        lock (_gate)
        {
            var segment = _segments is [.., var last] && last.Bytes < SegmentBytes && _file is not null ? last : Begin();
            try
            {
                _file!.Write(buffer.WrittenSpan);
            }
            catch (IOException)
            {
                // What got there of it is taken back: the next line that has room must not begin in the middle of another.
                _file!.SetLength(segment.Bytes);
                _file.Position = segment.Bytes;
                throw;
            }

            segment.Bytes += buffer.WrittenCount;
            segment.Lines += lines.Count;
            NextLine += lines.Count;
        }
    }

    /// <summary>The next lines to hand over, as they are on disk; null where there are none.</summary>
    /// <param name="mostBytes">At least one line is read, however long.</param>
    public SpoolBatch? Read(int mostBytes)
    {
        lock (_gate)
        {
            if (FirstLine >= NextLine)
            {
                return null;
            }

            RemoveUpTo(FirstLine);
            using var file = new FileStream(PathOf(_segments[0].First), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 1);
            var left = _segments[0].Bytes - _offset;
            for (var size = (int)Math.Min(left, mostBytes); ; size = (int)Math.Min(left, size * 4L))
            {
                var bytes = new byte[size];
                file.Position = _offset;
                file.ReadExactly(bytes);
                var end = bytes.AsSpan().LastIndexOf((byte)'\n');
                if (end >= 0)
                {
                    return new SpoolBatch(FirstLine, bytes.AsMemory(0, end + 1));
                }
            }
        }
    }

    /// <summary>Forgets what was taken in.</summary>
    /// <param name="nextLine">The first line that was not.</param>
    public void Acknowledge(long nextLine)
    {
        lock (_gate)
        {
            // The other side cannot have what was never made, unless this disk has lost it: then numbers go on from there.
            if (nextLine > NextLine)
            {
                Discard();
                NextLine = FirstLine = nextLine;
                return;
            }

            RemoveUpTo(nextLine);
            if (_segments is [var first, ..] && nextLine > FirstLine)
            {
                FirstLine = Math.Max(FirstLine, first.First);
                _offset += Skip(first, nextLine - FirstLine);
            }

            FirstLine = Math.Max(FirstLine, nextLine);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _file?.Dispose();

    private static (long Lines, long Bytes) Measure(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        var buffer = new byte[64 * 1024];
        long lines = 0, whole = 0, position = 0;
        for (int got; (got = file.Read(buffer)) > 0; position += got)
        {
            var piece = buffer.AsSpan(0, got);
            lines += piece.Count((byte)'\n');
            whole = piece.LastIndexOf((byte)'\n') is >= 0 and var end ? position + end + 1 : whole;
        }

        file.SetLength(whole);
        return (lines, whole);
    }

    private Segment Begin()
    {
        _file?.Dispose();
        _file = null;
        _file = new FileStream(
            PathOf(NextLine),
            new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                Share = FileShare.ReadWrite | FileShare.Delete,
                BufferSize = 0,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
        var segment = new Segment(NextLine);
        if (_segments.Count == 0)
        {
            _offset = 0;
        }

        _segments.Add(segment);
        return segment;
    }

    private long Skip(Segment segment, long lines)
    {
        using var file = new FileStream(PathOf(segment.First), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 1);
        file.Position = _offset;
        var buffer = new byte[64 * 1024];
        long skipped = 0;
        for (int got; lines > 0 && (got = file.Read(buffer)) > 0;)
        {
            for (var piece = buffer.AsSpan(0, got); lines > 0 && piece.IndexOf((byte)'\n') is >= 0 and var end; piece = piece[(end + 1)..], lines--)
            {
                skipped += end + 1;
                got -= end + 1;
            }

            // Where the last line goes on beyond the buffer, all of it belongs to that line.
            skipped += lines > 0 ? got : 0;
        }

        return skipped;
    }

    // The last one stays: its name is what the numbers go on from after a crash.
    private void RemoveUpTo(long line)
    {
        while (_segments is [var segment, _, ..] && segment.First + segment.Lines <= line)
        {
            Remove(segment);
        }
    }

    private void Discard()
    {
        while (_segments is [var segment, ..])
        {
            Remove(segment);
        }
    }

    private void Remove(Segment segment)
    {
        _segments.Remove(segment);
        _offset = 0;
        if (_segments.Count == 0)
        {
            _file?.Dispose();
            _file = null;
        }

        File.Delete(PathOf(segment.First));
    }

    private string PathOf(long first) => Path.Combine(_folder, first.ToString("D19", CultureInfo.InvariantCulture) + Extension);

    private sealed class Segment(long first)
    {
        public long First { get; } = first;

        public long Lines { get; set; }

        public long Bytes { get; set; }
    }
}

/// <summary>Lines to hand over.</summary>
/// <param name="FirstLine">The number of the first.</param>
/// <param name="Lines">Each an <see cref="OutputLine"/> in JSON with a line end.</param>
internal sealed record SpoolBatch(long FirstLine, ReadOnlyMemory<byte> Lines);
