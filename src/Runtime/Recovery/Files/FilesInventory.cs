using System.Text.Json;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Recovery.Files;

/// <summary>A file in a backup.</summary>
/// <param name="Path">Its path in it: <c>transcripts/…</c>.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its hash.</param>
public sealed record KeptFile(string Path, long Bytes, string Sha256);

/// <summary>A file that was kept back.</summary>
/// <param name="Path">Its path in the backup that it is not in.</param>
/// <param name="Line">The line in which a secret is; the secret itself is nowhere.</param>
public sealed record KeptBackFile(string Path, int Line);

/// <summary>What a copy of the data folders has, and what it has not.</summary>
/// <param name="At">When, by the database's clock.</param>
/// <param name="Files">What is in it.</param>
/// <param name="KeptBack">What is not, because there is a secret in it.</param>
public sealed record FilesInventory(DateTimeOffset At, IReadOnlyList<KeptFile> Files, IReadOnlyList<KeptBackFile> KeptBack)
{
    /// <summary>Its file beside what it is of.</summary>
    public const string FileName = "inventory.json";

    /// <summary>As JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, WireJson.Options);

    /// <summary>Reads one from a folder.</summary>
    /// <exception cref="InvalidDataException">It is not there, or not whole.</exception>
    public static async Task<FilesInventory> ReadAsync(string folder, CancellationToken cancellationToken)
    {
        try
        {
            return JsonSerializer.Deserialize<FilesInventory>(await File.ReadAllTextAsync(System.IO.Path.Combine(folder, FileName), cancellationToken), WireJson.Options)
                ?? throw new InvalidDataException("The inventory of the files is empty.");
        }
        catch (Exception fault) when (fault is JsonException or FileNotFoundException)
        {
            throw new InvalidDataException($"The inventory of the files cannot be read: {fault.Message}", fault);
        }
    }
}
