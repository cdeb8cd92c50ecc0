using System.Collections.Concurrent;
using System.Globalization;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Governance;

/// <summary>What is set aside for calls that are under way on this host.</summary>
public sealed class LiveReservations(TimeProvider time)
{
    // No call takes that long: what is still here then was forgotten, and is left to its age.
    private static readonly TimeSpan Longest = TimeSpan.FromHours(24);

    private readonly ConcurrentDictionary<Guid, long> _live = new();

    /// <summary>A call begins.</summary>
    public void Add(Guid reservation) => _live[reservation] = time.GetTimestamp();

    /// <summary>It has ended.</summary>
    public void Remove(Guid reservation) => _live.TryRemove(reservation, out _);

    /// <summary>Those under way.</summary>
    public Guid[] All()
    {
        foreach (var (reservation, _) in _live.Where(l => time.GetElapsedTime(l.Value) > Longest))
        {
            Remove(reservation);
        }

        return [.. _live.Keys];
    }
}

/// <summary>
/// Says, as long as a call is under way, that its reservation is not left behind: however long a provider takes, a live call is never
/// declared lost, and what a dead host leaves is found soon.
/// </summary>
public sealed class RenewReservations(LiveReservations live, ReservationAge age, NpgsqlDataSource database, TimeProvider time, ILogger<RenewReservations> logger)
    : SupervisedService("reservation-renewal", time, logger)
{
    /// <summary>Five renewals may fail before a live call counts as lost.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(50);

    /// <inheritdoc />
    public override TimeSpan SilentAfter => Interval * 3;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            var renewed = live.All();
            if (renewed.Length > 0)
            {
                await using var command = database.CreateCommand(
                    "update budget_reservations set expires_at = clock_timestamp() + make_interval(secs => @seconds) where id = any(@ids) and lost_at is null");
                command.Parameters.AddWithValue("seconds", (double)age.Seconds);
                command.Parameters.AddWithValue("ids", renewed);
                await command.ExecuteNonQueryAsync(stoppingToken);
            }

            Beat(string.Create(CultureInfo.InvariantCulture, $"{renewed.Length} under way"));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
