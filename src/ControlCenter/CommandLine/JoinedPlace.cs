namespace ControlCenter.CommandLine;

/// <summary>Where a runner keeps what it needs, and which bus it has joined from there.</summary>
internal sealed class JoinedPlace(string folder, Uri? givenBus, string? givenKey)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>The runner's folder.</summary>
    public string Folder { get; } = folder;

    /// <summary>The bus: as given, or as remembered.</summary>
    public Uri? Bus { get; } = givenBus ?? (File.Exists(BusFile(folder)) ? new Uri(File.ReadAllText(BusFile(folder)).Trim()) : null);

    /// <summary>The key: as given, or as remembered.</summary>
    public string? Key => givenKey ?? ReadKey();

    /// <summary>Where the key of a folder's host is.</summary>
    public static string KeyFile(string folder) => Path.Combine(folder, "host.key");

    /// <summary>The key that is in force now: the file is read anew each time, because a bus that starts anew writes a new one.</summary>
    public string? ReadKey() => File.Exists(KeyFile(Folder)) && File.ReadAllText(KeyFile(Folder)).Trim() is { Length: > 0 } key ? key : null;

    /// <summary>Remembers them for the next time.</summary>
    public void Remember(Uri bus, string key)
    {
        WriteKey(Folder, key);
        File.WriteAllText(BusFile(Folder), bus + "\n");
    }

    /// <summary>Forgets them.</summary>
    public void Forget()
    {
        File.Delete(KeyFile(Folder));
        File.Delete(BusFile(Folder));
    }

    /// <summary>Writes a host's key where its runner finds it, whole or not at all, for its owner only.</summary>
    public static void WriteKey(string folder, string key)
    {
        Directory.CreateDirectory(folder, OwnerOnly | UnixFileMode.UserExecute);
        var unfinished = KeyFile(folder) + ".tmp";
        using (var writer = new StreamWriter(new FileStream(unfinished, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = OwnerOnly })))
        {
            writer.Write(key + "\n");
        }

        File.Move(unfinished, KeyFile(folder), overwrite: true);
    }

    private static string BusFile(string folder) => Path.Combine(folder, "bus");
}
