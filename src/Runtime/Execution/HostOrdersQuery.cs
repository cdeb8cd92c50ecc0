using System.Security.Cryptography;
using System.Text;
using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Execution;

/// <summary>Reads what a host is to be running, from the rows alone: whatever was lost on the way, the next orders say it again.</summary>
public sealed class HostOrdersQuery(NpgsqlDataSource database)
{
    // More than a human sends; what is beyond it comes with the next orders.
    private const int MostInterventions = 200;

    private const string Runtimes =
        """
        select r.id, r.fencing_token, r.desired, r.lease_expires_at,
            r.task_lease_id is not null and not exists (select 1 from leases l where l.id = r.task_lease_id and l.ended_at is null)
        from runtimes r where r.host_id = @host and r.phase in ('granted', 'observed', 'ready') order by r.id
        """;

    // What steers a process is for the one that it was said to; a message is for the next one too. Said to be heard is not yet seen to be done.
    private const string Interventions =
        """
        select r.id, i.id, i.kind, i.text
        from runtimes r join interventions i on i.agent_id = r.agent_id and i.effective_at is null
        where r.host_id = @host and r.phase in ('observed', 'ready')
          and case when i.kind = 'message' then i.acknowledged_at is null else i.requested_at >= r.requested_at end
        order by i.requested_at, i.id limit @most
        """;

    // What was not typed in time is given up: nobody waits for it any more.
    private const string Inputs =
        """
        select i.runtime_id, i.id, i.number, i.text, i.key, extract(epoch from least(@patience, @patience - (clock_timestamp() - i.requested_at)))::float8
        from runtime_inputs i join runtimes r on r.id = i.runtime_id
        where r.host_id = @host and r.phase in ('observed', 'ready') and i.state = 'waiting' and i.requested_at > clock_timestamp() - @patience
        order by i.runtime_id, i.number limit @most
        """;

    /// <summary>The orders as of now.</summary>
    /// <exception cref="NotFoundException">There is no such host.</exception>
    public async Task<HostOrders> ReadAsync(Guid host, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand("select state from hosts where id = @host") { Parameters = { new("host", host) } },
                new NpgsqlBatchCommand(Runtimes) { Parameters = { new("host", host) } },
                new NpgsqlBatchCommand(Interventions) { Parameters = { new("host", host), new("most", MostInterventions) } },
                new NpgsqlBatchCommand(Inputs) { Parameters = { new("host", host), new("patience", KeyboardRules.Patience), new("most", MostInterventions) } },
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            throw new NotFoundException("host", host.ToString());
        }

        var state = WireNames<HostState>.Parse(reader.GetString(0));
        await reader.NextResultAsync(cancellationToken);
        var orders = new List<RuntimeOrder>();
        while (await reader.ReadAsync(cancellationToken))
        {
            orders.Add(new RuntimeOrder(
                reader.GetGuid(0), reader.GetInt64(1), WireNames<DesiredState>.Parse(reader.GetString(2)), reader.GetFieldValue<DateTimeOffset>(3), [], reader.GetBoolean(4)));
        }

        await reader.NextResultAsync(cancellationToken);
        var told = new List<(Guid Runtime, OrderedIntervention Intervention)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            told.Add((reader.GetGuid(0), new OrderedIntervention(
                reader.GetGuid(1), WireNames<InterventionKind>.Parse(reader.GetString(2)), reader.IsDBNull(3) ? null : reader.GetString(3))));
        }

        await reader.NextResultAsync(cancellationToken);
        var typed = new List<(Guid Runtime, OrderedInput Input)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            typed.Add((reader.GetGuid(0), new OrderedInput(
                reader.GetGuid(1), reader.GetInt64(2), reader.TextOrNull(3), reader.TextOrNull(4) is { } key ? WireNames<TerminalKey>.Parse(key) : null, reader.GetDouble(5))));
        }

        var byRuntime = told.ToLookup(t => t.Runtime, t => t.Intervention);
        var inputs = typed.ToLookup(t => t.Runtime, t => t.Input);
        orders = orders.ConvertAll(o => o with { Interventions = [.. byRuntime[o.RuntimeId]], Inputs = [.. inputs[o.RuntimeId]] });
        return new HostOrders(state, MarkOf(state, orders), orders);
    }

    // Not the times of leases, nor those that are left: they move with every report.
    private static string MarkOf(HostState state, List<RuntimeOrder> orders)
    {
        var text = new StringBuilder(state.Wire());
        foreach (var order in orders)
        {
            text.Append('\n').Append(order.RuntimeId).Append(' ').Append(order.FencingToken).Append(' ').Append(order.Desired.Wire()).Append(order.TaskEnded ? " ended" : " open")
                .AppendJoin(' ', order.Interventions.Select(i => i.InterventionId)).Append('|').AppendJoin(' ', (order.Inputs ?? []).Select(i => i.InputId));
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..16];
    }
}
