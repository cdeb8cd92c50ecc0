using System.Globalization;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.Runtime.Recovery.Watching;
using ControlCenter.Runtime.Storage.Invariants;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>Restores for a drill: from the repository and its password alone, as after the loss of everything else.</summary>
internal sealed class ScratchRestore(NpgsqlDataSource database, RecoverySettings settings, TimeProvider time, ILogger<RestoreCluster> logger)
{
    // What is fetched, replayed and checked needs more than what is restored: the log lies beside it until it is replayed.
    private const decimal RoomFactor = 1.5m;

    /// <summary>Opens the repository as a machine would that has nothing but its address and a copy of its password (BK-31).</summary>
    /// <param name="drill">The drill.</param>
    /// <param name="escrowed">Whether that is the second copy, where there is one: the first may be what was lost.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    public async Task<ScratchRepository> OpenAsync(Drill drill, bool escrowed, CancellationToken cancellationToken)
    {
        ScratchRepository? opened = null;
        var escrow = escrowed ? settings.EscrowFile : null;
        await drill.StepAsync(escrow is null ? "open the repository with its password alone" : "open the repository with the second copy of its password alone", null, async ct =>
        {
            var tools = Directory.CreateDirectory(Path.Combine(drill.Folder, "tools"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
            var password = Path.Combine(tools, "password");
            await using (var copy = new FileStream(password, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
            {
                await copy.WriteAsync(escrow is null ? await File.ReadAllBytesAsync(settings.PasswordFile, ct) : await EscrowedAsync(escrow, ct), ct);
            }

            var own = settings with { Folder = tools, PasswordFile = password };
            Directory.CreateDirectory(own.ScratchFolder);
            var restic = new Restic(own, time);
            opened = new ScratchRepository(restic, escrow is null ? await RepositoryIndex.ReadAsync(restic, ct) : await ReadAsync(restic, escrow, ct));
            return string.Create(CultureInfo.InvariantCulture,
                $"{opened.Index.Snapshots.Count} snapshots; no cache, no catalogue and no database were used{(escrow is null ? "" : ", and of the password only what CC_BACKUP_ESCROW_FILE names")}");
        }, cancellationToken);
        return opened!;
    }

    private async Task<byte[]> EscrowedAsync(string file, CancellationToken cancellationToken) => await CheckEscrow.ReadAsync(settings, file, time, cancellationToken) switch
    {
        (var password, null) => password,
        (_, EscrowFault.Missing) => throw new DrillFailedException($"The second copy of the password, {file} (CC_BACKUP_ESCROW_FILE), is not there."),
        _ => throw new DrillFailedException($"The second copy of the password, {file} (CC_BACKUP_ESCROW_FILE), cannot be read."),
    };

    private async Task<RepositoryIndex> ReadAsync(Restic restic, string file, CancellationToken cancellationToken)
    {
        try
        {
            var index = await RepositoryIndex.ReadAsync(restic, cancellationToken);
            await CheckEscrow.KeepAsync(database, file, null, cancellationToken);
            return index;
        }
        catch (ToolException fault) when (fault.Fault == RepositoryFault.WrongPassword)
        {
            throw new DrillFailedException($"The second copy of the password, {file} (CC_BACKUP_ESCROW_FILE), does not open the repository.");
        }
    }

    /// <summary>Restores a moment into <c>FOLDER/NAME</c>, as a home to start on.</summary>
    /// <param name="drill">The drill.</param>
    /// <param name="repository">The repository.</param>
    /// <param name="plan">What to restore.</param>
    /// <param name="name">The folder's name below the drill's.</param>
    /// <param name="look">Looks at the database before it is stopped.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    public async Task<RestoredCluster> RestoreAsync(
        Drill drill, ScratchRepository repository, RestorePlan plan, string name, Func<NpgsqlConnection, CancellationToken, Task>? look, CancellationToken cancellationToken)
    {
        var into = Path.Combine(drill.Folder, name);
        await RequireRoomAsync(drill.Folder, cancellationToken);
        return await new RestoreCluster(repository.Restic, time, logger).ExecuteAsync(plan, into, async (connection, ct) =>
        {
            await RequireScratchAsync(connection, drill.Folder, ct);
            drill.Invariants = await CheckInvariants.ExecuteAsync(connection, ct);
            await (look?.Invoke(connection, ct) ?? Task.CompletedTask);
        }, null, cancellationToken);
    }

    /// <summary>Takes note of what came out: tables and indexes, and the application's own invariants.</summary>
    public static async Task JudgeAsync(Drill drill, RestoredCluster restored, CancellationToken cancellationToken)
    {
        await drill.CheckAsync(
            "every table and index agrees", 1, restored.Damage.Length == 0, restored.Damage.Length == 0 ? "pg_amcheck read all of them" : restored.Damage, cancellationToken);
        var broken = drill.Invariants.Where(i => !i.Passed).ToList();
        await drill.CheckAsync(
            "the application's invariants hold", 1, broken.Count == 0,
            broken.Count == 0
                ? string.Create(CultureInfo.InvariantCulture, $"all {drill.Invariants.Count} of them")
                : string.Join(" ", broken.Select(i => $"{i.Sentence} Not so: {i.Detail}.")),
            cancellationToken);
    }

    // Two servers on one machine speak by sockets of the same name: this one is the restored one, or nothing is done with it.
    private static async Task RequireScratchAsync(NpgsqlConnection connection, string folder, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("show data_directory", connection);
        var data = (string)(await command.ExecuteScalarAsync(cancellationToken))!;
        if (!data.StartsWith(folder + "/", StringComparison.Ordinal) && !data.StartsWith(ClusterElsewhere, StringComparison.Ordinal))
        {
            throw new DrillFailedException($"The server that answers is on {data}, which is not the drill's.");
        }
    }

    // Where a folder is closed to the server's user (ClusterFolder).
    private const string ClusterElsewhere = "/var/lib/control-center/postgres-";

    private async Task RequireRoomAsync(string folder, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("select sum(pg_database_size(oid))::bigint from pg_database");
        var needed = (long)((long)(await command.ExecuteScalarAsync(cancellationToken))! * RoomFactor);
        var free = new DriveInfo(folder).AvailableFreeSpace;
        if (free < needed)
        {
            throw new DrillFailedException(string.Create(
                CultureInfo.InvariantCulture, $"A restore needs about {needed / 1048576:#,0} MiB in {folder}, and {free / 1048576:#,0} MiB are free there."));
        }
    }
}

/// <summary>The repository, as it was opened for a drill.</summary>
/// <param name="Restic">How it is reached.</param>
/// <param name="Index">What it holds.</param>
internal sealed record ScratchRepository(Restic Restic, RepositoryIndex Index)
{
    /// <summary>The same, looked at again.</summary>
    public async Task<ScratchRepository> AgainAsync(CancellationToken cancellationToken) => this with { Index = await RepositoryIndex.ReadAsync(Restic, cancellationToken) };
}

/// <summary>How a scenario is proven.</summary>
internal interface IDrillProof
{
    /// <summary>Which.</summary>
    DrillScenario Scenario { get; }

    /// <summary>Proves it, step by step. What the drill wrote is removed afterwards, however this ends.</summary>
    Task ExecuteAsync(Drill drill, CancellationToken cancellationToken);
}
