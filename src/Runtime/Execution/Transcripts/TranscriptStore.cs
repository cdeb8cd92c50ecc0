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

    internal TranscriptFile Of(Guid session, Guid runtime) => new(Path.Combine(folder, session.ToString(), $"{runtime}.ndjson"));

    internal TranscriptStanding Append(Guid session, Guid runtime, TranscriptStanding standing, ReadOnlySpan<OutputLine> lines)
    {
        _unflushed[(session, runtime)] = true;
        return Of(session, runtime).Append(standing, lines);
    }

    /// <summary>Every runtime that has a file here.</summary>
    internal IEnumerable<Guid> Runtimes() => !Directory.Exists(folder) ? [] : Directory.EnumerateFiles(folder, "*.ndjson", SearchOption.AllDirectories)
        .Select(f => Guid.TryParse(Path.GetFileNameWithoutExtension(f), out var id) ? id : (Guid?)null).OfType<Guid>();

    /// <summary>Removes a transcript; one that is gone already is as good.</summary>
    internal void Remove(Guid session, Guid runtime)
    {
        Of(session, runtime).Remove();
        var itsFolder = Path.Combine(folder, session.ToString());
        if (Directory.Exists(itsFolder) && !Directory.EnumerateFileSystemEntries(itsFolder).Any())
        {
            Directory.Delete(itsFolder);
        }
    }

    /// <summary>Flushes what was appended since the last time. Returns how many files that were.</summary>
    internal int FlushToDisk()
    {
        var flushed = 0;
        foreach (var key in _unflushed.Keys)
        {
            _unflushed.TryRemove(key, out _);
            Of(key.Session, key.Runtime).FlushToDisk();
            flushed++;
        }

        return flushed;
    }
}
