namespace ControlCenter.E2E;

/// <summary>A folder with known things to be found in it, and some that look like them and are none.</summary>
public sealed class AuditedFolder : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cc-audit-").FullName;

    public AuditedFolder()
    {
        Plant("large.bin", new string('x', LargeBytes));
        Plant("not quite large.bin", new string('y', 1 << 20));
        Plant("a folder/one.txt", "the same words\n");
        Plant("another/two.txt", "the same words\n");
        Plant("another/as long.txt", "the same w0rds\n");
        Plant("notes.md", "Plants\nTODO: water them\nTo do nothing is no marker\n");
        Plant("empty", "");
        Plant("empty too", "");
        Plant(".git/ours-not.txt", "the same words\n");
        Plant(".git/config", "TODO: not of this folder\n");
    }

    public static int LargeBytes => 3 << 19;

    public string Path => _folder;

    public string Large => At("large.bin");

    public IReadOnlyList<string> Same => [At("a folder/one.txt"), At("another/two.txt")];

    /// <summary>How the line with the marker is named.</summary>
    public string Marker => At("notes.md") + ":2";

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => System.IO.Path.Combine(_folder, name);

    private void Plant(string name, string content)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(At(name))!);
        File.WriteAllText(At(name), content);
    }
}
