using System.Globalization;
using System.Security.Cryptography;
using ControlCenter.Runtime.Recovery.Backups;
using ControlCenter.Runtime.Storage.Embedded;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>
/// Makes a restored cluster one that a host starts on by itself, wherever it was before: another's server may keep its settings in
/// another folder, and knows our database by another name and another user.
/// </summary>
internal static class AdoptedCluster
{
    private const string Own = "control_center";

    // What a standby must have no less of than the server whose log it replays (PostgreSQL manual, 27.4.3), as pg_controldata calls it.
    private static readonly (string Said, string Setting)[] NoLessThan =
    [
        ("max_connections setting", "max_connections"), ("max_worker_processes setting", "max_worker_processes"), ("max_wal_senders setting", "max_wal_senders"),
        ("max_prepared_xacts setting", "max_prepared_transactions"), ("max_locks_per_xact setting", "max_locks_per_transaction"),
    ];

    /// <summary>Writes the settings' files that a server keeps elsewhere, as Debian's does, and so are in no base backup.</summary>
    public static async Task CompleteAsync(ClusterFolder cluster, CancellationToken cancellationToken)
    {
        foreach (var (name, text) in new[]
        {
            ("postgresql.conf", "# The server that this was backed up from kept its settings elsewhere.\n"),
            ("pg_hba.conf", "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"),
            ("pg_ident.conf", ""),
        })
        {
            var path = Path.Combine(cluster.Data, name);
            if (!File.Exists(path))
            {
                await File.WriteAllTextAsync(path, text, cancellationToken);
            }
        }
    }

    /// <summary>The settings without which its log cannot be replayed.</summary>
    /// <exception cref="RestoreException">Its control file cannot be read.</exception>
    public static async Task<IReadOnlyDictionary<string, string>> SettingsAsync(ServerBinaries binaries, ClusterFolder cluster, CancellationToken cancellationToken)
    {
        var (exitCode, output, error) = await ServerCommand.RunAsync(binaries.PathOf("pg_controldata"), [cluster.Data], asOwner: null, cancellationToken);
        if (exitCode != 0)
        {
            throw new RestoreException($"The cluster's control file cannot be read: {error.Trim()}");
        }

        var said = output.Split('\n').Select(l => l.Split(':', 2)).Where(p => p.Length == 2).ToDictionary(p => p[0].Trim(), p => p[1].Trim());
        return NoLessThan.Where(n => said.ContainsKey(n.Said)).ToDictionary(n => n.Setting, n => said[n.Said]);
    }

    /// <summary>The superuser that it was made with, who may look at everything in it.</summary>
    public static async Task<string> SuperuserAsync(string connectionString, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(cancellationToken);
        // BOOTSTRAP_SUPERUSERID (PostgreSQL, pg_authid.dat).
        await using var command = new NpgsqlCommand("select rolname::text from pg_roles where oid = 10", connection);
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Gives it the user and the database that a host looks for, and a new password: the old one is on a machine that may be gone, and the hash of it opens nothing.</summary>
    public static async Task AdoptAsync(ScratchServer server, DatabaseManifest manifest, string superuser, ClusterFolder cluster, CancellationToken cancellationToken)
    {
        var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
        await using var connection = new NpgsqlConnection(server.Connection("template1", superuser));
        await connection.OpenAsync(cancellationToken);
        using var quote = new NpgsqlCommandBuilder();
        var make = await ExistsAsync(connection, "pg_roles where rolname", Own, cancellationToken) ? "alter" : "create";
        await ExecuteAsync(connection, $"{make} role {Own} superuser login password '{password}'", cancellationToken);
        if (manifest.Database != Own)
        {
            if (await ExistsAsync(connection, "pg_database where datname", Own, cancellationToken))
            {
                throw new RestoreException(string.Create(CultureInfo.InvariantCulture, $"The cluster has a database '{Own}' beside ours, '{manifest.Database}', so a host would start on the wrong one."));
            }

            await ExecuteAsync(connection, $"alter database {quote.QuoteIdentifier(manifest.Database)} rename to {Own}", cancellationToken);
        }

        await cluster.KeepPasswordAsync(password, cancellationToken);
    }

    private static async Task<bool> ExistsAsync(NpgsqlConnection connection, string what, string name, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"select exists (select from {what} = @name)", connection);
        command.Parameters.AddWithValue("name", name);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
