using System.Reflection;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Storage;

/// <summary>Brings the database to this version's schema before anything else runs.</summary>
public sealed partial class MigrateDatabase(IDbContextFactory<ControlCenterDb> databases, MigrationGuard guard, ILogger<MigrateDatabase> logger)
{
    /// <summary>Applies what is missing. EF Core holds a lock on its history table meanwhile, so that of several hosts one does it and the others wait.</summary>
    /// <exception cref="InvalidOperationException">The database was written by a newer version of this program, or there is no way back from what is to be done to it.</exception>
    public async Task ExecuteAsync(CancellationToken cancellationToken)
    {
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        var known = db.Database.GetMigrations().ToHashSet(StringComparer.Ordinal);
        var applied = await db.Database.GetAppliedMigrationsAsync(cancellationToken);
        var unknown = applied.Where(m => !known.Contains(m)).ToArray();
        if (unknown.Length > 0)
        {
            throw new InvalidOperationException(
                $"The database has migrations that this version does not know ({string.Join(", ", unknown)}): a newer version has written to it. Start that version, or restore a backup from before.");
        }

        var missing = known.Count - applied.Count();
        if (missing > 0)
        {
            await RequireWayBackAsync(db, [.. applied], cancellationToken);
            LogMigrating(logger, missing);
            await db.Database.MigrateAsync(cancellationToken);
        }
    }

    // A database that is made now has nothing to lose.
    private async Task RequireWayBackAsync(ControlCenterDb db, string[] applied, CancellationToken cancellationToken)
    {
        var risky = db.GetService<IMigrationsAssembly>().Migrations.Where(m => !applied.Contains(m.Key))
            .Select(m => (Name: m.Key, m.Value.GetCustomAttribute<RiskyMigrationAttribute>()?.Why)).Where(m => m.Why is not null).Select(m => (m.Name, m.Why!)).ToList();
        if (applied.Length == 0 || risky.Count == 0)
        {
            return;
        }

        await db.Database.OpenConnectionAsync(cancellationToken);
        if (await guard.ProblemAsync((NpgsqlConnection)db.Database.GetDbConnection(), risky, cancellationToken) is { } problem)
        {
            throw new InvalidOperationException(problem);
        }
    }

    [LoggerMessage(EventId = 1301, Level = LogLevel.Information, Message = "The database needs {Count} migrations; applying them")]
    private static partial void LogMigrating(ILogger logger, int count);
}
