using System.Security.Cryptography;
using System.Text;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Recovery.Tools;
using Npgsql;

namespace ControlCenter.Runtime.Recovery;

/// <summary>What is remembered of the repository over a restart: that there is one, and how often in a row log did not reach it.</summary>
internal static class WatchedRepository
{
    /// <summary>Whether this very repository was used before.</summary>
    public static async Task<bool> IsKnownAsync(NpgsqlConnection connection, RecoverySettings settings, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select coalesce(repository = @repository, false) from recovery_watch", connection);
        command.Parameters.AddWithValue("repository", NameOf(settings));
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>It is there and can be used: another than before is another watch.</summary>
    public static async Task BeginAsync(NpgsqlConnection connection, RecoverySettings settings, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            update recovery_watch set repository = @repository, since = clock_timestamp(), behind_from = null, behind_since = null, failures = 0,
                last_failure = null, last_fault = null, probed_at = null, probe_problem = null
            """,
            connection);
        command.Parameters.AddWithValue("repository", NameOf(settings));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Log did not reach it.</summary>
    public static async Task FailedAsync(NpgsqlDataSource database, Exception fault, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("update recovery_watch set failures = failures + 1, last_failure = @said, last_fault = @fault");
        command.Parameters.AddWithValue("said", fault.Message);
        command.Parameters.AddWithValue("fault", (fault is ToolException tool ? tool.Fault : ResticFaults.Of(fault.Message)).Wire());
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    // Its address may have a password in it.
    private static string NameOf(RecoverySettings settings) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(settings.Repository)));
}
