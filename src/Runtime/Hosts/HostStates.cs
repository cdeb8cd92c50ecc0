using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Hosts;

/// <summary>A host as a transaction found it, which holds it.</summary>
/// <param name="HostId">Which.</param>
/// <param name="Name">Its name.</param>
/// <param name="State">Where it stands.</param>
/// <param name="IsLocal">It runs beside the bus.</param>
/// <param name="BootId">The runner that reported last.</param>
public sealed record HeldHost(Guid HostId, string Name, HostState State, bool IsLocal, Guid? BootId);

/// <summary>Moves hosts from state to state, each with its event.</summary>
public static class HostStates
{
    /// <summary>Finds a host and holds it until the transaction ends.</summary>
    /// <exception cref="NotFoundException">There is none, or it was removed.</exception>
    public static async Task<HeldHost> HoldAsync(UnitOfWork unit, Guid host, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select name, state, is_local, boot_id from hosts where id = @id and removed_at is null for no key update", ("id", host));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new HeldHost(host, reader.GetString(0), WireNames<HostState>.Parse(reader.GetString(1)), reader.GetBoolean(2), reader.IsDBNull(3) ? null : reader.GetGuid(3))
            : throw new NotFoundException("host", host.ToString());
    }

    /// <summary>Moves a host that is held; nothing happens if it is there already.</summary>
    public static async Task<HeldHost> MoveAsync(UnitOfWork unit, HeldHost host, HostState to, string? why, CancellationToken cancellationToken)
    {
        if (host.State == to)
        {
            return host;
        }

        await unit.ExecuteAsync(
            "update hosts set state = @state, state_at = clock_timestamp() where id = @id", cancellationToken, ("id", host.HostId), ("state", to.Wire()));
        unit.Record(EventOf(host.State, to), ("host", host.HostId.ToString()), new { host.HostId, host.Name, Before = host.State, State = to, Why = why });
        return host with { State = to };
    }

    /// <summary>Has a host that is held no longer be shown.</summary>
    public static Task RemoveAsync(UnitOfWork unit, Guid host, CancellationToken cancellationToken) =>
        unit.ExecuteAsync("update hosts set removed_at = clock_timestamp() where id = @id", cancellationToken, ("id", host));

    private static string EventOf(HostState from, HostState to) => to switch
    {
        HostState.Online => from is HostState.Invited or HostState.Left ? "runtime.host_joined" : "runtime.host_online",
        HostState.Draining => "runtime.host_draining",
        HostState.Lost => "runtime.host_lost",
        HostState.Left => "runtime.host_left",
        _ => "runtime.host_invited",
    };
}
