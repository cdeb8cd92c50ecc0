using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Execution;

/// <summary>A runtime as a transaction found it, which holds it.</summary>
internal sealed record HeldRuntime(
    Guid Id, Guid AgentId, string AgentName, RuntimePhase Phase, DesiredState Desired, Guid? HostId, long FencingToken, DateTimeOffset? LeaseExpiresAt, Guid? TaskId,
    Guid? TicketId, Guid? TaskLeaseId, long? TaskFencingToken, Guid SessionId, string? NativeSessionId, Guid? SessionHostId, Guid? KeyId, bool IsPaused,
    DateTimeOffset RequestedAt, string Definition)
{
    private const string Select =
        """
        select r.id, r.agent_id, a.name, r.phase, r.desired, r.host_id, r.fencing_token, r.lease_expires_at, r.task_id, r.ticket_id, r.task_lease_id, r.task_fencing_token,
            r.session_id, s.native_session_id, s.host_id, r.key_id, r.paused_at is not null, r.requested_at, r.definition ->> 'name'
        from runtimes r join agents a on a.id = r.agent_id join sessions s on s.id = r.session_id
        where r.phase <> 'ended' and {0}
        order by r.id for no key update of r
        """;

    /// <summary>What its events are about.</summary>
    public (string Type, string Id) Subject => ("runtime", Id.ToString());

    /// <summary>Finds those that are not over, in one order, so that two transactions that want several wait for each other and no more.</summary>
    /// <param name="unit">The transaction.</param>
    /// <param name="condition">SQL over r (runtimes).</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="parameters">Its parameters.</param>
    public static async Task<List<HeldRuntime>> FindAsync(
        UnitOfWork unit, string condition, CancellationToken cancellationToken, params (string Name, object? Value)[] parameters)
    {
        await using var command = unit.Command(string.Format(System.Globalization.CultureInfo.InvariantCulture, Select, condition), parameters);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<HeldRuntime>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(Read(reader));
        }

        return found;
    }

    private static HeldRuntime Read(NpgsqlDataReader reader) => new(
        reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), WireNames<RuntimePhase>.Parse(reader.GetString(3)), WireNames<DesiredState>.Parse(reader.GetString(4)),
        reader.ValueOrNull<Guid>(5), reader.GetInt64(6), reader.ValueOrNull<DateTimeOffset>(7), reader.ValueOrNull<Guid>(8), reader.ValueOrNull<Guid>(9),
        reader.ValueOrNull<Guid>(10), reader.ValueOrNull<long>(11), reader.GetGuid(12), reader.TextOrNull(13), reader.ValueOrNull<Guid>(14), reader.ValueOrNull<Guid>(15),
        reader.GetBoolean(16), reader.GetFieldValue<DateTimeOffset>(17), reader.GetString(18));
}
