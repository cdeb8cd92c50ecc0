using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Runtime.Execution.Keyboard;

/// <summary>Ends control over keyboards, and says so.</summary>
internal static class EndedControls
{
    /// <summary>Ends those that fit.</summary>
    /// <param name="unit">The transaction.</param>
    /// <param name="condition">SQL over c (runtime_controls) and r (runtimes).</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="parameters">Its parameters.</param>
    public static async Task<int> WhereAsync(UnitOfWork unit, string condition, CancellationToken cancellationToken, params (string Name, object? Value)[] parameters)
    {
        var ended = new List<(Guid Runtime, Guid Agent, string AgentName, Guid? Ticket, Guid? Task, string Holder, string Why)>();
        await using (var command = unit.Command(
            $"""
            with ended as (
                delete from runtime_controls c using runtimes r where r.id = c.runtime_id and {condition}
                returning c.runtime_id, c.actor_id, case when r.phase = 'ended' then 'the runtime has ended' when c.expires_at <= clock_timestamp() then 'there was no sign of them any more' else 'it was given back' end as why)
            select r.id, r.agent_id, a.name, r.ticket_id, r.task_id, h.name, e.why
            from ended e join runtimes r on r.id = e.runtime_id join agents a on a.id = r.agent_id join actors h on h.id = e.actor_id
            """,
            parameters))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                ended.Add((reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), reader.ValueOrNull<Guid>(3), reader.ValueOrNull<Guid>(4), reader.GetString(5), reader.GetString(6)));
            }
        }

        foreach (var one in ended)
        {
            unit.Record(
                "runtime.control_ended", ("runtime", one.Runtime.ToString()), new { RuntimeId = one.Runtime, AgentId = one.Agent, one.AgentName, HeldBy = one.Holder, one.Why }, one.Ticket, one.Task);
        }

        return ended.Count;
    }
}
