using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace ControlCenter.Runtime.Storage.Embedded;

/// <summary>The private cluster on disk: its folders, its owner, its password, its port, its settings.</summary>
public sealed class ClusterFolder
{
    // sun_path holds 108 bytes (unix(7)), of which PostgreSQL needs ".s.PGSQL.NNNNN" and an end.
    private const int LongestSocketFolder = 107 - 16;

    private const int FirstPort = 7432;
    private const string UnprivilegedUser = "postgres";

    private ClusterFolder(string root, string socketFolder, string? owner)
    {
        Root = root;
        SocketFolder = socketFolder;
        Owner = owner;
    }

    /// <summary>The cluster's folder under the host's home.</summary>
    public string Root { get; }

    /// <summary>PostgreSQL's own data folder.</summary>
    public string Data => Path.Combine(Root, "data");

    /// <summary>Where the socket is.</summary>
    public string SocketFolder { get; }

    /// <summary>The user that PostgreSQL runs as where the host is root; null to run as the host does.</summary>
    public string? Owner { get; }

    /// <summary>The server's log.</summary>
    public string LogFile => Path.Combine(Root, "server.log");

    /// <summary>The major version that wrote the data; null before the first start.</summary>
    public int? Major =>
        File.Exists(Path.Combine(Data, "PG_VERSION"))
            ? int.Parse(File.ReadAllText(Path.Combine(Data, "PG_VERSION")).Trim().Split('.')[0], CultureInfo.InvariantCulture)
            : null;

    private string PasswordFile => Path.Combine(Root, "password");

    private string PortFile => Path.Combine(Root, "port");

    /// <summary>Makes the folders, owned by whoever the server will run as.</summary>
    /// <exception cref="EmbeddedPostgresException">The server's user cannot get there.</exception>
    public static ClusterFolder Prepare(string home)
    {
        var root = Path.Combine(Path.GetFullPath(home), "postgres");
        var socket = Path.Combine(root, "run");
        if (Encoding.UTF8.GetByteCount(socket) > LongestSocketFolder)
        {
            var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(root)))[..16];
            socket = Path.Combine("/tmp", $"cc-{name}");
        }

        var owner = Environment.UserName == "root" ? UnprivilegedUser : null;
        foreach (var folder in new[] { root, socket })
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            Own(folder, owner);
        }

        if (owner is not null && ServerCommand.Run("/usr/bin/test", ["-x", root], owner).ExitCode != 0)
        {
            throw new EmbeddedPostgresException(
                $"As root, PostgreSQL runs as the user '{owner}', who cannot get to {root}. Make every folder above it passable (chmod o+x), or choose a CC_HOME elsewhere, such as /var/lib/control-center.");
        }

        return new ClusterFolder(root, socket, owner);
    }

    /// <summary>Makes the cluster if it is not there. One that was interrupted while it was made is made anew.</summary>
    public void Initialise(ServerBinaries binaries)
    {
        if (Major is not null)
        {
            return;
        }

        var unfinished = Path.Combine(Root, "data.new");
        if (Directory.Exists(unfinished))
        {
            Directory.Delete(unfinished, recursive: true);
        }

        if (Directory.Exists(Data) && Directory.EnumerateFileSystemEntries(Data).Any())
        {
            throw new EmbeddedPostgresException($"{Data} has files in it but no PG_VERSION, so it is no cluster. Move it away, or restore a backup.");
        }

        WriteSecret(PasswordFile, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24)));
        var (exitCode, _, error) = ServerCommand.Run(
            binaries.PathOf("initdb"),
            [
                "--pgdata", unfinished, "--username", "control_center", "--pwfile", PasswordFile, "--auth", "scram-sha-256",
                "--data-checksums", "--encoding", "UTF8", "--locale", "C.UTF-8",
            ],
            Owner);
        if (exitCode != 0)
        {
            throw new EmbeddedPostgresException($"initdb failed in {unfinished}: {error.Trim()}");
        }

        if (Directory.Exists(Data))
        {
            Directory.Delete(Data);
        }

        Directory.Move(unfinished, Data);
    }

    /// <summary>The password of the one database user.</summary>
    public string Password() => File.ReadAllText(PasswordFile).Trim();

    /// <summary>The loopback port: the same at each start if it is free, below those that the kernel gives out.</summary>
    public int ChoosePort(int? wanted)
    {
        if (wanted is { } given)
        {
            return given;
        }

        var kept = File.Exists(PortFile) && int.TryParse(File.ReadAllText(PortFile), NumberStyles.None, CultureInfo.InvariantCulture, out var before) ? before : FirstPort;
        var port = Enumerable.Range(0, FirstEphemeralPort() - FirstPort).Select(i => kept + i).Where(p => p < FirstEphemeralPort()).FirstOrDefault(IsFree);
        if (port == 0)
        {
            throw new EmbeddedPostgresException($"No loopback port from {kept} to {FirstEphemeralPort() - 1} is free for PostgreSQL.");
        }

        File.WriteAllText(PortFile, port.ToString(CultureInfo.InvariantCulture));
        return port;
    }

    /// <summary>Writes the settings that the host decides; a person's own go into <c>postgresql.conf</c> and lose to these.</summary>
    public void WriteSettings(int port)
    {
        var settings = $"""
            # Written by Control Center at each start.
            listen_addresses = '127.0.0.1'
            port = {port}
            unix_socket_directories = '{SocketFolder}'
            unix_socket_permissions = 0700
            max_connections = 100
            shared_buffers = 128MB
            password_encryption = 'scram-sha-256'
            wal_level = replica
            max_wal_senders = 10
            max_replication_slots = 10
            wal_keep_size = 256MB
            max_slot_wal_keep_size = 4GB
            max_wal_size = 2GB
            fsync = on
            synchronous_commit = on
            full_page_writes = on
            jit = off
            random_page_cost = 1.1
            log_timezone = 'UTC'
            timezone = 'UTC'
            log_line_prefix = '%m [%p] '
            idle_in_transaction_session_timeout = 60s
            """;
        var path = Path.Combine(Data, "control-center.conf");
        File.WriteAllText(path, settings + "\n");
        Own(path, Owner);
        var main = Path.Combine(Data, "postgresql.conf");
        const string Include = "include = 'control-center.conf'";
        if (!File.ReadAllText(main).Contains(Include, StringComparison.Ordinal))
        {
            File.AppendAllText(main, $"\n{Include}\n");
        }
    }

    /// <summary>Gives a file or folder to the server's user.</summary>
    internal static void Own(string path, string? owner)
    {
        if (owner is not null && ServerCommand.Run("/bin/chown", [$"{owner}:{owner}", path], asOwner: null) is { ExitCode: not 0 } failed)
        {
            throw new EmbeddedPostgresException($"{path} cannot be given to '{owner}': {failed.Error.Trim()}");
        }
    }

    private void WriteSecret(string path, string text)
    {
        using (var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            file.Write(Encoding.UTF8.GetBytes(text + "\n"));
        }

        Own(path, Owner);
    }

    /// <summary>Whether nobody listens on a loopback port.</summary>
    internal static bool IsFree(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            // Somebody has it, which is the answer to the question.
            return false;
        }
    }

    private static int FirstEphemeralPort()
    {
        const string Range = "/proc/sys/net/ipv4/ip_local_port_range";
        return File.Exists(Range) ? int.Parse(File.ReadAllText(Range).Split('\t', ' ')[0], CultureInfo.InvariantCulture) : 32_768;
    }
}
