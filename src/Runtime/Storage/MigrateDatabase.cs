using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Storage;

/// <summary>Brings the database to this version's schema before anything else runs.</summary>
public sealed partial class MigrateDatabase(IDbContextFactory<ControlCenterDb> databases, ILogger<MigrateDatabase> logger)
{
    /// <summary>Applies what is missing. EF Core holds a lock on its history table meanwhile, so that of several hosts one does it and the others wait.</summary>
    /// <exception cref="InvalidOperationException">The database was written by a newer version of this program.</exception>
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
            LogMigrating(logger, missing);
            await db.Database.MigrateAsync(cancellationToken);
        }
    }

    [LoggerMessage(EventId = 1301, Level = LogLevel.Information, Message = "The database needs {Count} migrations; applying them")]
    private static partial void LogMigrating(ILogger logger, int count);
}
