using System.Diagnostics;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Tools;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Wal;

/// <summary><c>pg_receivewal</c> beside the host: it writes what the server logs as it is written, and the server keeps for it what it has not had.</summary>
internal sealed class WalReceiver : IAsyncDisposable
{
    /// <summary>The replication slot. What it holds back is capped by the server's <c>max_slot_wal_keep_size</c>.</summary>
    public const string Slot = "control_center";

    private const string ApplicationName = "control-center-wal";

    private readonly Process _process;
    private readonly TimeProvider _time;
    private readonly Task<string> _complaints;

    private WalReceiver(Process process, TimeProvider time)
    {
        (_process, _time) = (process, time);
        _complaints = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Whether it runs.</summary>
    public bool Runs => !_process.HasExited;

    /// <summary>Ends when it ends.</summary>
    public Task Ended => _process.WaitForExitAsync();

    /// <summary>Sees to the slot, and takes it from one that an earlier host left.</summary>
    /// <returns>
    /// Whether log was lost because the slot fell too far behind and had to be made anew; from where on the server keeps log for the receiver;
    /// and how far it has written.
    /// </returns>
    public static async Task<(bool Lost, Lsn Kept, Lsn Written)> PrepareAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var lost = await PrepareSlotAsync(connection, cancellationToken);
        var (kept, written) = await StandingAsync(connection, cancellationToken);
        return (lost, kept, written);
    }

    /// <summary>Starts it.</summary>
    /// <exception cref="ToolException">It cannot be started.</exception>
    public static async Task<WalReceiver> StartAsync(
        PostgresTools tools, NpgsqlConnection connection, string folder, TimeProvider time, CancellationToken cancellationToken)
    {
        // What it has written is read by the upload whether or not it has been synced, and until a segment is whole and synced the server keeps
        // its own: a sync after each commit would only slow down the server's on the same disk. The slot alone says what was synced.
        string[] told = await SeesReceiverAsync(connection, cancellationToken) ? ["--status-interval", "1"] : ["--synchronous"];
        var info = await tools.StartInfoAsync(
            "pg_receivewal", ["--directory", folder, "--slot", Slot, .. told, "--no-loop", "--dbname", tools.Connection(ApplicationName)], cancellationToken);
        (info.RedirectStandardInput, info.RedirectStandardOutput, info.RedirectStandardError) = (true, true, true);
        var process = ToolProcess.Start(info);
        process.StandardInput.Close();
        return new WalReceiver(process, time);
    }

    /// <summary>Waits until everything up to a place is in the folder's files.</summary>
    /// <exception cref="ToolException">It has ended, or does not come up with the server in time.</exception>
    public async Task WaitForAsync(NpgsqlConnection connection, Lsn place, TimeSpan patience, CancellationToken cancellationToken)
    {
        var since = _time.GetTimestamp();
        while (await ReceivedAsync(connection, cancellationToken) is not { } received || received < place)
        {
            if (!Runs)
            {
                var said = (await _complaints).Trim();
                throw new ToolException($"pg_receivewal has ended: {said}", _process.ExitCode, ResticFaults.Of(said) == RepositoryFault.Full ? RepositoryFault.Full : RepositoryFault.Other);
            }

            if (_time.GetElapsedTime(since) > patience)
            {
                throw new ToolException($"The log is not received: place {place} was written {patience.TotalSeconds:0} s ago.");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), _time, cancellationToken);
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await ToolProcess.EndAsync(_process, _time);
        _process.Dispose();
    }

    private static async Task<bool> SeesReceiverAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select pg_has_role('pg_read_all_stats', 'usage')", connection);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task<(Lsn Kept, Lsn Written)> StandingAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "select coalesce(restart_lsn, '0/0')::text, pg_current_wal_flush_lsn()::text from pg_replication_slots where slot_name = @slot", connection);
        command.Parameters.AddWithValue("slot", Slot);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (Lsn.TryParse(reader.GetString(0))!.Value, Lsn.TryParse(reader.GetString(1))!.Value);
    }

    private static async Task<Lsn?> ReceivedAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // Whoever may not see its own receiver is told by the slot, which moves with what was synced.
        await using var command = new NpgsqlCommand(
            "select coalesce(r.write_lsn, s.restart_lsn)::text from pg_replication_slots s left join pg_stat_replication r on r.pid = s.active_pid where s.slot_name = @slot and s.active",
            connection);
        command.Parameters.AddWithValue("slot", Slot);
        return Lsn.TryParse(await command.ExecuteScalarAsync(cancellationToken) as string);
    }

    private static async Task<bool> PrepareSlotAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var look = new NpgsqlCommand("select wal_status, active_pid from pg_replication_slots where slot_name = @slot", connection);
        look.Parameters.AddWithValue("slot", Slot);
        string? status = null;
        int? holder = null;
        await using (var reader = await look.ExecuteReaderAsync(cancellationToken))
        {
            if (await reader.ReadAsync(cancellationToken))
            {
                status = reader.IsDBNull(0) ? "" : reader.GetString(0);
                holder = reader.IsDBNull(1) ? null : reader.GetInt32(1);
            }
        }

        if (holder is { } pid)
        {
            // Its host is dead, or this one would not hold the lock: it writes for nobody.
            await using var end = new NpgsqlCommand("select pg_terminate_backend(@pid, 10000)", connection);
            end.Parameters.AddWithValue("pid", pid);
            await end.ExecuteNonQueryAsync(cancellationToken);
        }

        if (status == "lost")
        {
            await using var drop = new NpgsqlCommand("select pg_drop_replication_slot(@slot)", connection);
            drop.Parameters.AddWithValue("slot", Slot);
            await drop.ExecuteNonQueryAsync(cancellationToken);
        }

        if (status is null or "lost")
        {
            await using var create = new NpgsqlCommand("select pg_create_physical_replication_slot(@slot, true)", connection);
            create.Parameters.AddWithValue("slot", Slot);
            await create.ExecuteNonQueryAsync(cancellationToken);
        }

        return status == "lost";
    }
}
