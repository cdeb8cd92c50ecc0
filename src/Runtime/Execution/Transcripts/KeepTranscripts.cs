using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Execution.Transcripts;

/// <summary>Has transcripts reach the disk, and closes those of runtimes that are over: from then on their hash stands in the row, and nothing more is taken. What retention has given up it removes from this bus's disk.</summary>
public sealed partial class KeepTranscripts(
    NpgsqlDataSource database, Transactions transactions, TranscriptStore transcripts, OutputFeed feed, TimeProvider time, ILogger<KeepTranscripts> logger)
    : SupervisedService("transcripts", time, logger)
{
    /// <summary>How much of the newest output a machine that goes down may take along: 2 s.</summary>
    public static readonly TimeSpan FlushEvery = TimeSpan.FromSeconds(2);

    /// <summary>In SQL, how long a host that has not handed over all lines has to do so once its runtime is over: it may have been cut off.</summary>
    internal const string SettledFor = "interval '15 minutes'";

    private const int MostAtOnce = 100;

    // All files are looked at, which takes a tenth of a second for 100,000: what goes is months old, and may as well go an hour later.
    private static readonly TimeSpan SweepEvery = TimeSpan.FromHours(1);
    private const int SweptAtOnce = 1_000;

    private const string ToClose =
        $"""
        select id from runtimes
        where phase = 'ended' and transcript_sha256 is null and transcript_lines > 0
            and (transcript_lines >= output_lines or ended_at < clock_timestamp() - {SettledFor})
            and id <> all(@refused)
        order by ended_at limit @most
        """;

    // Those that the disk does not let be closed; the next sweep has them tried again. Else the oldest of them were all that is tried.
    private readonly HashSet<Guid> _refused = [];

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(FlushEvery, Time);
        long? sweptAt = null;
        do
        {
            // One that cannot be flushed is tried again with its next line, and when it is closed.
            var flushed = transcripts.TakeUnflushed().Count(t => Try("written to disk", t.Runtime, () => transcripts.Of(t.Session, t.Runtime).FlushToDisk()));
            var closed = await CloseAsync(stoppingToken);
            if (sweptAt is not { } last || Time.GetElapsedTime(last) >= SweepEvery)
            {
                await SweepAsync(stoppingToken);
                _refused.Clear();
                sweptAt = Time.GetTimestamp();
            }

            Beat(string.Create(CultureInfo.InvariantCulture, $"{flushed} written to disk, {closed} closed"));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>Removes the files of which the rows say that they are removed (<see cref="OldTranscripts"/>). Returns how many that were.</summary>
    public async Task<int> SweepAsync(CancellationToken cancellationToken)
    {
        var runtimes = new List<Guid>();
        foreach (var session in transcripts.Sessions())
        {
            Try("looked through", session, () =>
            {
                runtimes.AddRange(transcripts.Runtimes(session));
                // A removal that was cut off can have left it.
                transcripts.RemoveIfEmpty(session);
            });
        }

        var swept = 0;
        foreach (var here in runtimes.Chunk(SweptAtOnce))
        {
            await using var command = database.CreateCommand("select session_id, id from runtimes where id = any(@ids) and transcript_removed_at is not null");
            command.Parameters.AddWithValue("ids", here);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                var (session, runtime) = (reader.GetGuid(0), reader.GetGuid(1));
                swept += Try("removed", runtime, () => transcripts.Remove(session, runtime)) ? 1 : 0;
            }
        }

        return swept;
    }

    private async Task<int> CloseAsync(CancellationToken cancellationToken)
    {
        var closed = 0;
        foreach (var id in await FindAsync(cancellationToken))
        {
            try
            {
                if (await transactions.RunAsync(Caller.Host, (unit, ct) => CloseAsync(unit, id, ct), cancellationToken) is { } lines)
                {
                    closed++;
                    feed.Publish(id, lines, ended: true);
                }
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                _refused.Add(id);
                LogRefused(Logger, id, "closed", fault);
            }
        }

        return closed;
    }

    private async Task<long?> CloseAsync(UnitOfWork unit, Guid id, CancellationToken cancellationToken)
    {
        Guid session;
        TranscriptStanding standing;
        await using (var command = unit.Command(
            "select session_id, transcript_lines, transcript_bytes from runtimes where id = @id and transcript_sha256 is null for update", ("id", id)))
        {
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            if (!await reader.ReadAsync(cancellationToken))
            {
                return null;
            }

            (session, standing) = (reader.GetGuid(0), new TranscriptStanding(reader.GetInt64(1), reader.GetInt64(2)));
        }

        var file = transcripts.Of(session, id);
        if (file.Length != standing.Bytes)
        {
            // What the disk did not keep is said in its place, and what was never committed is taken away, as with an append.
            LogRepaired(Logger, id, file.Length, standing.Bytes);
            standing = file.Append(standing, []);
        }

        file.FlushToDisk();
        await unit.ExecuteAsync(
            "update runtimes set transcript_bytes = @bytes, transcript_sha256 = @hash where id = @id",
            cancellationToken, ("id", id), ("bytes", standing.Bytes), ("hash", file.Hash(standing)!));
        return standing.Lines;
    }

    private async Task<List<Guid>> FindAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(ToClose);
        command.Parameters.AddWithValue("most", MostAtOnce);
        command.Parameters.AddWithValue("refused", _refused.ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<Guid>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(reader.GetGuid(0));
        }

        return found;
    }

    // A file that the disk refuses holds up no other.
    private bool Try(string done, Guid whose, Action work)
    {
        try
        {
            work();
            return true;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            LogRefused(Logger, whose, done, fault);
            return false;
        }
    }

    [LoggerMessage(EventId = 1501, Level = LogLevel.Warning, Message = "The transcript of runtime {Runtime} had {Bytes} bytes where {Expected} count; it was put right")]
    private static partial void LogRepaired(ILogger logger, Guid runtime, long bytes, long expected);

    [LoggerMessage(EventId = 1502, Level = LogLevel.Warning, Message = "The transcript of {Whose} could not be {Done}; the others go on")]
    private static partial void LogRefused(ILogger logger, Guid whose, string done, Exception fault);
}
