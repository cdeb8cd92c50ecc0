using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Execution.Transcripts;

/// <summary>
/// The output of one runtime: a line of JSON a line, and beside it where every 64th line begins, so that any range is read by
/// going there. Nothing is kept in memory: how much of it counts is what the runtime's row says.
/// </summary>
/// <param name="path">Of the file; the index has the same name with <c>.index</c> after it.</param>
internal sealed class TranscriptFile(string path)
{
    // Reading goes past at the most 63 lines that were not asked for; the index of 100,000 lines is 12 KiB.
    private const int Stride = 64;

    // Lines are 100 bytes as a rule and 16 KiB at the most.
    private const int BufferBytes = 128 * 1024;

    private readonly string _index = path + ".index";

    /// <summary>Where it is.</summary>
    public string Path => path;

    /// <summary>How many bytes there are on the disk; 0 where there is no file.</summary>
    public long Length => new FileInfo(path) is { Exists: true } file ? file.Length : 0;

    /// <summary>Adds lines after those that count. What a commit that never came has left behind them is taken away first.</summary>
    /// <param name="standing">What counts.</param>
    /// <param name="lines">What comes after it.</param>
    /// <returns>What counts once the caller has committed it.</returns>
    /// <exception cref="IOException">The disk is full, or cannot be written; nothing more counts.</exception>
    public TranscriptStanding Append(TranscriptStanding standing, ReadOnlySpan<OutputLine> lines)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        using var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, BufferBytes);
        using var index = new FileStream(_index, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        if (file.Length < standing.Bytes)
        {
            standing = Repair(file, index, standing);
        }

        if (file.Length > standing.Bytes)
        {
            file.SetLength(standing.Bytes);
        }

        Complete(file, index, standing);
        file.Position = standing.Bytes;
        var (count, bytes) = (standing.Lines, standing.Bytes);
        foreach (var line in lines)
        {
            if (count % Stride == 0)
            {
                WritePlace(index, bytes);
            }

            bytes += WriteLine(file, line);
            count++;
        }

        file.Flush();
        index.Flush();
        return new TranscriptStanding(count, bytes);
    }

    /// <summary>Reads a range of the lines that count.</summary>
    /// <returns>Fewer where the file is shorter than its row says.</returns>
    public IReadOnlyList<OutputLine> Read(TranscriptStanding standing, long first, int most)
    {
        var wanted = (int)Math.Min(most, standing.Lines - first);
        if (wanted <= 0 || !File.Exists(path))
        {
            return [];
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, BufferBytes, FileOptions.SequentialScan);
        var (line, place) = PlaceBefore(first, standing.Bytes);
        file.Position = place;
        using var reader = new StreamReader(file, bufferSize: BufferBytes);
        var lines = new List<OutputLine>(wanted);
        for (; lines.Count < wanted && reader.ReadLine() is { } text; line++)
        {
            if (line >= first)
            {
                lines.Add(Parse(text, lines));
            }
        }

        return lines;
    }

    /// <summary>The SHA-256 of the bytes that count; null where there are fewer.</summary>
    public byte[]? Hash(TranscriptStanding standing)
    {
        if (Length < standing.Bytes)
        {
            return null;
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        if (standing.Bytes > 0)
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.SequentialScan);
            var buffer = new byte[BufferBytes];
            for (var left = standing.Bytes; left > 0;)
            {
                var read = file.Read(buffer, 0, (int)Math.Min(buffer.Length, left));
                if (read == 0)
                {
                    return null;
                }

                hash.AppendData(buffer, 0, read);
                left -= read;
            }
        }

        return hash.GetHashAndReset();
    }

    /// <summary>Removes it with its index, and the index first: what is cut off between the two is found again by its lines.</summary>
    public void Remove()
    {
        if (Directory.Exists(System.IO.Path.GetDirectoryName(path)))
        {
            File.Delete(_index);
            File.Delete(path);
        }
    }

    /// <summary>Has what was written survive the machine.</summary>
    public void FlushToDisk()
    {
        foreach (var each in new[] { path, _index }.Where(File.Exists))
        {
            using var handle = File.OpenHandle(each, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            RandomAccess.FlushToDisk(handle);
        }
    }

    // The machine went down before the disk had what the row counts: the lines keep their numbers, and say that they are gone.
    private static TranscriptStanding Repair(FileStream file, FileStream index, TranscriptStanding standing)
    {
        var (lines, bytes) = WholeLines(file);
        file.SetLength(bytes);
        Complete(file, index, new TranscriptStanding(lines, bytes));
        file.Position = bytes;
        var lost = LostLine(new DateTimeOffset(File.GetLastWriteTimeUtc(file.Name), TimeSpan.Zero));
        for (; lines < standing.Lines; lines++)
        {
            if (lines % Stride == 0)
            {
                WritePlace(index, bytes);
            }

            bytes += WriteLine(file, lost);
        }

        file.Flush();
        return new TranscriptStanding(lines, bytes);
    }

    private static OutputLine LostLine(DateTimeOffset at) =>
        new(at, OutputSource.Note, "(this line is lost: the bus's machine went down before it was on the disk)");

    // A disk that lost power can leave the length of a file without what was in it.
    private static OutputLine Parse(string text, List<OutputLine> before)
    {
        try
        {
            return JsonSerializer.Deserialize<OutputLine>(text, WireJson.Options)!;
        }
        catch (JsonException)
        {
            return LostLine(before.Count > 0 ? before[^1].At : DateTimeOffset.UnixEpoch);
        }
    }

    // An index that is short (it is written after the lines) is completed from the lines; one that is long is cut.
    private static void Complete(FileStream file, FileStream index, TranscriptStanding standing)
    {
        var entries = (standing.Lines + Stride - 1) / Stride;
        if (index.Length > entries * sizeof(long))
        {
            index.SetLength(entries * sizeof(long));
        }

        var kept = index.Length / sizeof(long);
        index.SetLength(kept * sizeof(long));
        if (kept < entries)
        {
            var (line, place) = (0L, 0L);
            if (kept > 0)
            {
                index.Position = (kept - 1) * sizeof(long);
                Span<byte> last = stackalloc byte[sizeof(long)];
                index.ReadExactly(last);
                (line, place) = ((kept - 1) * Stride, BinaryPrimitives.ReadInt64LittleEndian(last));
            }

            index.Position = kept * sizeof(long);
            Scan(file, place, (end, number) =>
            {
                if ((line + number) % Stride == 0 && (line + number) / Stride >= kept && (line + number) < standing.Lines)
                {
                    WritePlace(index, end);
                }
            }, includesStart: kept == 0);
        }

        index.Position = index.Length;
    }

    private static (long Lines, long Bytes) WholeLines(FileStream file)
    {
        var (lines, bytes) = (0L, 0L);
        Scan(file, 0, (end, number) => (lines, bytes) = (number, end), includesStart: false);
        return (lines, bytes);
    }

    // Tells of the place after each line feed, and how many there were up to it.
    private static void Scan(FileStream file, long from, Action<long, long> found, bool includesStart)
    {
        if (includesStart)
        {
            found(from, 0);
        }

        file.Position = from;
        var buffer = new byte[BufferBytes];
        var (place, number) = (from, 0L);
        for (int read; (read = file.Read(buffer, 0, buffer.Length)) > 0; place += read)
        {
            for (var at = 0; buffer.AsSpan(at, read - at).IndexOf((byte)'\n') is var next && next >= 0;)
            {
                at += next + 1;
                found(place + at, ++number);
            }
        }
    }

    private (long Line, long Place) PlaceBefore(long line, long bytes)
    {
        if (!File.Exists(_index))
        {
            return (0, 0);
        }

        using var handle = File.OpenHandle(_index, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var entry = Math.Min(line / Stride, RandomAccess.GetLength(handle) / sizeof(long) - 1);
        Span<byte> place = stackalloc byte[sizeof(long)];
        return entry > 0 && RandomAccess.Read(handle, place, entry * sizeof(long)) == sizeof(long) && BinaryPrimitives.ReadInt64LittleEndian(place) is var found && found <= bytes
            ? (entry * Stride, found)
            : (0, 0);
    }

    private static void WritePlace(FileStream index, long place)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, place);
        index.Write(bytes);
    }

    private static int WriteLine(FileStream file, OutputLine line)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(line, WireJson.Options);
        file.Write(bytes);
        file.WriteByte((byte)'\n');
        return bytes.Length + 1;
    }
}

/// <summary>How much of a transcript counts.</summary>
/// <param name="Lines">Lines.</param>
/// <param name="Bytes">Bytes that they take.</param>
public readonly record struct TranscriptStanding(long Lines, long Bytes);
