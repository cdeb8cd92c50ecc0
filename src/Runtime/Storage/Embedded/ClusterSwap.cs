using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Storage.Embedded;

/// <summary>A restored cluster that is to take the place of a host's own.</summary>
/// <param name="RestoreId">The restore that it came from; null for one by hand.</param>
/// <param name="From">The restored cluster's folder, on the same disk as the host's.</param>
/// <param name="Aside">The name, in the data folder, by which the cluster of now is kept.</param>
/// <param name="Target">The moment that it was restored to.</param>
/// <param name="RequestedAt">When it was asked for.</param>
public sealed record SwapRequest(Guid? RestoreId, string From, string Aside, DateTimeOffset Target, DateTimeOffset RequestedAt);

/// <summary>How a swap came out, for the host that starts on it to write down.</summary>
/// <param name="Request">What was asked for.</param>
/// <param name="Problem">Why the cluster of before is still in its place; null where the restored one is.</param>
/// <param name="Record">What the database that was replaced knew of the restore, as JSON; null for none.</param>
public sealed record SwapOutcome(SwapRequest Request, string? Problem, string? Record = null);

/// <summary>
/// Puts a restored cluster in the place of a host's own, which is kept beside it. Two renames with a note written before them: whatever
/// is interrupted is finished by the next start, and never starts on an empty cluster.
/// </summary>
public static partial class ClusterSwap
{
    private const string NoteName = "replace-cluster.json";
    private const string OutcomeName = "cluster-replaced.json";
    private const string RecordName = "replace-record.json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>What is to be typed to have it done.</summary>
    public static string Confirmation(string home) => $"replace {Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(home)))}";

    /// <summary>The name by which a cluster is kept that is replaced at a moment.</summary>
    public static string AsideName(DateTimeOffset now) => string.Create(CultureInfo.InvariantCulture, $"postgres-before-{now.UtcDateTime:yyyyMMddTHHmmssZ}");

    /// <summary>Notes that it is to be done before the next start.</summary>
    /// <param name="home">The host's data folder.</param>
    /// <param name="request">What.</param>
    /// <param name="record">What is known of the restore, for <see cref="SwapOutcome.Record"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task RequestAsync(string home, SwapRequest request, string? record, CancellationToken cancellationToken)
    {
        if (record is not null)
        {
            await WriteWholeAsync(home, RecordName, record, cancellationToken);
        }

        await WriteWholeAsync(home, NoteName, JsonSerializer.Serialize(request, Json), cancellationToken);
    }

    /// <summary>Takes the request back.</summary>
    public static void Withdraw(string home) => File.Delete(Path.Combine(home, NoteName));

    /// <summary>Whether a swap is asked for, or was interrupted.</summary>
    public static bool IsPending(string home) => File.Exists(Path.Combine(home, NoteName));

    /// <summary>Does what was asked for, or finishes what was interrupted. The host's lock is held, and nothing runs on the cluster.</summary>
    /// <returns>How it came out; null where nothing was asked for.</returns>
    /// <exception cref="EmbeddedPostgresException">It can neither be done nor undone; nothing was changed.</exception>
    public static async Task<SwapOutcome?> FinishAsync(string home, ILogger logger, CancellationToken cancellationToken)
    {
        var note = Path.Combine(home, NoteName);
        if (!File.Exists(note))
        {
            return null;
        }

        SwapRequest request;
        try
        {
            request = JsonSerializer.Deserialize<SwapRequest>(await File.ReadAllTextAsync(note, cancellationToken), Json) ?? throw new JsonException("it is empty");
        }
        catch (JsonException fault)
        {
            throw new EmbeddedPostgresException($"{note} asks for a restored cluster to take this one's place, and cannot be read: {fault.Message} Remove it to start on the cluster as it is.", fault);
        }

        var (here, aside) = (Path.Combine(home, "postgres"), Path.Combine(home, request.Aside));
        var problem = await MoveAsync(home, here, aside, request.From, logger);
        var recordFile = Path.Combine(home, RecordName);
        var outcome = new SwapOutcome(request, problem, File.Exists(recordFile) ? await File.ReadAllTextAsync(recordFile, cancellationToken) : null);
        await WriteWholeAsync(home, OutcomeName, JsonSerializer.Serialize(outcome, Json), cancellationToken);
        File.Delete(note);
        File.Delete(recordFile);
        return outcome;
    }

    /// <summary>How the last swap came out, while nobody has written it down.</summary>
    public static SwapOutcome? Outcome(string home)
    {
        var file = Path.Combine(home, OutcomeName);
        return File.Exists(file) ? JsonSerializer.Deserialize<SwapOutcome>(File.ReadAllText(file), Json) : null;
    }

    /// <summary>It is written down.</summary>
    public static void Forget(string home) => File.Delete(Path.Combine(home, OutcomeName));

    // Of three folders two are there at any moment: which two says how far it was.
    private static async Task<string?> MoveAsync(string home, string here, string aside, string from, ILogger logger)
    {
        switch (IsCluster(here), IsCluster(aside), IsCluster(from))
        {
            case (true, true, false):
                return null;
            case (_, false, true):
                if (Exists(here))
                {
                    Directory.Move(here, aside);
                    await SyncAsync(home);
                }

                break;
            case (false, true, true):
                LogGoesOn(logger, aside);
                break;
            case (true, false, false):
                LogNotThere(logger, from);
                return $"The restored cluster {from} was no longer there. The database is the one of before.";
            case (false, true, false):
                Directory.Move(aside, here);
                await SyncAsync(home);
                LogNotThere(logger, from);
                return $"The restored cluster {from} was no longer there, and the one of before was put back.";
            default:
                throw new EmbeddedPostgresException(
                    $"A restored cluster in {from} is to take the place of {here}, which is to be kept as {aside}; of these are there: {string.Join(", ", new[] { here, aside, from }.Where(IsCluster))}. Put what is missing back, or remove {Path.Combine(home, NoteName)}.");
        }

        // Log that was received from the cluster of before is not the new one's: it goes with it.
        var (received, kept) = (Path.Combine(home, "recovery", "wal"), Path.Combine(aside, "received-log"));
        if (Directory.Exists(received) && Exists(aside) && !Directory.Exists(kept))
        {
            Directory.Move(received, kept);
        }

        try
        {
            Directory.Move(from, here);
        }
        catch (IOException fault) when (Exists(aside))
        {
            // Another disk, say: what was is what goes on.
            if (Directory.Exists(kept) && !Directory.Exists(received))
            {
                Directory.Move(kept, received);
            }

            Directory.Move(aside, here);
            await SyncAsync(home);
            LogNotMoved(logger, fault, from);
            return $"The restored cluster {from} could not be moved to {here}, and the one of before was put back: {fault.Message}";
        }

        await SyncAsync(home);
        LogReplaced(logger, from, here, aside);
        return null;
    }

    private static bool Exists(string folder) => Directory.Exists(folder) || new FileInfo(folder).LinkTarget is not null;

    private static bool IsCluster(string folder) => File.Exists(Path.Combine(folder, "data", "PG_VERSION"));

    private static async Task WriteWholeAsync(string home, string name, string text, CancellationToken cancellationToken)
    {
        var (unfinished, whole) = (Path.Combine(home, name + ".new"), Path.Combine(home, name));
        await using (var file = new FileStream(
            unfinished, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
        {
            await file.WriteAsync(System.Text.Encoding.UTF8.GetBytes(text), cancellationToken);
            file.Flush(flushToDisk: true);
        }

        File.Move(unfinished, whole, overwrite: true);
        await SyncAsync(home);
    }

    // A rename outlives a power cut once its folder is on disk.
    private static Task SyncAsync(string folder) => ServerCommand.RunAsync("/bin/sync", [folder], asOwner: null, CancellationToken.None);

    [LoggerMessage(EventId = 1409, Level = LogLevel.Warning, Message = "The restored cluster {From} has taken the place of {Here}; the one of before is {Aside}")]
    private static partial void LogReplaced(ILogger logger, string from, string here, string aside);

    [LoggerMessage(EventId = 1410, Level = LogLevel.Warning, Message = "A replacement of the cluster was interrupted after {Aside} was put aside; it goes on")]
    private static partial void LogGoesOn(ILogger logger, string aside);

    [LoggerMessage(EventId = 1412, Level = LogLevel.Error, Message = "The cluster is not replaced: {From} could not be moved")]
    private static partial void LogNotMoved(ILogger logger, Exception fault, string from);

    [LoggerMessage(EventId = 1411, Level = LogLevel.Error, Message = "The cluster is not replaced: {From} is not there")]
    private static partial void LogNotThere(ILogger logger, string from);
}
