using System.Text.Json;
using ControlCenter.Domain.Limits;
using Npgsql;

namespace ControlCenter.Runtime.Limits;

/// <summary>What one limiter of an actor remembered.</summary>
/// <param name="ActorId">Whose.</param>
/// <param name="Counted">What it counts: <c>requests</c> or <c>events</c>.</param>
/// <param name="Snapshot">What it remembered.</param>
public sealed record KeptRateLimit(Guid ActorId, string Counted, RateSnapshot Snapshot);

/// <summary>Keeps what the limiters remember in the database, so that a restart forgives nobody (CB-12).</summary>
public sealed class KeptRateLimits(NpgsqlDataSource database, TimeProvider time)
{
    // Processes that share a kernel share its monotonic clock, which no change of date touches; the id says whether they do.
    private static readonly string BootId = File.Exists("/proc/sys/kernel/random/boot_id") ? File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim() : "";

    /// <summary>Keeps snapshots that were taken now, and forgets those of actors that have nothing left that counts.</summary>
    public async Task SaveAsync(IReadOnlyList<KeptRateLimit> limits, IReadOnlyList<Guid> idle, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand(
                    """
                    insert into rate_limits (actor_id, counted, admitted, burst_age_ms, boot_id, since_boot_ms, saved_at)
                    select l.*, $5, $6, clock_timestamp() from unnest($1, $2, $3::jsonb[], $4) as l
                    on conflict (actor_id, counted) do update set
                        (admitted, burst_age_ms, boot_id, since_boot_ms, saved_at) =
                        (excluded.admitted, excluded.burst_age_ms, excluded.boot_id, excluded.since_boot_ms, excluded.saved_at)
                    """)
                {
                    Parameters =
                    {
                        new() { Value = limits.Select(l => l.ActorId).ToArray() },
                        new() { Value = limits.Select(l => l.Counted).ToArray() },
                        new() { Value = limits.Select(l => AdmittedAsJson(l.Snapshot)).ToArray() },
                        new() { Value = limits.Select(l => l.Snapshot.BurstAge is { } age ? Milliseconds(age) : (long?)null).ToArray() },
                        new() { Value = BootId },
                        new() { Value = SinceBoot() },
                    },
                },
                new NpgsqlBatchCommand("delete from rate_limits where actor_id = any($1)") { Parameters = { new() { Value = idle.ToArray() } } },
            },
        };
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>What was kept last, and how long ago that was.</summary>
    /// <remarks>
    /// On the same boot of the same machine the kernel says how long, whatever has been done to the date meanwhile. Elsewhere
    /// the database's clock must: if it was put back, less time is taken to have passed, never less than none.
    /// </remarks>
    public async Task<List<(KeptRateLimit Limit, TimeSpan Since)>> LoadAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            "select actor_id, counted, admitted::text, burst_age_ms, boot_id, since_boot_ms, clock_timestamp() - saved_at from rate_limits");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var kept = new List<(KeptRateLimit, TimeSpan)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var passed = SinceBoot() - reader.GetInt64(5);
            var sameClock = BootId.Length > 0 && reader.GetString(4) == BootId && passed >= 0;
            var snapshot = new RateSnapshot(
                Array.ConvertAll(
                    JsonSerializer.Deserialize<long[][]>(reader.GetString(2))!, a => new AdmittedRequests(TimeSpan.FromMilliseconds(a[0]), (int)a[1])),
                reader.IsDBNull(3) ? null : TimeSpan.FromMilliseconds(reader.GetInt64(3)));
            kept.Add((
                new KeptRateLimit(reader.GetGuid(0), reader.GetString(1), snapshot),
                sameClock ? TimeSpan.FromMilliseconds(passed) : reader.GetFieldValue<TimeSpan>(6)));
        }

        return kept;
    }

    private static string AdmittedAsJson(RateSnapshot snapshot) =>
        JsonSerializer.Serialize(snapshot.Admitted.Select(a => new[] { Milliseconds(a.Age), a.Count }));

    // Rounded down: what is remembered as younger leaves the minute later, never earlier.
    private static long Milliseconds(TimeSpan time) => time.Ticks / TimeSpan.TicksPerMillisecond;

    private long SinceBoot() => Milliseconds(time.GetElapsedTime(0));
}
