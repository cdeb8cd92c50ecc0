using System.Collections.Concurrent;
using ControlCenter.Domain.Recovery;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Recovery.Tools;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Watching;

/// <summary>Opens the repository with the second copy of its password (BK-31): every day, and as often as the repository is asked while it does not open it.</summary>
public sealed class CheckEscrow(NpgsqlDataSource database, RecoverySettings settings, TimeProvider time)
{
    // A disk of the network's that is away may keep a reader for ever, and with it the watch.
    private static readonly TimeSpan ReadPatience = TimeSpan.FromSeconds(10);

    // What no disk has answered yet, by file, with when it was asked. The process's and not a host's: so is the thread that waits.
    private static readonly ConcurrentDictionary<string, (Task<byte[]> Read, long AskedAt)> Reading = new();

    /// <summary>Looks, if it is time to. That the repository cannot be reached says nothing about the copy.</summary>
    public async Task IfDueAsync(CancellationToken cancellationToken)
    {
        await using (var command = database.CreateCommand(
            """
            select escrow_file is distinct from @file or (@file is not null and (escrow_checked_at is null or escrow_fault is not null or escrow_checked_at < clock_timestamp() - interval '1 day'))
            from recovery_watch
            """))
        {
            command.Parameters.Add(new NpgsqlParameter<string?>("file", settings.EscrowFile) { NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
            if (!(bool)(await command.ExecuteScalarAsync(cancellationToken))!)
            {
                return;
            }
        }

        if (settings.EscrowFile is null)
        {
            await using var forget = database.CreateCommand("update recovery_watch set escrow_file = null, escrow_checked_at = null, escrow_opened_at = null, escrow_fault = null");
            await forget.ExecuteNonQueryAsync(cancellationToken);
            return;
        }

        try
        {
            await KeepAsync(database, settings.EscrowFile, await LookAsync(settings.EscrowFile, cancellationToken), cancellationToken);
        }
        catch (ToolException)
        {
            // The repository's own fault, which the watch tells of; the copy is tried again with the next look.
            return;
        }
    }

    /// <summary>Takes note of a look at the copy.</summary>
    internal static async Task KeepAsync(NpgsqlDataSource database, string file, EscrowFault? fault, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            update recovery_watch set escrow_file = @file, escrow_checked_at = clock_timestamp(), escrow_fault = @fault,
                escrow_opened_at = case when @fault is null then clock_timestamp() when escrow_file = @file then escrow_opened_at end
            """);
        command.Parameters.AddWithValue("file", file);
        command.Parameters.Add(new NpgsqlParameter<string?>("fault", fault?.Wire()) { NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Reads the copy as it is; what keeps it from being read, or null with its bytes.</summary>
    internal static async Task<(byte[] Password, EscrowFault? Fault)> ReadAsync(RecoverySettings settings, string file, TimeProvider time, CancellationToken cancellationToken)
    {
        // One that is still waited for is not asked again: each would leave a thread behind.
        var (read, askedAt) = Reading.AddOrUpdate(file, Ask, (path, asked) => asked.Read.IsCompleted ? Ask(path) : asked);
        var patience = ReadPatience - time.GetElapsedTime(askedAt);
        try
        {
            return (await read.WaitAsync(patience > TimeSpan.Zero ? patience : TimeSpan.Zero, time, cancellationToken), null);
        }
        catch (Exception fault) when (fault is FileNotFoundException or DirectoryNotFoundException)
        {
            return ([], EscrowFault.Missing);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or TimeoutException)
        {
            return ([], EscrowFault.Unreadable);
        }
        finally
        {
            if (read.IsCompleted)
            {
                Reading.TryRemove(file, out _);
            }
        }

        (Task<byte[]> Read, long AskedAt) Ask(string path) => (Task.Run(() => Read(path, settings), CancellationToken.None), time.GetTimestamp());
    }

    // A link to the first copy, or to a file that is lost with the data, is no second one.
    private static byte[] Read(string file, RecoverySettings settings)
    {
        var real = RealOf(file);
        return real == RealOf(settings.PasswordFile) || (real != file && real.StartsWith(Path.GetDirectoryName(settings.Folder) + "/", StringComparison.Ordinal))
            ? throw new FileNotFoundException($"{file} is {real}.")
            : File.ReadAllBytes(file);

        static string RealOf(string path) => File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path : path;
    }

    private async Task<EscrowFault?> LookAsync(string file, CancellationToken cancellationToken)
    {
        if ((await ReadAsync(settings, file, time, cancellationToken)).Fault is { } unread)
        {
            return unread;
        }

        try
        {
            return await new Restic(settings with { PasswordFile = file }, time).IsThereAsync(cancellationToken) ? null
                : throw new ToolException("The repository is gone since it was opened with the first copy.", null, RepositoryFault.Missing);
        }
        catch (ToolException refused) when (refused is { Fault: RepositoryFault.WrongPassword } or { Fault: RepositoryFault.Other, ExitCode: not null })
        {
            // The first copy has just opened it: what else restic says, of an empty file say, it says of this one.
            return EscrowFault.Wrong;
        }
    }
}
