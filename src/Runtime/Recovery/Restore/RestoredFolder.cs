namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>A folder with a restored cluster in it.</summary>
internal static class RestoredFolder
{
    /// <summary>Removes it, and the cluster wherever it lies: below a closed folder it is elsewhere, and a link says where.</summary>
    public static Task RemoveAsync(string folder) => Task.Run(() =>
    {
        if (!Directory.Exists(folder))
        {
            return;
        }

        var cluster = new DirectoryInfo(Path.Combine(folder, "postgres"));
        if (cluster.LinkTarget is not null && cluster.ResolveLinkTarget(returnFinalTarget: true) is DirectoryInfo { Exists: true } elsewhere)
        {
            elsewhere.Delete(recursive: true);
        }

        Directory.Delete(folder, recursive: true);
    });
}
