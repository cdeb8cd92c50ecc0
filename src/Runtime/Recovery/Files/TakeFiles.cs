using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Recovery.Backups;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.Runtime.Recovery.Wal;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Files;

/// <summary>
/// Takes what is beside the database: what agents said, their definitions, the state that is kept as files, and the settings (blueprint
/// 10.2). A file with a secret in it is kept back and named; the others go.
/// </summary>
public sealed class TakeFiles(NpgsqlDataSource database, KeptFiles kept, RecoverySettings settings, RunBackup run)
{
    // Written to a moment ago, so perhaps being written to: its copy is what its hash is of.
    private static readonly TimeSpan Restless = TimeSpan.FromHours(1);

    private static readonly EnumerationOptions All = new() { RecurseSubdirectories = true, IgnoreInaccessible = false, AttributesToSkip = FileAttributes.ReparsePoint };

    /// <summary>Takes them.</summary>
    /// <exception cref="ToolException">It failed; it is recorded why.</exception>
    public Task<MarkedSnapshot> ExecuteAsync(string? reason, Caller caller, Func<string, Task>? tell, CancellationToken cancellationToken) =>
        run.ExecuteAsync(SnapshotKind.Files, reason, milestone: false, caller, tell, async (id, folder, ct) =>
        {
            await using var connection = await database.OpenConnectionAsync(ct);
            await using var clock = new NpgsqlCommand("select clock_timestamp()", connection);
            var at = new DateTimeOffset((DateTime)(await clock.ExecuteScalarAsync(ct))!, TimeSpan.Zero);
            await (tell?.Invoke("looking for secrets in the files") ?? Task.CompletedTask);
            await File.WriteAllTextAsync(Path.Combine(folder, KeptFiles.SettingsFile), JsonSerializer.Serialize(kept.Settings, WireJson.Options), ct);
            foreach (var (name, file) in kept.SingleFiles.Where(f => File.Exists(f.Value)))
            {
                File.Copy(file, Path.Combine(folder, name));
            }

            foreach (var (name, from) in kept.Folders.Where(f => Directory.Exists(f.Value)))
            {
                Stage(from, Path.Combine(folder, name), ct);
            }

            var inventory = await TakeInventoryAsync(folder, at, ct);
            foreach (var secret in inventory.KeptBack)
            {
                await (tell?.Invoke(string.Create(CultureInfo.InvariantCulture, $"kept back: {secret.Path} has a secret in line {secret.Line}")) ?? Task.CompletedTask);
            }

            await File.WriteAllTextAsync(Path.Combine(folder, FilesInventory.FileName), inventory.ToJson(), ct);
            return new PreparedBackup(new MarkedSnapshot("", SnapshotKind.Files, id, await RunBackup.SystemAsync(connection, ct), at), inventory.ToJson());
        }, cancellationToken);

    // A second name where that will do: transcripts may be larger than what is free.
    private static void Stage(string from, string into, CancellationToken cancellationToken)
    {
        foreach (var file in new DirectoryInfo(from).EnumerateFiles("*", All))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var to = Path.Combine(into, Path.GetRelativePath(from, file.FullName));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            try
            {
                if (DateTime.UtcNow - file.LastWriteTimeUtc < Restless || !WalFolder.TryLink(file.FullName, to))
                {
                    file.CopyTo(to);
                }
            }
            catch (FileNotFoundException)
            {
                // Removed between the listing and the copy, which is how it is now.
            }
        }
    }

    private async Task<FilesInventory> TakeInventoryAsync(string folder, DateTimeOffset at, CancellationToken cancellationToken)
    {
        var scan = SecretScan.Of(kept, settings, EnvironmentVariables());
        var (files, back) = (new List<KeptFile>(), new List<KeptBackFile>());
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*", All).OrderBy(f => f.FullName, StringComparer.Ordinal).ToList())
        {
            var name = Path.GetRelativePath(folder, file.FullName);
            if (scan.FirstLineOf(file.FullName, cancellationToken) is { } line)
            {
                file.Delete();
                back.Add(new KeptBackFile(name, line));
                continue;
            }

            await using var stream = file.OpenRead();
            files.Add(new KeptFile(name, file.Length, Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellationToken))));
        }

        return new FilesInventory(at, files, back);
    }

    private static IEnumerable<KeyValuePair<string, string>> EnvironmentVariables() =>
        Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>().Select(e => KeyValuePair.Create((string)e.Key, (string?)e.Value ?? ""));
}
