using System.Globalization;

namespace ControlCenter.Runtime.Runner.Workspaces;

/// <summary>How much is in a folder, and not behind its links.</summary>
internal readonly record struct FolderSize(int Files, long Bytes)
{
    public static FolderSize Of(string path)
    {
        var (files, bytes) = (0, 0L);
        foreach (var file in new DirectoryInfo(path).EnumerateFiles("*", new EnumerationOptions
        {
            RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint, IgnoreInaccessible = true,
        }))
        {
            files++;
            bytes += file.Length;
        }

        return new FolderSize(files, bytes);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Files:N0} files, {Bytes / 1024.0:N1} KiB");
}
