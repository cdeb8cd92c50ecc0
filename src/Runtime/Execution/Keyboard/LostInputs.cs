using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Runtime.Execution.Keyboard;

/// <summary>Gives up inputs that were not typed, and says so: nobody is to find them typed later.</summary>
internal static class LostInputs
{
    /// <summary>All of one runtime that wait.</summary>
    public static Task<int> OfAsync(UnitOfWork unit, Guid runtime, CancellationToken cancellationToken) =>
        WhereAsync(unit, "i.runtime_id = @runtime", cancellationToken, ("runtime", runtime));

    /// <summary>Those that wait and fit.</summary>
    /// <param name="unit">The transaction.</param>
    /// <param name="condition">SQL over i (runtime_inputs) and r (runtimes).</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="parameters">Its parameters.</param>
    public static async Task<int> WhereAsync(UnitOfWork unit, string condition, CancellationToken cancellationToken, params (string Name, object? Value)[] parameters)
    {
        var lost = new List<(Guid Runtime, Guid Agent, string AgentName, Guid? Ticket, Guid? Task, int Count)>();
        await using (var command = unit.Command(
            $"""
            with given_up as (
                update runtime_inputs i set state = 'lost', text = null from runtimes r
                where r.id = i.runtime_id and i.state = 'waiting' and {condition} returning i.runtime_id)
            select r.id, r.agent_id, a.name, r.ticket_id, r.task_id, count(*)::int
            from given_up g join runtimes r on r.id = g.runtime_id join agents a on a.id = r.agent_id group by r.id, a.name
            """,
            parameters))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                lost.Add((reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), reader.ValueOrNull<Guid>(3), reader.ValueOrNull<Guid>(4), reader.GetInt32(5)));
            }
        }

        foreach (var one in lost)
        {
            unit.Record("runtime.input_lost", ("runtime", one.Runtime.ToString()), new { RuntimeId = one.Runtime, AgentId = one.Agent, one.AgentName, one.Count }, one.Ticket, one.Task);
        }

        return lost.Sum(l => l.Count);
    }
}
