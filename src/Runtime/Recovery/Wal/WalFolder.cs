using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using ControlCenter.Domain.Recovery;

namespace ControlCenter.Runtime.Recovery.Wal;

/// <summary>The log that was received and waits to be sealed in the repository.</summary>
/// <param name="path">Where <c>pg_receivewal</c> writes.</param>
internal sealed partial class WalFolder(string path)
{
    /// <summary>Its path.</summary>
    public string Path { get; } = path;

    /// <summary>What is in it, in order.</summary>
    public IReadOnlyList<WalSegment> Segments() => Segments(Path);

    /// <summary>Removes another cluster's log, which would pass for this one's where its places are alike.</summary>
    /// <param name="system">This cluster's system identifier.</param>
    /// <returns>How many segments there were.</returns>
    public int RemoveForeign(string system)
    {
        var foreign = Segments().Where(s => SystemOf(PathOf(s)) is { } other && other != system).ToList();
        foreach (var segment in foreign)
        {
            File.Delete(PathOf(segment));
        }

        return foreign.Count;
    }

    /// <summary>Removes what a full disk cut short: the receiver refuses it, and so does a server that it is restored to.</summary>
    public void RemoveCutShort()
    {
        foreach (var partial in Segments().Where(s => s.IsPartial && new FileInfo(PathOf(s)).Length != WalSegment.DefaultBytes))
        {
            File.Delete(PathOf(partial));
        }
    }

    /// <summary>Whether there is log that ends before the server's begins: nobody else may have it, and the receiver does not go on from it.</summary>
    /// <param name="kept">From where on the server keeps log for the receiver.</param>
    public bool EndsBefore(Lsn kept) => Next() < WalSegment.At(1, kept).Number;

    /// <summary>
    /// Removes what the receiver would refuse to go on from at every start: a file that a full disk cut short, and log that ends before the
    /// server's begins, because another host has received since or the server gave it up, or behind its end, because that was set back.
    /// </summary>
    /// <param name="kept">From where on the server keeps log for the receiver; it has had what is before.</param>
    /// <param name="written">How far the server has written.</param>
    public void MakeReady(Lsn kept, Lsn written)
    {
        RemoveCutShort();
        if (EndsBefore(kept) || Next() > WalSegment.At(1, written).Number)
        {
            foreach (var segment in Segments())
            {
                File.Delete(PathOf(segment));
            }
        }
    }

    /// <summary>
    /// Puts a second name of each file into another folder, so that what is uploaded keeps its name while the receiver renames
    /// its own: restic would otherwise miss the one that is finished just then. A finished one keeps the second name that it has, for
    /// to give it one changes the file's ctime, by which restic would read all of it anew.
    /// </summary>
    /// <param name="into">A folder on the same disk, in which nothing but this puts anything.</param>
    public IReadOnlyList<WalSegment> Stage(string into)
    {
        Directory.CreateDirectory(into);
        foreach (var name in Directory.GetFiles(into).Select(System.IO.Path.GetFileName))
        {
            if (WalSegment.TryParse(name!) is not { IsPartial: false } || !File.Exists(System.IO.Path.Combine(Path, name!)))
            {
                File.Delete(System.IO.Path.Combine(into, name!));
            }
        }

        while (!TryStage(into))
        {
            // One got its last name while they were looked at: it is there under that.
        }

        var staged = Segments(into);
        // One that was finished between two looks is there under both names: the finished one has all of it.
        foreach (var partial in staged.Where(s => s.IsPartial && staged.Contains(s with { IsPartial = false })).ToList())
        {
            File.Delete(System.IO.Path.Combine(into, partial.FileName()));
        }

        return Segments(into);
    }

    /// <summary>Removes what is sealed, but for the newest finished segment: the receiver goes on from it.</summary>
    public void RemoveSealed(IEnumerable<WalSegment> segments)
    {
        var newest = Segments().Where(s => !s.IsPartial).OrderBy(s => (s.Timeline, s.Number)).LastOrDefault();
        foreach (var segment in segments.Where(s => !s.IsPartial && s != newest))
        {
            File.Delete(PathOf(segment));
        }
    }

    /// <summary>Gives a file a second name; false where that cannot be, on another disk say.</summary>
    internal static bool TryLink(string from, string to) => Link(from, to) == 0;

    private const int NoSuchFile = 2; // ENOENT (errno(3))
    private const int AlreadyThere = 17; // EEXIST

    // The segment that the receiver would go on with; null where there is none to go on from.
    private ulong? Next() => Segments().Select(s => (ulong?)(s.IsPartial ? s.Number : s.Number + 1)).Max();

    // The first page's long header: after 24 bytes that each page has, the cluster's (PostgreSQL, xlog_internal.h). Zeros where nothing was received yet.
    private static string? SystemOf(string path)
    {
        Span<byte> header = stackalloc byte[32];
        using var file = File.OpenRead(path);
        return file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) == header.Length && BinaryPrimitives.ReadInt64LittleEndian(header[24..]) is not 0 and var system
            ? system.ToString(CultureInfo.InvariantCulture)
            : null;
    }

    private string PathOf(WalSegment segment) => System.IO.Path.Combine(Path, segment.FileName());

    private bool TryStage(string into)
    {
        var all = true;
        foreach (var file in Directory.GetFiles(Path))
        {
            if (Link(file, System.IO.Path.Combine(into, System.IO.Path.GetFileName(file))) != 0)
            {
                var error = Marshal.GetLastPInvokeError();
                all &= error is AlreadyThere
                    || (error is NoSuchFile ? false : throw new IOException($"{file} cannot be given a second name: {Marshal.GetPInvokeErrorMessage(error)}"));
            }
        }

        return all;
    }

    private static List<WalSegment> Segments(string path) =>
        [.. Directory.EnumerateFiles(path).Select(f => WalSegment.TryParse(System.IO.Path.GetFileName(f))).OfType<WalSegment>()
            .OrderBy(s => (s.Timeline, s.Number))];

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string from, string to);
}
