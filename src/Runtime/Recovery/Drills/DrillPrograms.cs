namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>The programs that a drill starts.</summary>
/// <param name="This">How this program is started: program and first arguments.</param>
/// <param name="Folder">Where it lies.</param>
public sealed record DrillPrograms(IReadOnlyList<string> This, string Folder)
{
    private const string Builds = "builds";
    private const string Program = "ControlCenter.dll";

    /// <summary>
    /// The deployment before this one: <c>./run</c> keeps each build in a folder of its own beside the others, the newest three of them.
    /// </summary>
    /// <returns>How it is started; null where none is kept.</returns>
    public IReadOnlyList<string>? Previous()
    {
        var own = new DirectoryInfo(Folder.TrimEnd('/'));
        if (own.Parent is not { Name: Builds } parent || This is not [var runtime, _])
        {
            return null;
        }

        var earlier = parent.EnumerateDirectories()
            .Where(d => d.FullName != own.FullName && d.LastWriteTimeUtc < own.LastWriteTimeUtc && File.Exists(Path.Combine(d.FullName, Program)))
            .MaxBy(d => d.LastWriteTimeUtc);
        return earlier is null ? null : [runtime, Path.Combine(earlier.FullName, Program)];
    }
}
