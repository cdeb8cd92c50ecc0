using System.Globalization;
using System.Security.Cryptography;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Files;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>The files come back: each transcript that the database refers to is in the newest copy, with the hash that the database has of it.</summary>
internal sealed class ProveFiles(NpgsqlDataSource database, ScratchRestore scratch) : IDrillProof
{
    // A transcript is closed some seconds after its runtime's end; what ended just before the copy may still have been open.
    private static readonly TimeSpan ClosedBy = TimeSpan.FromMinutes(1);

    private const int MostNamed = 5;

    public DrillScenario Scenario => DrillScenario.ObjectStorage;

    public async Task ExecuteAsync(Drill drill, CancellationToken cancellationToken)
    {
        var repository = await scratch.OpenAsync(drill, escrowed: false, cancellationToken);
        var copy = repository.Index.Snapshots.LastOrDefault(s => s.Kind == SnapshotKind.Files)
            ?? throw new DrillNotPossibleException("The repository holds no copy of the files: none has been taken yet.");
        drill.Snapshot = copy;
        drill.RestoredTo = copy.At;
        var target = Directory.CreateDirectory(Path.Combine(drill.Folder, "files")).FullName;
        RestoredFiles? restored = null;
        await drill.StepAsync("restore the newest copy of the files", 2, async ct =>
        {
            restored = await new RestoreFiles(repository.Restic).ExecuteAsync(copy, target, ct);
            return string.Create(CultureInfo.InvariantCulture, $"{restored.Files} files, each with the hash that its inventory has; {restored.KeptBack.Count} were kept back for secrets in them");
        }, cancellationToken);
        await drill.StepAsync(
            "compare them with what the database refers to", 2,
            ct => CompareAsync(target, [.. restored!.KeptBack.Select(k => k.Path)], copy.At - ClosedBy, ct), cancellationToken);
    }

    private async Task<string> CompareAsync(string target, HashSet<string> keptBack, DateTimeOffset closedBy, CancellationToken cancellationToken)
    {
        var wrong = new List<string>();
        var compared = 0;
        await foreach (var (name, bytes, hash) in ReferencesAsync(closedBy, cancellationToken))
        {
            // What was never to be in a copy is named with the copy, and is an alert there.
            if (keptBack.Contains(name))
            {
                continue;
            }

            compared++;
            var file = Path.Combine(target, name);
            if (!File.Exists(file))
            {
                wrong.Add($"{name} is missing");
            }
            else if (!(await HashAsync(file, bytes, cancellationToken)).AsSpan().SequenceEqual(hash))
            {
                wrong.Add($"{name} is not what it was");
            }
        }

        return wrong.Count == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{compared} transcripts are there, each with its hash")
            : throw new DrillFailedException(string.Create(
                CultureInfo.InvariantCulture, $"{wrong.Count} of {compared} transcripts: {string.Join(", ", wrong.Take(MostNamed))}{(wrong.Count > MostNamed ? ", …" : "")}"));
    }

    private async IAsyncEnumerable<(string Name, long Bytes, byte[] Hash)> ReferencesAsync(
        DateTimeOffset closedBy, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            "select session_id, id, transcript_bytes, transcript_sha256 from runtimes where transcript_sha256 is not null and transcript_removed_at is null and ended_at < @by");
        command.Parameters.AddWithValue("by", closedBy.UtcDateTime);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            yield return ($"transcripts/{reader.GetGuid(0)}/{reader.GetGuid(1)}.ndjson", reader.GetInt64(2), reader.GetFieldValue<byte[]>(3));
        }
    }

    // As it was closed: no more of it counts than the database says.
    private static async Task<byte[]> HashAsync(string file, long bytes, CancellationToken cancellationToken)
    {
        await using var stream = File.OpenRead(file);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[64 * 1024];
        while (bytes > 0 && await stream.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, bytes)), cancellationToken) is > 0 and var read)
        {
            hash.AppendData(buffer, 0, read);
            bytes -= read;
        }

        return hash.GetHashAndReset();
    }
}
