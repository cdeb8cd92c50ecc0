using ControlCenter.Domain.Access;
using ControlCenter.Runtime.EventLog;
using Npgsql;

namespace ControlCenter.Runtime.Work;

/// <summary>Makes tasks ready whose last dependency has just been completed.</summary>
public static class Dependents
{
    /// <summary>
    /// Locks the blocked tasks that wait for any of <c>$1</c>. Runs before <see cref="MakeReadyAsync"/> in a statement of
    /// its own: of two transactions that complete the last two dependencies at once, the second sees the first's work.
    /// </summary>
    public const string LockStatement =
        """
        select t.id from tasks t
        where t.state = 'blocked' and t.id in (select task_id from task_dependencies where depends_on_id = any($1))
        order by t.id for update
        """;

    /// <summary>Makes ready what of <paramref name="locked"/> waits for nothing any more, and tells of it.</summary>
    public static async Task<List<EventDraft>> MakeReadyAsync(
        NpgsqlConnection connection, Guid[] locked, Guid? correlationId, CancellationToken cancellationToken)
    {
        var events = new List<EventDraft>();
        if (locked.Length == 0)
        {
            return events;
        }

        await using var command = new NpgsqlCommand(
            """
            update tasks t set state = 'ready', updated_at = clock_timestamp()
            where t.id = any(@ids) and t.state = 'blocked' and not exists (
                select 1 from task_dependencies d join tasks u on u.id = d.depends_on_id
                where d.task_id = t.id and u.state <> 'completed')
            returning t.id, t.ticket_id
            """,
            connection);
        command.Parameters.AddWithValue("ids", locked);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var task = reader.GetGuid(0);
            events.Add(new EventDraft(
                Actor.HostId, "task.ready", "task", task.ToString(), reader.GetGuid(1), task, """{"why":"its last dependency was completed"}""", correlationId));
        }

        return events;
    }
}
