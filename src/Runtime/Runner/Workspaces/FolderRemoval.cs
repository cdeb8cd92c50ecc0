namespace ControlCenter.Runtime.Runner.Workspaces;

/// <summary>Removes folders that agents have worked in: what they made read-only (package caches do) goes too, and what links lead to stays.</summary>
internal static class FolderRemoval
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Removes a folder whole.</summary>
    /// <exception cref="IOException">Something in it cannot be removed.</exception>
    /// <exception cref="UnauthorizedAccessException">Something in it is somebody else's.</exception>
    public static void Delete(string path)
    {
        MakeWritable(path);
        Directory.Delete(path, recursive: true);
    }

    /// <summary>Lets its owner take away what is in it and in the folders below it.</summary>
    public static void MakeWritable(string path)
    {
        var folders = new Stack<DirectoryInfo>([new DirectoryInfo(path)]);
        while (folders.TryPop(out var folder))
        {
            // Those of others cannot be changed, and perhaps need not be: what cannot be removed is said by the removal.
            if ((folder.UnixFileMode & OwnerOnly) != OwnerOnly && !TryOpen(folder))
            {
                continue;
            }

            foreach (var inner in folder.EnumerateDirectories().Where(f => f.LinkTarget is null))
            {
                folders.Push(inner);
            }
        }
    }

    private static bool TryOpen(DirectoryInfo folder)
    {
        try
        {
            folder.UnixFileMode |= OwnerOnly;
            return true;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }
}
