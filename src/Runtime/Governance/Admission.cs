using ControlCenter.Domain.Access;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Governance;

/// <summary>What the host admits just now, as the API enforces it (HL-05, HL-06).</summary>
public sealed class Admission
{
    private int _level = (int)AdmissionLevel.Closed;

    /// <summary>The level in force. Closed until it has been read from the database.</summary>
    public AdmissionLevel Level => (AdmissionLevel)Volatile.Read(ref _level);

    /// <summary>Takes over what the database says.</summary>
    internal void Set(AdmissionLevel level) => Volatile.Write(ref _level, (int)level);

    /// <summary>Lets pass only what may run while execution is admitted.</summary>
    /// <exception cref="UnavailableException"><c>admission_closed</c>.</exception>
    public void RequireExecution()
    {
        if (!AdmissionRules.AdmitsExecution(Level))
        {
            throw new UnavailableException(
                ProblemTypes.AdmissionClosed,
                $"The host admits '{WireNames<AdmissionLevel>.ToWire(Level)}'; work is handed out at 'controlled' and above.",
                retryAfterSeconds: 15);
        }
    }
}

/// <summary>A wish for another level.</summary>
/// <param name="Level">Which.</param>
/// <param name="Reason">Why: 1 character to 64 KiB.</param>
public sealed record ChangeAdmissionRequest(AdmissionLevel Level, string? Reason = null);

/// <summary>The level, and since when and why.</summary>
public sealed record AdmissionStanding(AdmissionLevel Level, string? Reason, DateTimeOffset ChangedAt);

/// <summary>Changes what the host admits: on the record, and in force on every host that reads the log.</summary>
public sealed class ChangeAdmission(NpgsqlDataSource database, Transactions transactions, Admission admission, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _refreshing = new(1, 1);

    /// <inheritdoc />
    public void Dispose() => _refreshing.Dispose();

    /// <summary>The level as the database has it.</summary>
    public async Task<AdmissionStanding> CurrentAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("select level, reason, changed_at from admission");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new AdmissionStanding(
            WireNames<AdmissionLevel>.Parse(reader.GetString(0)), reader.IsDBNull(1) ? null : reader.GetString(1), reader.GetFieldValue<DateTimeOffset>(2));
    }

    /// <summary>Changes the level.</summary>
    public async Task<AdmissionStanding> ExecuteAsync(ChangeAdmissionRequest request, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ChangeAdmission);
        new FieldErrors().Add("reason", TextRules.OptionalLongText(request.Reason)).ThrowIfAny();
        await transactions.RunAsync(caller, async (unit, ct) =>
        {
            await unit.ExecuteAsync(
                "update admission set level = @level, reason = @reason, changed_at = clock_timestamp(), changed_by = @actor",
                ct, ("level", WireNames<AdmissionLevel>.ToWire(request.Level)), ("reason", request.Reason), ("actor", unit.Caller.ActorId));
            await AuditLog.WriteAsync(unit, time, "admission.changed", null, new { request.Level, request.Reason }, ct);
            unit.Record("admission.changed", ("host", "admission"), new { request.Level, request.Reason, By = unit.Caller.Name });
            return true;
        }, cancellationToken);

        // Whoever asked may have gone: what is decided is in force all the same.
        return await RefreshAsync(CancellationToken.None);
    }

    /// <summary>Puts the level in force on this host that the database has.</summary>
    public async Task<AdmissionStanding> RefreshAsync(CancellationToken cancellationToken)
    {
        // One at a time: an older reading that was slow would open what has been closed since, or close it.
        await _refreshing.WaitAsync(cancellationToken);
        try
        {
            var standing = await CurrentAsync(cancellationToken);
            admission.Set(standing.Level);
            return standing;
        }
        finally
        {
            _refreshing.Release();
        }
    }
}

/// <summary>Keeps this host's level what the database says, whichever host changed it.</summary>
public sealed class FollowAdmission(
    ChangeAdmission source, EventFeed feed, TimeProvider time, ILogger<FollowAdmission> logger)
    : Hosting.SupervisedService("admission", time, logger)
{
    /// <inheritdoc />
    public override TimeSpan SilentAfter => Timeout.InfiniteTimeSpan;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        var position = feed.Head;
        var seen = new List<FeedEvent>();
        while (!stoppingToken.IsCancellationRequested)
        {
            if (seen.Count == 0 || seen.Exists(e => e.Record.Kind == "admission.changed"))
            {
                Beat(WireNames<AdmissionLevel>.ToWire((await source.RefreshAsync(stoppingToken)).Level));
            }

            do
            {
                await feed.WaitForMoreAsync(position, stoppingToken);
                seen.Clear();
                var read = feed.Read(position, FeedScope.Everything, seen, int.MaxValue);
                position = read ?? feed.Head;
                if (read is null)
                {
                    break;
                }
            }
            while (seen.Count == 0);
        }
    }
}
