using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Hooks;

/// <summary>How it goes with the founder's program.</summary>
/// <param name="Event">The kind of event that it was told of last; null where it was told of none in 30 days.</param>
/// <param name="At">When that ended.</param>
/// <param name="Problem">What went wrong; null where nothing did.</param>
/// <param name="Waiting">How many events are still to be told.</param>
public sealed record HookState(string? Event, DateTimeOffset? At, string? Problem, long Waiting);

/// <summary>Reads how it goes with the founder's program.</summary>
internal static class HookQueries
{
    /// <summary>Reads it.</summary>
    public static async Task<HookState> StateAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select l.kind, l.ended_at, l.failure, (select count(*) from recovery_hook_calls where ended_at is null and queued_at > clock_timestamp() - @within)
            from (select 1) one left join lateral (
                select kind, ended_at, failure from recovery_hook_calls where ended_at is not null order by ended_at desc limit 1) l on true
            """);
        command.Parameters.AddWithValue("within", QueueHookCalls.ToldWithin);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new HookState(reader.TextOrNull(0), reader.ValueOrNull<DateTimeOffset>(1), reader.TextOrNull(2), reader.GetInt64(3));
    }
}
