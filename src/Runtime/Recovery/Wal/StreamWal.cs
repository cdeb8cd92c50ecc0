using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Recovery.Tools;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Wal;

/// <summary>
/// Brings the write-ahead log into the repository as it is written: received continuously, shipped every ten seconds while
/// something is written, sealed by the batch. Of several hosts one does it.
/// </summary>
public sealed partial class StreamWal(
    NpgsqlDataSource database, Transactions transactions, RecoverySettings settings, Restic restic, RepositoryGate gate, PostgresTools tools, TimeProvider time, ILogger<StreamWal> logger)
    : SupervisedService("wal-stream", time, logger)
{
    /// <summary>Finished segments are sealed by so many (1 GiB), or once the batch is so old.</summary>
    private const int SealSegments = 64;

    private static readonly TimeSpan SealAfter = TimeSpan.FromMinutes(30);

    // What the server logs by itself while nothing happens, a snapshot of running transactions say, can wait for its minute.
    private const ulong Little = 4096;

    private static readonly TimeSpan LittleAfter = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan ReceivePatience = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _oneAtATime = new(1, 1);
    private readonly List<string> _unsealed = [];
    private readonly LogUpload _upload = new(restic, time, logger);
    private Standing? _standing;
    private Lsn _shipped;
    private long _shippedAt;
    private long _batchSince;

    private string StagedFolder => Path.Combine(settings.ScratchFolder, "wal");

    /// <inheritdoc />
    public override TimeSpan SilentAfter => TimeSpan.FromMinutes(5);

    /// <summary>Ships what has been written by now, and returns once it is in the repository.</summary>
    /// <exception cref="ToolException">It did not get there.</exception>
    /// <exception cref="InvalidOperationException">Another host ships the log, or this one does not yet.</exception>
    public async Task<WalShipment> ShipNowAsync(CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            return await ShipAsync(_standing ?? throw new InvalidOperationException("The log is not received by this host."), seal: false, isWaitedFor: true, cancellationToken);
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        try
        {
            await StreamAsync(stoppingToken);
        }
        catch (Exception fault) when (fault is ToolException or IOException && !stoppingToken.IsCancellationRequested)
        {
            await WatchedRepository.FailedAsync(database, fault, stoppingToken);
            throw;
        }
    }

    private async Task StreamAsync(CancellationToken stoppingToken)
    {
        await using var connection = await database.OpenConnectionAsync(stoppingToken);
        await using var turn = await OneHost.WaitForTurnAsync(connection, OneHost.ShipsLog, Time, () => Beat("another host ships the log"), stoppingToken);
        Directory.CreateDirectory(settings.ScratchFolder);
        if (Directory.Exists(StagedFolder))
        {
            // An earlier host's: what has a second name there need not be what has its name now.
            Directory.Delete(StagedFolder, recursive: true);
        }

        await EnsureRepositoryAsync(connection, stoppingToken);
        await restic.UnlockAsync(stoppingToken);
        var (system, segmentBytes) = await ServerLog.ClusterAsync(connection, stoppingToken);
        if (segmentBytes != WalSegment.DefaultBytes)
        {
            throw new ToolException($"The server's log has segments of {segmentBytes} bytes (wal_segment_size); only {WalSegment.DefaultBytes} are known here, so nothing is shipped.");
        }

        var (lost, kept, written) = await WalReceiver.PrepareAsync(connection, stoppingToken);
        if (lost)
        {
            await transactions.RunAsync(Caller.Host, (unit, _) =>
            {
                unit.Record("backup.wal_lost", ("replication_slot", WalReceiver.Slot), new { Detail = "The slot fell further behind than the server may keep log for. From here to the next base backup nothing can be restored." });
                return Task.FromResult(true);
            }, stoppingToken);
        }

        Directory.CreateDirectory(settings.WalFolder);
        var folder = new WalFolder(settings.WalFolder);
        await new LeftLog(_upload, gate, Time, Logger).ShipAsync(folder, StagedFolder, system, kept, stoppingToken);
        folder.MakeReady(kept, written);
        await using var receiver = await WalReceiver.StartAsync(tools, connection, settings.WalFolder, Time, stoppingToken);
        _standing = new Standing(connection, receiver, folder, system);
        (_batchSince, _shippedAt) = (Time.GetTimestamp(), 0);
        try
        {
            using var timer = new PeriodicTimer(RecoverySettings.ShipEvery, Time);
            do
            {
                await _oneAtATime.WaitAsync(stoppingToken);
                try
                {
                    await LookAsync(_standing, stoppingToken);
                }
                finally
                {
                    _oneAtATime.Release();
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested && _shippedAt != 0)
        {
            await ShipLastAsync(_standing);
            throw;
        }
        finally
        {
            _standing = null;
        }
    }

    // A host that ends well leaves nothing behind that only its disk has; what does not arrive in time is shipped by the next one.
    private async Task ShipLastAsync(Standing standing)
    {
        using var within = new CancellationTokenSource(settings.LastShipmentPatience, Time);
        try
        {
            await _oneAtATime.WaitAsync(within.Token);
            try
            {
                if (await ServerLog.WrittenAsync(standing.Connection, within.Token) > _shipped)
                {
                    await ShipAsync(standing, seal: false, isWaitedFor: true, within.Token);
                }
            }
            finally
            {
                _oneAtATime.Release();
            }
        }
        catch (Exception fault) when (fault is ToolException or IOException or NpgsqlException or InvalidOperationException or OperationCanceledException)
        {
            LastIsNotShipped(Logger, fault);
        }
    }

    private async Task LookAsync(Standing standing, CancellationToken cancellationToken)
    {
        if (!standing.Receiver.Runs)
        {
            // Says why, which starting anew would not.
            await standing.Receiver.WaitForAsync(standing.Connection, new Lsn(ulong.MaxValue), TimeSpan.Zero, cancellationToken);
        }

        var finished = standing.Folder.Segments().Count(s => !s.IsPartial);
        var seal = finished > SealSegments || (finished > 1 && Time.GetElapsedTime(_batchSince) > SealAfter);
        var ahead = await ServerLog.WrittenAsync(standing.Connection, cancellationToken) is var written && written > _shipped ? written.Value - _shipped.Value : 0;
        if (seal || ahead > Little || (ahead > 0 && Time.GetElapsedTime(_shippedAt) > LittleAfter))
        {
            var shipment = await ShipAsync(standing, seal, isWaitedFor: false, cancellationToken);
            Beat(string.Create(CultureInfo.InvariantCulture, $"log through {shipment.Through} is in the repository"));
        }
        else
        {
            Beat("nothing was written since the last shipment");
        }
    }

    private async Task<WalShipment> ShipAsync(Standing standing, bool seal, bool isWaitedFor, CancellationToken cancellationToken)
    {
        var began = Time.GetTimestamp();
        var (at, timeline, mark, through, lastSeq) = await ServerLog.MarkAsync(standing.Connection, cancellationToken);
        await standing.Receiver.WaitForAsync(standing.Connection, through, ReceivePatience, cancellationToken);
        var segments = standing.Folder.Stage(StagedFolder);
        var id = Uuid7.New(Time);
        var marks = new MarkedSnapshot("", SnapshotKind.Wal, id, standing.System, at)
        {
            Timeline = timeline,
            Start = mark,
            Stop = through,
            Segments = segments,
            IsSealed = seal,
        };
        ResticUpload upload;
        await using (await gate.AddAsync(cancellationToken))
        {
            upload = await _upload.ExecuteAsync(StagedFolder, SnapshotTags.Of(marks), isWaitedFor, cancellationToken);
        }

        var seconds = Time.GetElapsedTime(began).TotalSeconds;
        await RecordAsync(id, at, timeline, through, lastSeq, upload, seal, seconds, cancellationToken);
        if (seal)
        {
            await ForgetUnsealedAsync(cancellationToken);
            standing.Folder.RemoveSealed(segments);
            _batchSince = Time.GetTimestamp();
        }
        else
        {
            _unsealed.Add(upload.SnapshotId);
        }

        // The mark is log too: what is behind it is what others write.
        (_shipped, _shippedAt) = (through, Time.GetTimestamp());
        return new WalShipment(at, timeline, through);
    }

    // Tidying, for which the log does not wait: while a base is being uploaded, it is left to the next time.
    private async Task ForgetUnsealedAsync(CancellationToken cancellationToken)
    {
        if (await gate.TryBeAloneAsync(cancellationToken) is { } alone)
        {
            await using (alone)
            {
                await restic.ForgetAsync(_unsealed, cancellationToken);
                _unsealed.Clear();
            }
        }
    }

    // One that was there and is not any more is a disk that is not mounted, more likely than not: a new one in its place
    // would look like backups, and have none.
    private async Task EnsureRepositoryAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (!await WatchedRepository.IsKnownAsync(connection, settings, cancellationToken))
        {
            await restic.EnsureAsync(cancellationToken);
            await WatchedRepository.BeginAsync(connection, settings, cancellationToken);
        }
        else if (!await restic.IsThereAsync(cancellationToken))
        {
            throw new ToolException("The repository is gone: it was there before, and no new one is made in its place.", null, RepositoryFault.Missing);
        }
    }

    private async Task RecordAsync(
        Guid id, DateTimeOffset at, uint timeline, Lsn through, long lastSeq, ResticUpload upload, bool seal, double seconds, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            insert into wal_shipments (id, at, timeline, through, snapshot_id, is_sealed, bytes_added, seconds, last_seq, exposed_since)
            select @id, @at, @timeline, @through::pg_lsn, @snapshot, @sealed, @bytes, @seconds, @last,
                (select e.at from events e where e.seq > b.last_seq and e.seq <= @last
                    and e.seq >= coalesce((select max(r.seq) from events r where @first and r.seq > b.last_seq and r.kind = @restored), 0) order by e.seq limit 1)
            from (select 1) x left join lateral (select last_seq from wal_shipments where at < @at order by at desc limit 1) b on true;
            update recovery_watch set failures = 0, last_failure = null, last_fault = null where failures > 0
            """);
        // What a restore brought back was in the repository already, however long ago it was written.
        command.Parameters.AddWithValue("first", _shippedAt == 0);
        command.Parameters.AddWithValue("restored", SettleRestored.Restored);
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("at", at);
        command.Parameters.AddWithValue("timeline", (long)timeline);
        command.Parameters.AddWithValue("through", through.ToString());
        command.Parameters.AddWithValue("snapshot", upload.SnapshotId);
        command.Parameters.AddWithValue("sealed", seal);
        command.Parameters.AddWithValue("bytes", upload.DataAdded);
        command.Parameters.AddWithValue("seconds", (decimal)seconds);
        command.Parameters.AddWithValue("last", lastSeq);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    [LoggerMessage(EventId = 1951, Level = LogLevel.Warning, Message = "What was written last is not in the repository yet: the next start ships it")]
    private static partial void LastIsNotShipped(ILogger logger, Exception fault);

    private sealed record Standing(NpgsqlConnection Connection, WalReceiver Receiver, WalFolder Folder, string System);
}
