using System.Globalization;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Execution.Transcripts;

/// <summary>A line of a runtime's output.</summary>
/// <param name="Number">From 0.</param>
/// <param name="At">When it was read, by its host's clock.</param>
/// <param name="Source">Where from.</param>
/// <param name="Text">Without its line end.</param>
public sealed record NumberedLine(long Number, DateTimeOffset At, OutputSource Source, string Text);

/// <summary>A range of a runtime's output.</summary>
/// <param name="RuntimeId">Which.</param>
/// <param name="Items">In order, without gaps.</param>
/// <param name="NextLine">Where to go on.</param>
/// <param name="Lines">How many there are in all.</param>
/// <param name="Ended">There will be no more.</param>
public sealed record OutputRange(Guid RuntimeId, IReadOnlyList<NumberedLine> Items, long NextLine, long Lines, bool Ended);

/// <summary>Whether a transcript is what it was when it was closed.</summary>
/// <param name="RuntimeId">Which.</param>
/// <param name="State"><c>open</c> (there may be more), <c>intact</c>, <c>altered</c>, <c>missing</c>, or <c>removed</c> (for its age, by the policy of retention).</param>
/// <param name="Lines">Lines that count.</param>
/// <param name="Bytes">Bytes that count.</param>
/// <param name="Sha256">Of these, when it was closed; lower-case hex.</param>
public sealed record TranscriptProof(Guid RuntimeId, string State, long Lines, long Bytes, string? Sha256);

/// <summary>Where a text stands in a runtime's output.</summary>
/// <param name="Text">What was looked for, in any case of letters.</param>
/// <param name="Lines">The numbers of the lines that have it.</param>
/// <param name="IsCut">There are more than are told.</param>
public sealed record FoundLines(string Text, IReadOnlyList<long> Lines, bool IsCut);

/// <summary>Reads transcripts.</summary>
public sealed class TranscriptQueries(NpgsqlDataSource database, TranscriptStore transcripts, OutputFeed feed)
{
    /// <summary>The longest range.</summary>
    public const int MostLines = 2_000;

    private const int MostFound = 5_000;

    /// <summary>A range when nothing is said.</summary>
    public const int DefaultLines = 500;

    /// <summary>Reads a range. Costs what it has, however long the transcript is.</summary>
    /// <param name="runtime">Whose output.</param>
    /// <param name="first">The first line: 0 or more.</param>
    /// <param name="most">1 to <see cref="MostLines"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Null where there is no such runtime.</returns>
    public async Task<OutputRange?> ReadAsync(Guid runtime, long first, int most, CancellationToken cancellationToken)
    {
        if (await FindAsync(runtime, cancellationToken) is not { } found)
        {
            return null;
        }

        if (found.RemovedAt is { } removedAt)
        {
            // Said where the output was, so that whoever reads it need not know of retention.
            NumberedLine[] only = first == 0 ? [new NumberedLine(0, removedAt, OutputSource.Note, string.Create(CultureInfo.InvariantCulture, $"({found.Standing.Lines} lines were here; they were removed on {removedAt.UtcDateTime:yyyy-MM-dd}, past the time that output is kept)"))] : [];
            return new OutputRange(runtime, only, 1, 1, Ended: true);
        }

        var items = transcripts.Of(found.Session, runtime).Read(found.Standing, first, most).Select((l, i) => new NumberedLine(first + i, l.At, l.Source, l.Text)).ToArray();
        return new OutputRange(runtime, items, items.Length == 0 ? Math.Min(first, found.Standing.Lines) : first + items.Length, found.Standing.Lines, found.Sha256 is not null || found.IsOver);
    }

    /// <summary>The same, held back until there is something, there will be nothing more, or the patience is over.</summary>
    public async Task<OutputRange?> ReadAsync(Guid runtime, long first, int most, TimeSpan patience, CancellationToken cancellationToken)
    {
        using var watch = feed.Watch(runtime);
        var range = await ReadAsync(runtime, first, most, cancellationToken);
        if (patience <= TimeSpan.Zero || range is null or { Items.Count: > 0 } or { Ended: true })
        {
            return range;
        }

        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        enough.CancelAfter(patience);
        try
        {
            await watch.WaitForMoreAsync(first, enough.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return range;
        }

        return await ReadAsync(runtime, first, most, cancellationToken);
    }

    /// <summary>Finds a text; reads the whole transcript, part by part.</summary>
    public async Task<FoundLines> FindAsync(Guid runtime, string text, CancellationToken cancellationToken)
    {
        var lines = new List<long>();
        if (await FindAsync(runtime, cancellationToken) is { RemovedAt: null } found)
        {
            var file = transcripts.Of(found.Session, runtime);
            for (var first = 0L; first < found.Standing.Lines && lines.Count <= MostFound; first += MostLines)
            {
                cancellationToken.ThrowIfCancellationRequested();
                lines.AddRange(file.Read(found.Standing, first, MostLines).Index().Where(l => l.Item.Text.Contains(text, StringComparison.OrdinalIgnoreCase)).Select(l => first + l.Index));
            }
        }

        return new FoundLines(text, lines.Count > MostFound ? lines[..MostFound] : lines, lines.Count > MostFound);
    }

    /// <summary>The newest line of each of several runtimes that has any.</summary>
    public async Task<IReadOnlyDictionary<Guid, NumberedLine>> NewestAsync(IReadOnlyCollection<Guid> runtimes, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("select id, session_id, transcript_lines, transcript_bytes from runtimes where id = any(@ids) and transcript_lines > 0 and transcript_removed_at is null");
        command.Parameters.AddWithValue("ids", runtimes.ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var newest = new Dictionary<Guid, NumberedLine>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var standing = new TranscriptStanding(reader.GetInt64(2), reader.GetInt64(3));
            if (transcripts.Of(reader.GetGuid(1), reader.GetGuid(0)).Read(standing, standing.Lines - 1, 1) is [var line])
            {
                newest[reader.GetGuid(0)] = new NumberedLine(standing.Lines - 1, line.At, line.Source, line.Text);
            }
        }

        return newest;
    }

    /// <summary>Reads the whole of it and compares it with the hash that was taken when it was closed.</summary>
    public async Task<TranscriptProof?> ProveAsync(Guid runtime, CancellationToken cancellationToken)
    {
        if (await FindAsync(runtime, cancellationToken) is not { } found)
        {
            return null;
        }

        var file = transcripts.Of(found.Session, runtime);
        var state = found.RemovedAt is not null ? "removed"
            : found.Sha256 is null ? "open"
            : file.Length == 0 && found.Standing.Bytes > 0 ? "missing"
            : file.Length == found.Standing.Bytes && file.Hash(found.Standing) is { } hash && hash.AsSpan().SequenceEqual(found.Sha256) ? "intact" : "altered";
        return new TranscriptProof(runtime, state, found.Standing.Lines, found.Standing.Bytes, found.Sha256 is { } known ? Convert.ToHexStringLower(known) : null);
    }

    private async Task<Found?> FindAsync(Guid runtime, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"select session_id, transcript_lines, transcript_bytes, transcript_sha256, phase = 'ended' and ended_at < clock_timestamp() - {KeepTranscripts.SettledFor}, transcript_removed_at from runtimes where id = @id");
        command.Parameters.AddWithValue("id", runtime);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new Found(reader.GetGuid(0), new TranscriptStanding(reader.GetInt64(1), reader.GetInt64(2)), reader.IsDBNull(3) ? null : reader.GetFieldValue<byte[]>(3), reader.GetBoolean(4), reader.ValueOrNull<DateTimeOffset>(5))
            : null;
    }

    private sealed record Found(Guid Session, TranscriptStanding Standing, byte[]? Sha256, bool IsOver, DateTimeOffset? RemovedAt);
}
