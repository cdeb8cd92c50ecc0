using ControlCenter.Domain.Access;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Tools;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Backups;

/// <summary>A folder that is ready to be uploaded.</summary>
/// <param name="Marks">What it is; without its snapshot, which is made next.</param>
/// <param name="Manifest">What is in it, as JSON: what was in the database, or the files.</param>
public sealed record PreparedBackup(MarkedSnapshot Marks, string Manifest);

/// <summary>What all backups have in common: recorded from its beginning, made in a folder of its own, uploaded, recorded however it ended.</summary>
public sealed class RunBackup(RecoverySettings settings, Restic restic, RepositoryGate gate, BackupLog log, TimeProvider time)
{
    private static readonly TimeSpan MakingTakes = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    /// <summary>Runs one.</summary>
    /// <param name="kind">What it is of.</param>
    /// <param name="reason">Why, where somebody asked.</param>
    /// <param name="milestone">It is held until it is reviewed.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="tell">Is told where it is.</param>
    /// <param name="prepare">Fills the folder.</param>
    /// <param name="cancellationToken">Breaks it off; it has then failed.</param>
    public async Task<MarkedSnapshot> ExecuteAsync(
        SnapshotKind kind, string? reason, bool milestone, Caller caller, Func<string, Task>? tell,
        Func<Guid, string, CancellationToken, Task<PreparedBackup>> prepare, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        var id = await log.BeginAsync(kind, reason, milestone, caller, cancellationToken);
        // A folder of its own: what an earlier host's program may still be writing is none of this one's, and is removed below it.
        var prefix = kind.ToString().ToLowerInvariant() + "-";
        var folder = Path.Combine(settings.ScratchFolder, $"{prefix}{id:N}");
        try
        {
            Directory.CreateDirectory(settings.ScratchFolder);
            foreach (var left in Directory.GetDirectories(settings.ScratchFolder, prefix + "*"))
            {
                Directory.Delete(left, recursive: true);
            }

            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            await RepositoryIsThereAsync(cancellationToken);
            var prepared = await prepare(id, folder, cancellationToken);
            await (tell?.Invoke("uploading") ?? Task.CompletedTask);
            ResticUpload upload;
            await using (await gate.AddAsync(cancellationToken))
            {
                upload = await restic.BackupAsync(folder, SnapshotTags.Of(prepared.Marks), Hurry.GivesWay, within: null, cancellationToken);
            }

            var taken = prepared.Marks with { SnapshotId = upload.SnapshotId };
            await log.SucceededAsync(taken, upload, prepared.Manifest, time.GetElapsedTime(began), caller, cancellationToken);
            return taken;
        }
        catch (Exception fault)
        {
            // Recorded whatever it was, also when the host stops: a backup that has not succeeded is never shown as one that may have.
            await log.FailedAsync(id, kind, fault is OperationCanceledException ? "It was broken off." : fault.Message, caller, CancellationToken.None);
            throw;
        }
        finally
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    // It is made by the one host that ships the log, and by nobody else: two that make it at once leave one that opens to nobody.
    // Who asks for a backup as soon as a host is up comes before that.
    private async Task RepositoryIsThereAsync(CancellationToken cancellationToken)
    {
        for (var began = time.GetTimestamp(); !await restic.IsThereAsync(cancellationToken);)
        {
            if (time.GetElapsedTime(began) > MakingTakes)
            {
                throw new ToolException("There is no repository, and none was made: see what 'wal-stream' says under health.", null, RepositoryFault.Missing);
            }

            await Task.Delay(LookEvery, time, cancellationToken);
        }
    }

    /// <summary>The cluster's system identifier.</summary>
    internal static async Task<string> SystemAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select system_identifier::text from pg_control_system()", connection);
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
