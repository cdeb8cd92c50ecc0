using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Storage.Embedded;

/// <summary>The private cluster on disk: its folders, its owner, its password, its port, its settings.</summary>
public sealed partial class ClusterFolder
{
    // sun_path holds 108 bytes (unix(7)), of which PostgreSQL needs ".s.PGSQL.NNNNN" and an end.
    private const int LongestSocketFolder = 107 - 16;

    private const int FirstPort = 7432;
    private const string UnprivilegedUser = "postgres";

    // Where the cluster goes when root's CC_HOME is closed to the server's user.
    private const string OpenHome = "/var/lib/control-center";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

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

    /// <summary>Where the password of the one database user is kept.</summary>
    public string PasswordFile => Path.Combine(Root, "password");

    private string PortFile => Path.Combine(Root, "port");

    /// <summary>The real path of the data folder of a home's cluster, whether it is there or not.</summary>
    public static async Task<string> DataOfAsync(string home, CancellationToken cancellationToken)
    {
        var root = Path.Combine(Path.GetFullPath(home), "postgres");
        return Path.Combine(Directory.Exists(root) ? await RealPathAsync(root, cancellationToken) : root, "data");
    }

    /// <summary>Makes the folders, owned by whoever the server will run as.</summary>
    /// <exception cref="EmbeddedPostgresException">The server's user is not there, or cannot get there.</exception>
    public static async Task<ClusterFolder> PrepareAsync(string home, ILogger logger, CancellationToken cancellationToken)
    {
        var owner = Environment.IsPrivilegedProcess ? UnprivilegedUser : null;
        if (owner is not null && (await ServerCommand.RunAsync("/usr/bin/id", ["-u", owner], asOwner: null, cancellationToken)).ExitCode != 0)
        {
            throw new EmbeddedPostgresException(
                $"As root, PostgreSQL runs as the user '{owner}', who is not on this machine. Debian's package postgresql makes it: apt-get install postgresql.");
        }

        var root = await PlaceAsync(Path.Combine(Path.GetFullPath(home), "postgres"), owner, logger, cancellationToken);
        var socket = Path.Combine(root, "run");
        if (Encoding.UTF8.GetByteCount(socket) <= LongestSocketFolder && socket.All(IsPlain))
        {
            Directory.CreateDirectory(socket, OwnerOnly);
        }
        else
        {
            // A new folder each time, made by mktemp: a name that can be guessed could be somebody else's by now.
            socket = await NewFolderAsync("/tmp/cc-XXXXXXXXXX", cancellationToken);
        }

        await OwnAsync(socket, owner, cancellationToken);
        return new ClusterFolder(root, socket, owner);
    }

    /// <summary>Removes a socket folder that lies outside the cluster's own.</summary>
    public void RemoveSocketFolder()
    {
        if (!SocketFolder.StartsWith(Root + "/", StringComparison.Ordinal) && Directory.Exists(SocketFolder))
        {
            Directory.Delete(SocketFolder, recursive: true);
        }
    }

    /// <summary>Makes the cluster's folder where the server's user can get to it, and returns its real path.</summary>
    private static async Task<string> PlaceAsync(string root, string? owner, ILogger logger, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(root))
        {
            if (new FileInfo(root).LinkTarget is { } target)
            {
                throw new EmbeddedPostgresException($"{root} leads to {target}, which is not there. Put the cluster back, or remove the link to begin with an empty one.");
            }

            Directory.CreateDirectory(root, OwnerOnly);
        }

        var real = await RealPathAsync(root, cancellationToken);
        await OwnAsync(real, owner, cancellationToken);
        if (owner is null || await CanEnterAsync(real, owner, cancellationToken))
        {
            return real;
        }

        if (Directory.EnumerateFileSystemEntries(real).Any())
        {
            throw new EmbeddedPostgresException(
                $"As root, PostgreSQL runs as the user '{owner}', who cannot get to {real}. Make every folder above it passable (chmod o+x), or move it and leave a link.");
        }

        // A clone under /root, which is closed to everybody else, is no reason to refuse: the cluster goes where services keep
        // theirs, and a link says where. A new name each time, so that a removed CC_HOME never comes back with old data.
        Directory.CreateDirectory(OpenHome);
        var place = await NewFolderAsync(Path.Combine(OpenHome, "postgres-XXXXXXXX"), cancellationToken);
        await OwnAsync(place, owner, cancellationToken);
        if (!await CanEnterAsync(place, owner, cancellationToken))
        {
            Directory.Delete(place);
            throw new EmbeddedPostgresException(
                $"As root, PostgreSQL runs as the user '{owner}', who can get neither to {real} nor to {OpenHome}. Choose a CC_HOME that every folder above lets pass (chmod o+x).");
        }

        Directory.Delete(root);
        File.CreateSymbolicLink(root, place);
        LogPlacedElsewhere(logger, real, owner, place);
        return place;
    }

    private static async Task<bool> CanEnterAsync(string folder, string owner, CancellationToken cancellationToken) =>
        (await ServerCommand.RunAsync("/usr/bin/test", ["-x", folder], owner, cancellationToken)).ExitCode == 0;

    private static async Task<string> NewFolderAsync(string template, CancellationToken cancellationToken)
    {
        var (exitCode, output, error) = await ServerCommand.RunAsync("/usr/bin/mktemp", ["--directory", template], asOwner: null, cancellationToken);
        return exitCode == 0 ? output.Trim() : throw new EmbeddedPostgresException($"No folder {template} could be made for PostgreSQL: {error.Trim()}");
    }

    // The kernel tells a process's working directory by its real path, and that is how a server on the folder is recognised.
    private static async Task<string> RealPathAsync(string path, CancellationToken cancellationToken)
    {
        var (exitCode, output, error) = await ServerCommand.RunAsync("/usr/bin/realpath", ["--zero", "--", path], asOwner: null, cancellationToken);
        return exitCode == 0 ? output.TrimEnd('\0') : throw new EmbeddedPostgresException($"{path} cannot be resolved: {error.Trim()}");
    }

    // What neither postgresql.conf's list of folders nor a connection string's list of hosts would take for something else.
    private static bool IsPlain(char c) => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '_' or '-';

    /// <summary>Makes the cluster if it is not there. One that was interrupted while it was made is made anew.</summary>
    public async Task InitialiseAsync(ServerBinaries binaries, CancellationToken cancellationToken)
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

        await WriteSecretAsync(PasswordFile, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24)), cancellationToken);
        var (exitCode, _, error) = await ServerCommand.RunAsync(
            binaries.PathOf("initdb"),
            [
                "--pgdata", unfinished, "--username", "control_center", "--pwfile", PasswordFile, "--auth", "scram-sha-256",
                "--data-checksums", "--encoding", "UTF8", "--locale", "C.UTF-8",
            ],
            Owner,
            cancellationToken);
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

    /// <summary>Keeps a new password of the one database user.</summary>
    public Task KeepPasswordAsync(string password, CancellationToken cancellationToken) => WriteSecretAsync(PasswordFile, password, cancellationToken);

    /// <summary>The password of the one database user.</summary>
    public string Password() => File.ReadAllText(PasswordFile).Trim();

    /// <summary>The loopback port: the same at each start if it is free, below those that the kernel gives out.</summary>
    public int ChoosePort(int? wanted)
    {
        if (wanted is { } given)
        {
            return given;
        }

        // Where the kernel gives out nearly every port there is none below, and the next thousand must do.
        var end = FirstEphemeralPort() is var ephemeral && ephemeral > FirstPort ? ephemeral : FirstPort + 1000;
        var kept = File.Exists(PortFile) && int.TryParse(File.ReadAllText(PortFile), NumberStyles.None, CultureInfo.InvariantCulture, out var before)
            && before >= FirstPort && before < end ? before : FirstPort;
        var port = Enumerable.Range(kept, end - kept).Concat(Enumerable.Range(FirstPort, kept - FirstPort)).FirstOrDefault(IsFree);
        if (port == 0)
        {
            throw new EmbeddedPostgresException($"No loopback port from {FirstPort} to {end - 1} is free for PostgreSQL.");
        }

        File.WriteAllText(PortFile, port.ToString(CultureInfo.InvariantCulture));
        return port;
    }

    /// <summary>Writes the settings that the host decides; a person's own go into <c>postgresql.conf</c> and lose to these.</summary>
    public async Task WriteSettingsAsync(int port, int mostConnections, CancellationToken cancellationToken)
    {
        var settings = $"""
            # Written by Control Center at each start.
            listen_addresses = '127.0.0.1'
            port = {port}
            unix_socket_directories = '{SocketFolder}'
            unix_socket_permissions = 0700
            max_connections = {mostConnections}
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
        await File.WriteAllTextAsync(path, settings + "\n", cancellationToken);
        await OwnAsync(path, Owner, cancellationToken);
        var main = Path.Combine(Data, "postgresql.conf");
        const string Include = "include = 'control-center.conf'";
        if (!(await File.ReadAllTextAsync(main, cancellationToken)).Contains(Include, StringComparison.Ordinal))
        {
            await File.AppendAllTextAsync(main, $"\n{Include}\n", cancellationToken);
        }
    }

    /// <summary>Gives a file or folder to the server's user; never through a link.</summary>
    private static async Task OwnAsync(string path, string? owner, CancellationToken cancellationToken)
    {
        if (owner is not null
            && await ServerCommand.RunAsync("/bin/chown", ["--no-dereference", $"{owner}:{owner}", path], asOwner: null, cancellationToken) is { ExitCode: not 0 } failed)
        {
            throw new EmbeddedPostgresException($"{path} cannot be given to '{owner}': {failed.Error.Trim()}");
        }
    }

    private async Task WriteSecretAsync(string path, string text, CancellationToken cancellationToken)
    {
        await using (var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            await file.WriteAsync(Encoding.UTF8.GetBytes(text + "\n"), cancellationToken);

            // The cluster will outlive a power cut; the only key to it must too.
            file.Flush(flushToDisk: true);
        }

        await OwnAsync(path, Owner, cancellationToken);
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

    [LoggerMessage(EventId = 1407, Level = LogLevel.Warning, Message = "{Folder} is closed to the user {Owner}, as whom PostgreSQL runs; the cluster is in {Place} instead, and a link leads to it")]
    private static partial void LogPlacedElsewhere(ILogger logger, string folder, string owner, string place);
}
