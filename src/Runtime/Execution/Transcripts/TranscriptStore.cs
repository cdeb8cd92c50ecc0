using System.Collections.Concurrent;

namespace ControlCenter.Runtime.Execution.Transcripts;

/// <summary>Where transcripts are: <c>transcripts/SESSION/RUNTIME.ndjson</c> under the data folder.</summary>
/// <remarks>
/// An append is in the machine's hands when it is answered: it outlives the bus, also one that is killed. It is on the disk within
/// <see cref="KeepTranscripts.FlushEvery"/>, and before its hash is written; a flush for each append would cost a busy host more
/// than every line of output is worth.
/// </remarks>
/// <param name="folder">The folder <c>transcripts</c>.</param>
public sealed class TranscriptStore(string folder)
{
    private readonly ConcurrentDictionary<(Guid Session, Guid Runtime), bool> _unflushed = new();

    internal TranscriptFile Of(Guid session, Guid runtime) => new(Path.Combine(FolderOf(session), $"{runtime}.ndjson"));

    internal TranscriptStanding Append(Guid session, Guid runtime, TranscriptStanding standing, ReadOnlySpan<OutputLine> lines)
    {
        _unflushed[(session, runtime)] = true;
        return Of(session, runtime).Append(standing, lines);
    }

    /// <summary>Every session that has a folder here.</summary>
    internal IReadOnlyList<Guid> Sessions() => Directory.Exists(folder) ? Ids(Directory.EnumerateDirectories(folder)) : [];

    /// <summary>Every runtime of a session that has a file here.</summary>
    internal IReadOnlyList<Guid> Runtimes(Guid session) => Ids(Directory.EnumerateFiles(FolderOf(session), "*.ndjson"));

    /// <summary>Removes a transcript; one that is gone already is as good.</summary>
    internal void Remove(Guid session, Guid runtime)
    {
        Of(session, runtime).Remove();
        RemoveIfEmpty(session);
    }

    /// <summary>Removes a session's folder once nothing is in it. An append that comes in between is refused, and tried again by its host.</summary>
    internal void RemoveIfEmpty(Guid session)
    {
        if (FolderOf(session) is var its && Directory.Exists(its) && !Directory.EnumerateFileSystemEntries(its).Any())
        {
            Directory.Delete(its);
        }
    }

    /// <summary>What was appended to since the last time.</summary>
    internal IReadOnlyList<(Guid Session, Guid Runtime)> TakeUnflushed() => [.. _unflushed.Keys.Where(k => _unflushed.TryRemove(k, out _))];

    private static IReadOnlyList<Guid> Ids(IEnumerable<string> paths) =>
        [.. paths.Select(p => Guid.TryParse(Path.GetFileNameWithoutExtension(p), out var id) ? id : (Guid?)null).OfType<Guid>()];

    private string FolderOf(Guid session) => Path.Combine(folder, session.ToString());
}
