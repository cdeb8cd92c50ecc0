using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Orchestration;

/// <summary>Keeps one of the hosts the primary, which alone decides who does what; the others watch, and one of them takes over when it falls silent.</summary>
public sealed partial class HoldPrimary(Primary primary, Transactions transactions, TimeProvider time, ILogger<HoldPrimary> logger)
    : SupervisedService("primary", time, logger)
{
    /// <summary>The event that tells of another primary.</summary>
    public const string Changed = "governor.primary_changed";

    // A database that does not answer must not hold up the host's end.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(PrimaryLease.Renew, Time);
        try
        {
            do
            {
                // The lease cannot have begun before this moment, so it lasts at least as long as is counted from it.
                var askedAt = Time.GetTimestamp();
                var standing = await transactions.RunAsync(Caller.Host, RenewAsync, stoppingToken);
                if (standing.IsMine)
                {
                    primary.Renewed(standing.Epoch, askedAt);
                }
                else
                {
                    primary.Lost();
                }

                Beat(string.Create(CultureInfo.InvariantCulture, $"{(standing.IsMine ? "primary" : $"observes {standing.Holder}")}, epoch {standing.Epoch}"));
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        finally
        {
            primary.Lost();
            if (stoppingToken.IsCancellationRequested)
            {
                await LeaveAsync();
            }
        }
    }

    private async Task<Standing> RenewAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        var self = primary.Self;
        await unit.ExecuteAsync(
            """
            insert into leadership_candidates (name, holder_id, holder_name, surface, seen_at) values (@name, @self, @self_name, @surface, clock_timestamp())
            on conflict (name, holder_id) do update set seen_at = clock_timestamp();
            delete from leadership_candidates where seen_at < clock_timestamp() - @gone;
            insert into leaderships (name, epoch, expires_at) values (@name, 0, '-infinity') on conflict do nothing
            """,
            cancellationToken, ("name", PrimaryCandidate.Leadership), ("self", self.Id), ("self_name", self.Name), ("surface", self.Surface), ("gone", PrimaryLease.ObserverGone));
        Standing before;
        await using (var look = unit.Command(
            "select epoch, coalesce(holder_id = @self, false), expires_at > clock_timestamp(), holder_name from leaderships where name = @name for update",
            ("name", PrimaryCandidate.Leadership), ("self", self.Id)))
        {
            await using var reader = await look.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            before = new Standing(reader.GetInt64(0), reader.GetBoolean(1), reader.GetBoolean(2), reader.IsDBNull(3) ? null : reader.GetString(3));
        }

        if (!before.IsMine && before.IsInForce)
        {
            return before;
        }

        // One's own that has run out is begun anew: others may have relied on its end.
        var isNew = !before.IsInForce;
        var epoch = before.Epoch + (isNew ? 1 : 0);
        await unit.ExecuteAsync(
            """
            update leaderships set epoch = @epoch, holder_id = @self, holder_name = @self_name, surface = @surface,
                since = case when @new then clock_timestamp() else since end, expires_at = clock_timestamp() + @length
            where name = @name
            """,
            cancellationToken, ("epoch", epoch), ("self", self.Id), ("self_name", self.Name), ("surface", self.Surface), ("new", isNew), ("length", PrimaryLease.Length),
            ("name", PrimaryCandidate.Leadership));
        if (isNew)
        {
            unit.Record(Changed, ("host", self.Id.ToString()), new { Epoch = epoch, Holder = self.Name, HolderId = self.Id, self.Surface, Before = before.Holder });
            LogTaken(Logger, self.Name, epoch);
        }

        return new Standing(epoch, true, true, self.Name);
    }

    // On the way out, so that nobody has to wait for the lease's end. What cannot be said now ends by itself.
    private async Task LeaveAsync()
    {
        using var patience = new CancellationTokenSource(Patience, Time);
        try
        {
            await transactions.RunAsync(Caller.Host, async (unit, ct) =>
            {
                await unit.ExecuteAsync(
                    """
                    update leaderships set expires_at = clock_timestamp() where name = @name and holder_id = @self;
                    delete from leadership_candidates where name = @name and holder_id = @self
                    """,
                    ct, ("name", PrimaryCandidate.Leadership), ("self", primary.Self.Id));
                return true;
            }, patience.Token);
        }
        catch (Exception fault) when (fault is Npgsql.NpgsqlException or OperationCanceledException)
        {
            LogNotLeft(Logger, fault);
        }
    }

    [LoggerMessage(EventId = 1601, Level = LogLevel.Information, Message = "{Host} is the primary, epoch {Epoch}")]
    private static partial void LogTaken(ILogger logger, string host, long epoch);

    [LoggerMessage(EventId = 1602, Level = LogLevel.Debug, Message = "The primary's lease was not given back; it runs out by itself")]
    private static partial void LogNotLeft(ILogger logger, Exception fault);

    private sealed record Standing(long Epoch, bool IsMine, bool IsInForce, string? Holder);
}
