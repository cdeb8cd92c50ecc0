using ControlCenter.Domain.Access;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Health;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Watching;

/// <summary>Measures every five minutes what is stored and how full the disks are, and says when one of them will be full. Of several hosts one does it.</summary>
public sealed class WatchStorage(
    NpgsqlDataSource database, MeasureStorage measure, StorageQueries storage, Transactions transactions, TimeProvider time, ILogger<WatchStorage> logger)
    : SupervisedService("storage", time, logger)
{
    // A disk that fills within hours is seen in time, and a week of measurements is read in milliseconds.
    private static readonly TimeSpan MeasureEvery = TimeSpan.FromMinutes(5);

    /// <inheritdoc />
    public override TimeSpan SilentAfter => MeasureEvery * 3;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        await using var connection = await database.OpenConnectionAsync(stoppingToken);
        await using var turn = await OneHost.WaitForTurnAsync(connection, OneHost.Measures, Time, () => Beat("another host measures"), stoppingToken);
        using var timer = new PeriodicTimer(MeasureEvery, Time);
        do
        {
            await measure.ExecuteAsync(stoppingToken);
            var problems = (await storage.DisksAsync(stoppingToken)).Select(d => d.Problem()).OfType<RecoveryProblem>().ToList();
            await transactions.RunAsync(Caller.Host, async (unit, ct) =>
            {
                await KeepProblems.SetAsync(unit, StoragePlaces.Disk, problems, ct);
                return true;
            }, stoppingToken);
            Beat(problems.Count == 0 ? "there is room" : problems[0].Title);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}

/// <summary>What is measured.</summary>
internal static class StoragePlaces
{
    /// <summary>Before the path of a disk.</summary>
    public const string Disk = "disk:";

    /// <summary>The database's tables and indexes.</summary>
    public const string Database = "database";

    /// <summary>The server's log.</summary>
    public const string Log = "log";

    /// <summary>What agents said.</summary>
    public const string Transcripts = "transcripts";

    /// <summary>Their files.</summary>
    public const string Workspaces = "workspaces";

    /// <summary>Log on its way to the repository, and scratch space.</summary>
    public const string Recovery = "recovery";

    /// <summary>The backup repository, where it is a folder of this machine.</summary>
    public const string Repository = "repository";

    /// <summary>The folder of a repository that is one, and is there.</summary>
    public static string? FolderOf(RecoverySettings? settings) => settings is { Repository: ['/', ..] path } && Directory.Exists(path) ? path : null;

    /// <summary>The folders that are measured, by name.</summary>
    public static IEnumerable<(string Place, string Folder)> Folders(DataFolder data, RecoverySettings? settings)
    {
        yield return (Transcripts, Path.Combine(data.Folder, "transcripts"));
        yield return (Workspaces, Path.Combine(data.Folder, "runner"));
        yield return (Recovery, Path.Combine(data.Folder, "recovery"));
        if (FolderOf(settings) is { } repository)
        {
            yield return (Repository, repository);
        }
    }
}
