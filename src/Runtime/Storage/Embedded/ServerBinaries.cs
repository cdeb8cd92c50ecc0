using System.Globalization;

namespace ControlCenter.Runtime.Storage.Embedded;

/// <summary>PostgreSQL's server programs on this machine.</summary>
/// <param name="Folder">Where <c>postgres</c> and <c>initdb</c> are.</param>
/// <param name="Major">Their major version.</param>
public sealed record ServerBinaries(string Folder, int Major)
{
    // Where Debian and its kin put them, one folder a major version.
    private const string DebianRoot = "/usr/lib/postgresql";

    // The oldest that has everything the schema uses (xid8, partitioned triggers) and is still maintained at the time of writing.
    private const int OldestMajor = 14;

    /// <summary>Finds the programs: those of the version that wrote the cluster, or the newest for a new one.</summary>
    /// <param name="clusterMajor">The major version in the cluster's <c>PG_VERSION</c>; null for none yet.</param>
    /// <exception cref="EmbeddedPostgresException">There are none, or none of that version.</exception>
    public static ServerBinaries Find(int? clusterMajor)
    {
        var found = Candidates().OrderByDescending(b => b.Major).ToList();
        if (found.Count == 0)
        {
            throw new EmbeddedPostgresException(
                "No PostgreSQL server was found (looked in PATH and /usr/lib/postgresql). Install it: apt-get install postgresql. Or set CC_DATABASE to a server of your own.");
        }

        if (clusterMajor is not { } wanted)
        {
            return found[0].Major >= OldestMajor
                ? found[0]
                : throw new EmbeddedPostgresException($"PostgreSQL {found[0].Major} in {found[0].Folder} is too old; version {OldestMajor} or newer is needed.");
        }

        return found.Find(b => b.Major == wanted) ?? throw new EmbeddedPostgresException(
            wanted > found[0].Major
                ? $"The data folder was written by PostgreSQL {wanted}, which is newer than what is installed ({Listed(found)}). Install postgresql-{wanted}, or start on another CC_HOME."
                : $"The data folder was written by PostgreSQL {wanted}, and only {Listed(found)} is installed. Install postgresql-{wanted}, or move the data with pg_upgrade first.");
    }

    /// <summary>The full path of one of the programs.</summary>
    public string PathOf(string program) => Path.Combine(Folder, program);

    private static string Listed(IEnumerable<ServerBinaries> found) => string.Join(", ", found.Select(b => b.Major));

    private static IEnumerable<ServerBinaries> Candidates()
    {
        var debian = Directory.Exists(DebianRoot)
            ? Directory.EnumerateDirectories(DebianRoot).Select(d => Path.Combine(d, "bin"))
            : [];
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        return debian.Concat(path)
            .Where(folder => File.Exists(Path.Combine(folder, "postgres")) && File.Exists(Path.Combine(folder, "initdb")))
            .Select(folder => (folder, major: MajorOf(folder)))
            .Where(b => b.major is not null)
            .Select(b => new ServerBinaries(b.folder, b.major!.Value))
            .DistinctBy(b => b.Folder);
    }

    // postgres --version: "postgres (PostgreSQL) 15.18 (Debian …)".
    private static int? MajorOf(string folder)
    {
        var (exitCode, output, _) = ServerCommand.Run(Path.Combine(folder, "postgres"), ["--version"], asOwner: null);
        var word = output.Split(' ', StringSplitOptions.RemoveEmptyEntries).ElementAtOrDefault(2);
        return exitCode == 0 && word is not null
            && int.TryParse(new string(word.TakeWhile(char.IsAsciiDigit).ToArray()), NumberStyles.None, CultureInfo.InvariantCulture, out var major)
            ? major
            : null;
    }
}
