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
    /// <param name="cancellationToken">Ends the search.</param>
    /// <exception cref="EmbeddedPostgresException">There are none, or none of that version.</exception>
    public static async Task<ServerBinaries> FindAsync(int? clusterMajor, CancellationToken cancellationToken)
    {
        var found = new List<ServerBinaries>();
        foreach (var folder in await FoldersAsync(cancellationToken))
        {
            if (await MajorOfAsync(folder, cancellationToken) is { } major)
            {
                found.Add(new ServerBinaries(folder, major));
            }
        }

        // Stable: of one major version, Debian's own folder stays before what PATH has.
        found = [.. found.OrderByDescending(b => b.Major)];
        if (found.Count == 0)
        {
            throw new EmbeddedPostgresException(
                "No PostgreSQL server was found (looked in /usr/lib/postgresql, in PATH and where pg_config points). Install Debian's package: apt-get install postgresql. Or set CC_DATABASE to a server of your own.");
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

    private static async Task<IReadOnlyList<string>> FoldersAsync(CancellationToken cancellationToken)
    {
        var debian = Directory.Exists(DebianRoot)
            ? Directory.EnumerateDirectories(DebianRoot).Select(d => Path.Combine(d, "bin"))
            : [];
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        var folders = debian.Concat(path).ToList();
        const string PgConfig = "/usr/bin/pg_config";
        if (File.Exists(PgConfig) && await ServerCommand.RunAsync(PgConfig, ["--bindir"], asOwner: null, cancellationToken) is (0, var output, _))
        {
            folders.Add(output.Trim());
        }

        return [.. folders.Where(IsTrustworthy).Where(f => File.Exists(Path.Combine(f, "postgres")) && File.Exists(Path.Combine(f, "initdb"))).Distinct(StringComparer.Ordinal)];
    }

    // What is found here is run, perhaps by root: not from a folder that depends on where the host was started, nor from one
    // that anybody may write to.
    private static bool IsTrustworthy(string folder) =>
        Path.IsPathRooted(folder) && Directory.Exists(folder) && !File.GetUnixFileMode(folder).HasFlag(UnixFileMode.OtherWrite);

    // postgres --version: "postgres (PostgreSQL) 15.18 (Debian …)".
    private static async Task<int?> MajorOfAsync(string folder, CancellationToken cancellationToken)
    {
        var (exitCode, output, _) = await ServerCommand.RunAsync(Path.Combine(folder, "postgres"), ["--version"], asOwner: null, cancellationToken);
        var word = output.Split(' ', StringSplitOptions.RemoveEmptyEntries).ElementAtOrDefault(2);
        return exitCode == 0 && word is not null
            && int.TryParse(new string(word.TakeWhile(char.IsAsciiDigit).ToArray()), NumberStyles.None, CultureInfo.InvariantCulture, out var major)
            ? major
            : null;
    }
}
