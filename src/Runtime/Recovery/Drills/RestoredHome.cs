using System.Globalization;
using ControlCenter.Runtime.Recovery.Restore;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>A home to start a bus on: the latest moment that can be restored, and what stood there then.</summary>
/// <param name="Path">Its path.</param>
/// <param name="Cluster">What was restored.</param>
/// <param name="Standing">How many of what there were.</param>
internal sealed record RestoredHome(string Path, RestoredCluster Cluster, HomeStanding Standing)
{
    /// <summary>Restores one, and judges it: the first steps of every drill that starts a bus.</summary>
    public static async Task<RestoredHome> MakeAsync(Drill drill, ScratchRestore scratch, CancellationToken cancellationToken)
    {
        var repository = await scratch.OpenAsync(drill, escrowed: false, cancellationToken);
        HomeStanding? standing = null;
        RestoredCluster? cluster = null;
        await drill.StepAsync("restore the latest moment", 1, async ct =>
        {
            var plan = RestorePlan.Of(repository.Index, null);
            drill.Snapshot = plan.Base;
            drill.RestoredTo = plan.To;
            cluster = await scratch.RestoreAsync(drill, repository, plan, "home", async (connection, stop) => standing = await HomeStanding.ReadAsync(connection, stop), ct);
            return string.Create(CultureInfo.InvariantCulture, $"{plan.To.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC, in {cluster.Took.TotalSeconds:0.0} s");
        }, cancellationToken);
        await ScratchRestore.JudgeAsync(drill, cluster!, cancellationToken);
        return new RestoredHome(System.IO.Path.Combine(drill.Folder, "home"), cluster!, standing!);
    }
}

/// <summary>What stood in a restored database (HL-08): what goes on from there.</summary>
/// <param name="Tickets">Tickets.</param>
/// <param name="Tasks">Tasks.</param>
/// <param name="Held">Tasks that somebody had.</param>
/// <param name="HeldWithCheckpoint">Those of them that have a checkpoint to go on from.</param>
/// <param name="Active">Sessions under way, which are bound anew.</param>
/// <param name="Interrupted">Sessions that wait to be gone on with.</param>
/// <param name="Uncertain">Sessions that a human decides about.</param>
/// <param name="Checkpoints">Checkpoints.</param>
internal sealed record HomeStanding(long Tickets, long Tasks, long Held, long HeldWithCheckpoint, long Active, long Interrupted, long Uncertain, long Checkpoints)
{
    public static async Task<HomeStanding> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select (select count(*) from tickets), (select count(*) from tasks), (select count(*) from tasks where lease_id is not null),
                (select count(*) from tasks t where lease_id is not null and exists (select from checkpoints c where c.task_id = t.id)),
                (select count(*) from sessions where state = 'active'), (select count(*) from sessions where state = 'interrupted'),
                (select count(*) from sessions where state = 'uncertain'), (select count(*) from checkpoints)
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new HomeStanding(
            reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4), reader.GetInt64(5), reader.GetInt64(6), reader.GetInt64(7));
    }
}
