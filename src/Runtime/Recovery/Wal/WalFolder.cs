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

    /// <summary>
    /// Puts a second name of each file into another folder, so that what is uploaded keeps its name while the receiver renames
    /// its own: restic would otherwise miss the one that is finished just then.
    /// </summary>
    /// <param name="into">A folder on the same disk; what is in it is removed first.</param>
    public IReadOnlyList<WalSegment> Stage(string into)
    {
        if (Directory.Exists(into))
        {
            Directory.Delete(into, recursive: true);
        }

        Directory.CreateDirectory(into);
        foreach (var file in Directory.EnumerateFiles(Path))
        {
            if (Link(file, System.IO.Path.Combine(into, System.IO.Path.GetFileName(file))) != 0 && Marshal.GetLastPInvokeError() is var error and not NoSuchFile)
            {
                throw new IOException($"{file} cannot be given a second name: {Marshal.GetPInvokeErrorMessage(error)}");
            }
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
            File.Delete(System.IO.Path.Combine(Path, segment.FileName()));
        }
    }

    /// <summary>Gives a file a second name; false where that cannot be, on another disk say.</summary>
    internal static bool TryLink(string from, string to) => Link(from, to) == 0;

    private const int NoSuchFile = 2; // ENOENT (errno(3))

    private static List<WalSegment> Segments(string path) =>
        [.. Directory.EnumerateFiles(path).Select(f => WalSegment.TryParse(System.IO.Path.GetFileName(f))).OfType<WalSegment>()
            .OrderBy(s => (s.Timeline, s.Number))];

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string from, string to);
}
