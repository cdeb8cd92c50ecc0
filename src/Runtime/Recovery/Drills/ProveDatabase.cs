using System.Globalization;
using System.Security.Cryptography;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Backups;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Recovery.Wal;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>
/// The database comes back: a base as it was counted when it was taken, and a moment between two rows of the drill's own, of which the
/// first is there and the second is not.
/// </summary>
internal sealed class ProveDatabase(NpgsqlDataSource database, ScratchRestore scratch, StreamWal stream, TimeProvider time) : IDrillProof
{
    private const string Before = "before";
    private const string After = "after";

    // Another host ships the log every ten seconds, and what is little every minute.
    private static readonly TimeSpan ShipPatience = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    public DrillScenario Scenario => DrillScenario.Database;

    public async Task ExecuteAsync(Drill drill, CancellationToken cancellationToken)
    {
        var moment = drill.IsSample ? (DateTimeOffset?)null : await MarkAsync(drill, cancellationToken);
        var repository = await scratch.OpenAsync(drill, escrowed: true, cancellationToken);
        var taken = Choose(repository.Index, drill.IsSample);
        drill.Snapshot = taken;
        await RestoreBaseAsync(drill, repository, taken, cancellationToken);
        if (moment is { } between)
        {
            await RestoreBetweenAsync(drill, repository, between, cancellationToken);
        }
        else
        {
            await drill.SkipAsync("restore to a moment between two rows", 1, "A base drawn by lot may be older than any row that could be written now; the monthly drill does it.", cancellationToken);
        }
    }

    private static MarkedSnapshot Choose(RepositoryIndex index, bool byLot)
    {
        var bases = index.NewestSystem is { } system ? index.Of(system, SnapshotKind.Base).ToList() : [];
        return bases.Count == 0 ? throw new DrillFailedException("The repository holds no base backup, so nothing can be restored from it.")
            : byLot ? bases[RandomNumberGenerator.GetInt32(bases.Count)]
            : bases[^1];
    }

    private async Task<DateTimeOffset> MarkAsync(Drill drill, CancellationToken cancellationToken)
    {
        var moment = default(DateTimeOffset);
        await drill.StepAsync("write a row, note the moment, write another", null, async ct =>
        {
            await InsertAsync(drill.Id, Before, ct);
            await using (var now = database.CreateCommand("select clock_timestamp()"))
            {
                moment = new DateTimeOffset((DateTime)(await now.ExecuteScalarAsync(ct))!, TimeSpan.Zero);
            }

            await InsertAsync(drill.Id, After, ct);
            return string.Create(CultureInfo.InvariantCulture, $"the moment is {moment.UtcDateTime:yyyy-MM-dd HH:mm:ss.ffffff} UTC");
        }, cancellationToken);
        await drill.StepAsync("have the log of it in the repository", null, async ct =>
        {
            await ShipAsync(moment, ct);
            return "it has arrived";
        }, cancellationToken);
        return moment;
    }

    private async Task InsertAsync(Guid drill, string name, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("insert into restore_drill_markers (drill_id, name) values (@drill, @name)");
        command.Parameters.AddWithValue("drill", drill);
        command.Parameters.AddWithValue("name", name);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task ShipAsync(DateTimeOffset moment, CancellationToken cancellationToken)
    {
        try
        {
            await stream.ShipNowAsync(cancellationToken);
            return;
        }
        catch (InvalidOperationException)
        {
            // Another host ships the log, or this one begins to: it is waited for below.
        }

        var since = time.GetTimestamp();
        while (true)
        {
            await using var command = database.CreateCommand("select exists (select from wal_shipments where at > @moment)");
            command.Parameters.AddWithValue("moment", moment);
            if ((bool)(await command.ExecuteScalarAsync(cancellationToken))!)
            {
                return;
            }

            if (time.GetElapsedTime(since) > ShipPatience)
            {
                throw new DrillFailedException($"Nothing of the log has reached the repository for {ShipPatience.TotalMinutes:0} minutes.");
            }

            await Task.Delay(Poll, time, cancellationToken);
        }
    }

    private async Task RestoreBaseAsync(Drill drill, ScratchRepository repository, MarkedSnapshot taken, CancellationToken cancellationToken)
    {
        RestoredCluster? restored = null;
        await drill.StepAsync(drill.IsSample ? "restore a base drawn by lot" : "restore the newest base", 1, async ct =>
        {
            restored = await scratch.RestoreAsync(drill, repository, RestorePlan.Of(repository.Index, taken.At, taken.System), "base", null, ct);
            drill.RestoredTo = taken.At;
            return string.Create(CultureInfo.InvariantCulture, $"the base of {taken.At.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC, and {restored.Plan.Log.Count} pieces of log, in {restored.Took.TotalSeconds:0.0} s");
        }, cancellationToken);
        await CountAsync(drill, restored!, cancellationToken);
        await ScratchRestore.JudgeAsync(drill, restored!, cancellationToken);
        await drill.StepAsync("remove what was restored", null, async ct =>
        {
            var left = await DrillScratch.RemoveAsync(Path.Combine(drill.Folder, "base"), time, ct);
            return left.Count == 0 ? "nothing of it is left" : throw new DrillFailedException(string.Join(", ", left));
        }, cancellationToken);
    }

    private async Task CountAsync(Drill drill, RestoredCluster restored, CancellationToken cancellationToken)
    {
        drill.Tables = DrillRules.Compare(restored.Manifest.Tables, restored.Tables);
        var off = drill.Tables.Where(t => !t.Passed).Select(t => t.Table).ToList();
        await drill.CheckAsync(
            "count every table against the manifest", 1, off.Count == 0,
            off.Count == 0
                ? string.Create(CultureInfo.InvariantCulture, $"{drill.Tables.Count} tables, {restored.Tables.Sum(t => t.Rows):#,0} rows, at the most {drill.Tables.Max(t => t.DriftPercent):0.##} % off")
                : $"not within {DrillRules.MostDriftPercent} %: {string.Join(", ", off)}",
            cancellationToken);
        drill.Freshness = DrillRules.AgeOfNewest(restored.Tables, restored.Manifest.CountedAt);
        await drill.CheckAsync(
            "see how fresh it is", 1, DrillRules.IsFresh(restored.Manifest.Tables, restored.Tables, restored.Manifest.CountedAt),
            drill.Freshness is { } age ? string.Create(CultureInfo.InvariantCulture, $"its newest row is {age.TotalHours:0.00} h older than the backup") : "no row in it has a time",
            cancellationToken);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var live = DrillRules.Compare(restored.Manifest.Tables, await DatabaseManifest.CountAsync(connection, cancellationToken));
        drill.LiveDriftPercent = live.Max(t => t.DriftPercent);
    }

    private async Task RestoreBetweenAsync(Drill drill, ScratchRepository repository, DateTimeOffset between, CancellationToken cancellationToken)
    {
        string[] found = [];
        await drill.StepAsync("restore to the moment between the two rows", 1, async ct =>
        {
            var newest = await repository.AgainAsync(ct);
            var restored = await scratch.RestoreAsync(drill, newest, RestorePlan.Of(newest.Index, between), "between", async (connection, stop) =>
            {
                await using var command = new NpgsqlCommand("select coalesce(array_agg(name order by name), '{}') from restore_drill_markers where drill_id = @drill", connection);
                command.Parameters.AddWithValue("drill", drill.Id);
                found = (string[])(await command.ExecuteScalarAsync(stop))!;
            }, ct);
            drill.RestoredTo = between;
            return string.Create(CultureInfo.InvariantCulture, $"{restored.Plan.Log.Count} pieces of log were replayed, in {restored.Took.TotalSeconds:0.0} s");
        }, cancellationToken);
        drill.PointInTimeTested = found is [Before];
        await drill.CheckAsync(
            "the first row is there and the second is not", 1, drill.PointInTimeTested,
            found is [Before] ? "so it is" : found.Length == 0 ? "neither is there" : $"there: {string.Join(", ", found)}", cancellationToken);
    }
}
