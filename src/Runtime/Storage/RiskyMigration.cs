using System.Globalization;
using Npgsql;

namespace ControlCenter.Runtime.Storage;

/// <summary>A migration that cannot be undone by another one: it drops, rewrites or merges what is there.</summary>
/// <param name="why">What it does, for whoever decides: <c>drops the costs of before 2026</c>.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class RiskyMigrationAttribute(string why) : Attribute
{
    /// <summary>What it does.</summary>
    public string Why { get; } = why;
}

/// <summary>Lets a risky migration run only where there is a way back: a base backup of just now, with its log (blueprint 10.3).</summary>
/// <param name="BackupsAreTaken">Whether there is a repository. Without one there is nothing to ask for.</param>
public sealed record MigrationGuard(bool BackupsAreTaken)
{
    /// <summary>A base backup is fresh for so long: 1 h, the time to stop one version and start the next.</summary>
    public static readonly TimeSpan Fresh = TimeSpan.FromHours(1);

    /// <summary>Why these migrations may not run now; null where they may.</summary>
    /// <param name="connection">The database, as the version before left it.</param>
    /// <param name="risky">Migrations that are missing and risky, each with what it does.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<string?> ProblemAsync(NpgsqlConnection connection, IReadOnlyList<(string Name, string Why)> risky, CancellationToken cancellationToken)
    {
        if (!BackupsAreTaken || risky.Count == 0)
        {
            return null;
        }

        await using var command = new NpgsqlCommand(
            """
            select max(b.ended_at), coalesce(max(b.ended_at) > clock_timestamp() - @fresh, false) from backups b
            where b.kind = 'base' and b.state = 'succeeded' and b.removed_at is null
                and exists (select from wal_shipments s where s.timeline = b.timeline and s.through >= b.stop_lsn)
            """,
            connection);
        command.Parameters.AddWithValue("fresh", Fresh);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return reader.GetBoolean(1) ? null : string.Create(CultureInfo.InvariantCulture,
            $"This version changes the database in a way that cannot be undone ({string.Join("; ", risky.Select(r => $"{r.Name}: {r.Why}"))}), and {(reader.IsDBNull(0) ? "there is no base backup with its log" : $"the newest base backup with its log is of {reader.GetFieldValue<DateTimeOffset>(0).UtcDateTime:yyyy-MM-dd HH:mm} UTC")}. Start the version before, take one (POST /api/v1/backups with {{\"reason\":\"before the update\",\"milestone\":true}}), and start this one within an hour.");
    }
}
