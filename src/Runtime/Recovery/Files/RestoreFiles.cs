using System.Security.Cryptography;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Recovery.Tools;

namespace ControlCenter.Runtime.Recovery.Files;

/// <summary>What was brought back of the files.</summary>
/// <param name="Of">The copy that it was brought back from.</param>
/// <param name="Files">How many files.</param>
/// <param name="KeptBack">Files that the copy never had, because of secrets in them.</param>
public sealed record RestoredFiles(MarkedSnapshot Of, int Files, IReadOnlyList<KeptBackFile> KeptBack);

/// <summary>Brings the files back beside a restored cluster, each verified against the inventory that was taken with it.</summary>
public sealed class RestoreFiles(Restic restic)
{
    /// <summary>The copy that belongs to a moment: the newest before it, or else the first after it; null where there is none.</summary>
    public static MarkedSnapshot? For(RepositoryIndex index, string system, DateTimeOffset moment)
    {
        var copies = index.Of(system, SnapshotKind.Files).ToList();
        return copies.LastOrDefault(c => c.At <= moment) ?? copies.FirstOrDefault();
    }

    /// <summary>Brings one back into a folder, over nothing that is there.</summary>
    /// <exception cref="RestoreException">It is not what was taken, or something is in its way.</exception>
    public async Task<RestoredFiles> ExecuteAsync(MarkedSnapshot copy, string folder, CancellationToken cancellationToken)
    {
        var fetched = Path.Combine(folder, "fetched-files");
        try
        {
            await restic.RestoreAsync(copy.SnapshotId, fetched, cancellationToken);
            var root = Path.GetDirectoryName(Directory.EnumerateFiles(fetched, FilesInventory.FileName, SearchOption.AllDirectories).OrderBy(f => f.Length).FirstOrDefault()
                ?? throw new RestoreException("The copy of the files has no inventory."))!;
            var inventory = await FilesInventory.ReadAsync(root, cancellationToken);
            foreach (var file in inventory.Files)
            {
                await RequireAsync(Path.Combine(root, file.Path), file, cancellationToken);
            }

            foreach (var entry in Directory.GetFileSystemEntries(root))
            {
                var to = Path.Combine(folder, Path.GetFileName(entry));
                if (Path.Exists(to))
                {
                    throw new RestoreException($"{to} is there already, and is not written over.");
                }

                Directory.Move(entry, to);
            }

            return new RestoredFiles(copy, inventory.Files.Count, inventory.KeptBack);
        }
        finally
        {
            if (Directory.Exists(fetched))
            {
                Directory.Delete(fetched, recursive: true);
            }
        }
    }

    private static async Task RequireAsync(string path, KeptFile file, CancellationToken cancellationToken)
    {
        if (!File.Exists(path))
        {
            throw new RestoreException($"{file.Path} is in the inventory of the files and was not brought back.");
        }

        await using var stream = File.OpenRead(path);
        if (stream.Length != file.Bytes || Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellationToken)) != file.Sha256)
        {
            throw new RestoreException($"{file.Path} is not what was taken.");
        }
    }
}
