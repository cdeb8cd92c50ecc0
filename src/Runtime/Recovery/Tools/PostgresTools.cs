using System.Diagnostics;
using ControlCenter.Runtime.Storage;
using ControlCenter.Runtime.Storage.Embedded;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Tools;

/// <summary>PostgreSQL's own client programs, of the server's version, and how they reach it.</summary>
public sealed class PostgresTools(DatabaseAddress address, RecoverySettings settings, TimeProvider time)
{
    /// <summary>How each of our programs names itself to the server.</summary>
    public const string ApplicationName = "control-center-backup";

    private ServerBinaries? _binaries;

    /// <summary>The path of one of the programs.</summary>
    /// <exception cref="EmbeddedPostgresException">The server's version is not installed here.</exception>
    public async Task<string> PathOfAsync(string program, CancellationToken cancellationToken)
    {
        if (_binaries is null)
        {
            await using var connection = new NpgsqlConnection(address.ConnectionString);
            await connection.OpenAsync(cancellationToken);
            _binaries = await ServerBinaries.FindAsync(connection.PostgreSqlVersion.Major, cancellationToken);
        }

        return _binaries.PathOf(program);
    }

    /// <summary>A connection string as libpq reads it, without the password, which is in the file that <see cref="Environment"/> names.</summary>
    public string Connection(string applicationName = ApplicationName)
    {
        var of = new NpgsqlConnectionStringBuilder(address.ConnectionString);
        return string.Join(' ',
            $"host={Quoted(of.Host)}", $"port={of.Port}", $"user={Quoted(of.Username)}", $"dbname={Quoted(of.Database)}", $"application_name={applicationName}",
            of.SslMode is SslMode.VerifyCA or SslMode.VerifyFull ? $"sslmode=verify-{(of.SslMode == SslMode.VerifyCA ? "ca" : "full")}"
                : of.SslMode == SslMode.Require ? "sslmode=require" : "sslmode=prefer");
    }

    /// <summary>What the programs are given beside their arguments.</summary>
    public IReadOnlyDictionary<string, string> Environment()
    {
        var path = Path.Combine(settings.Folder, "pgpass");
        var password = new NpgsqlConnectionStringBuilder(address.ConnectionString).Password ?? "";
        // pgpass(5): a colon and a backslash are escaped.
        var line = "*:*:*:*:" + password.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(":", "\\:", StringComparison.Ordinal) + "\n";
        if (!File.Exists(path) || File.ReadAllText(path) != line)
        {
            var next = path + "." + Guid.NewGuid().ToString("N");
            using (var file = new FileStream(next, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
            {
                file.Write(System.Text.Encoding.UTF8.GetBytes(line));
            }

            File.Move(next, path, overwrite: true);
        }

        return new Dictionary<string, string> { ["PGPASSFILE"] = path, ["HOME"] = settings.Folder };
    }

    /// <summary>Runs one of them to its end; everything else goes first.</summary>
    /// <param name="program">Which.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="grows">How much it has written, where it says nothing while it works: that this changes is its sign of life.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ToolException">It failed, or hung.</exception>
    public async Task RunAsync(string program, IReadOnlyList<string> arguments, Func<long>? grows, CancellationToken cancellationToken)
    {
        long before = 0;
        var result = await ToolProcess.RunAsync(
            new ToolRun(await PathOfAsync(program, cancellationToken), arguments)
            {
                Environment = Environment(),
                Hurry = Hurry.GivesWay,
                // One that only reads has no sign of life, and reads long where a cluster is large and the machine busy.
                Silence = grows is null ? TimeSpan.FromHours(1) : TimeSpan.FromMinutes(10),
                Works = grows is null ? null : () => grows() is var now && now != Interlocked.Exchange(ref before, now),
            },
            time, cancellationToken);
        if (result.ExitCode != 0)
        {
            throw new ToolException($"{program} failed: {result.Error.Trim()}", result.ExitCode);
        }
    }

    /// <summary>How one of them is started beside the host.</summary>
    public async Task<ProcessStartInfo> StartInfoAsync(string program, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var info = ServerCommand.StartInfo(await PathOfAsync(program, cancellationToken), arguments, asOwner: null);
        foreach (var (name, value) in Environment())
        {
            info.Environment[name] = value;
        }

        return info;
    }

    private static string Quoted(string? value) =>
        "'" + (value ?? "").Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal) + "'";
}
