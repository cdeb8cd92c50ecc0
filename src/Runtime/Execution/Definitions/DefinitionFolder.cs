namespace ControlCenter.Runtime.Execution.Definitions;

/// <summary>Where definitions lie as files (<c>CC_AGENTS</c>; <c>agents/</c> under <c>CC_HOME</c> unless said).</summary>
/// <param name="Path">The folder. Files in it that end in <c>.yaml</c> or <c>.yml</c> are definitions; folders in it are not looked into.</param>
/// <param name="Ledger">A file that names what was loaded from there: what stands in it and is in the folder no more was taken away.</param>
/// <remarks>
/// By the ledger each host takes away only what it has brought: one that starts with an empty folder on the database of another does not
/// remove that one's agents.
/// </remarks>
public sealed record DefinitionFolder(string Path, string Ledger)
{
    /// <summary>The names of the files that are definitions; null where the folder cannot be read, which says nothing about them.</summary>
    public IReadOnlyList<string>? Files()
    {
        try
        {
            return [.. Directory.EnumerateFiles(Path).Select(System.IO.Path.GetFileName).OfType<string>().Where(IsDefinition).Order(StringComparer.Ordinal)];
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>What a file says.</summary>
    /// <exception cref="DefinitionFileException">It cannot be read, or is not as it must be.</exception>
    public async Task<string> ReadAsync(string file, CancellationToken cancellationToken)
    {
        var path = System.IO.Path.Combine(Path, file);
        try
        {
            return new FileInfo(path).Length <= DefinitionFile.LongestFile
                ? await File.ReadAllTextAsync(path, cancellationToken)
                : throw new DefinitionFileException($"At the most {DefinitionFile.LongestFile / 1024} KiB.");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new DefinitionFileException($"It cannot be read: {fault.GetType().Name}.");
        }
    }

    /// <summary>File → the name of the definition that was loaded from it last.</summary>
    public Dictionary<string, string> ReadLedger() =>
        File.Exists(Ledger)
            ? File.ReadAllLines(Ledger).Select(line => line.Split('\t')).Where(parts => parts.Length == 2).ToDictionary(parts => parts[0], parts => parts[1], StringComparer.Ordinal)
            : new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Keeps the ledger.</summary>
    public void WriteLedger(IReadOnlyDictionary<string, string> loaded)
    {
        File.WriteAllLines(Ledger + ".tmp", loaded.OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => $"{e.Key}\t{e.Value}"));
        File.Move(Ledger + ".tmp", Ledger, overwrite: true);
    }

    // Editors write beside the file first, under a name with a dot before it.
    private static bool IsDefinition(string file) =>
        !file.StartsWith('.') && (file.EndsWith(".yaml", StringComparison.Ordinal) || file.EndsWith(".yml", StringComparison.Ordinal)) && !file.Any(char.IsControl);
}
