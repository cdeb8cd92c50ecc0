using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Execution.Transcripts;

/// <summary>Takes in the output of what runs on a host. A line is taken once, by its number, however often it is handed over.</summary>
public sealed class AppendOutput(Transactions transactions, TranscriptStore transcripts, OutputFeed feed)
{
    /// <summary>The longest line, in characters.</summary>
    public const int LongestLine = 16_384;

    // A host whose bus has no room keeps its output and comes again: often enough to be over the worst soon after there is.
    private const int RetrySeconds = 10;

    /// <summary>Takes it in, and says of each runtime what is wanted next.</summary>
    /// <param name="host">Whose output it is.</param>
    /// <param name="batches">At the most 1 MiB of JSON together. Lines beyond a gap are not taken.</param>
    /// <param name="caller">The host itself.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ForbiddenException">The caller is another host.</exception>
    /// <exception cref="UnavailableException"><c>storage_unavailable</c>: nothing was taken.</exception>
    public async Task<IReadOnlyList<OutputStanding>> ExecuteAsync(Guid host, IReadOnlyList<OutputBatch> batches, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.RunHost);
        if (caller.ActorId != host)
        {
            throw new ForbiddenException($"'{caller.Name}' cannot hand over output as host {host}.");
        }

        Validate(batches);
        var taken = await transactions.RunAsync(caller, (unit, ct) => TakeAsync(unit, host, batches, ct), cancellationToken);
        foreach (var one in taken.Values.Where(t => t.Took))
        {
            feed.Publish(one.Id, one.Standing.Lines, ended: false);
        }

        return [.. batches.Select(b => b.RuntimeId).Distinct().Select(id => new OutputStanding(id, taken.TryGetValue(id, out var one) ? one.Standing.Lines : null))];
    }

    private static void Validate(IReadOnlyList<OutputBatch> batches)
    {
        var errors = new FieldErrors();
        for (var i = 0; i < batches.Count; i++)
        {
            var longest = batches[i].Lines.Select(l => l.Text.Length).DefaultIfEmpty().Max();
            errors.Add($"[{i}].first_line", batches[i].FirstLine < 0 ? $"0 or more; {batches[i].FirstLine} was given." : null)
                .Add($"[{i}].lines", longest > LongestLine ? $"A line has at the most {LongestLine} characters; one has {longest}." : null);
        }

        errors.ThrowIfAny();
    }

    private async Task<Dictionary<Guid, Taken>> TakeAsync(UnitOfWork unit, Guid host, IReadOnlyList<OutputBatch> batches, CancellationToken cancellationToken)
    {
        var runtimes = await LockAsync(unit, host, batches, cancellationToken);
        try
        {
            foreach (var batch in batches.Where(b => b.Lines.Count > 0))
            {
                if (runtimes.TryGetValue(batch.RuntimeId, out var runtime) && runtime.Token == batch.FencingToken && batch.FirstLine <= runtime.Standing.Lines)
                {
                    var fresh = batch.Lines.Skip((int)Math.Min(runtime.Standing.Lines - batch.FirstLine, batch.Lines.Count)).ToArray();
                    runtime.Took |= fresh.Length > 0;
                    runtime.Standing = fresh.Length == 0 ? runtime.Standing : transcripts.Append(runtime.Session, runtime.Id, runtime.Standing, fresh);
                }
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new UnavailableException(
                ProblemTypes.StorageUnavailable, "The output cannot be written: the disk of the bus is full, or its folder of transcripts cannot be written to. Keep it and try again.", RetrySeconds);
        }

        var changed = runtimes.Values.Where(r => r.Took).ToArray();
        await unit.ExecuteAsync(
            """
            update runtimes r set transcript_lines = t.lines, transcript_bytes = t.bytes
            from unnest(@ids, @lines, @bytes) as t(id, lines, bytes) where r.id = t.id
            """,
            cancellationToken, ("ids", Array.ConvertAll(changed, r => r.Id)), ("lines", Array.ConvertAll(changed, r => r.Standing.Lines)),
            ("bytes", Array.ConvertAll(changed, r => r.Standing.Bytes)));
        return runtimes;
    }

    // Those of which output is still wanted: of a slot that is this host's by this number, and whose transcript is not closed.
    private static async Task<Dictionary<Guid, Taken>> LockAsync(UnitOfWork unit, Guid host, IReadOnlyList<OutputBatch> batches, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select r.id, r.session_id, r.fencing_token, r.transcript_lines, r.transcript_bytes from runtimes r
            join unnest(@ids, @tokens) as b(id, token) on b.id = r.id and b.token = r.fencing_token
            where r.host_id = @host and r.transcript_sha256 is null
            order by r.id for update of r
            """,
            ("ids", batches.Select(b => b.RuntimeId).ToArray()), ("tokens", batches.Select(b => b.FencingToken).ToArray()), ("host", host));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var runtimes = new Dictionary<Guid, Taken>();
        while (await reader.ReadAsync(cancellationToken))
        {
            runtimes[reader.GetGuid(0)] = new Taken(reader.GetGuid(0), reader.GetGuid(1), reader.GetInt64(2)) { Standing = new TranscriptStanding(reader.GetInt64(3), reader.GetInt64(4)) };
        }

        return runtimes;
    }

    private sealed record Taken(Guid Id, Guid Session, long Token)
    {
        public TranscriptStanding Standing { get; set; }

        public bool Took { get; set; }
    }
}
