using System.Globalization;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Storage.Restored;

namespace ControlCenter.Runtime.Hosts;

/// <summary>In a restored database no host is there until it reports. One that drained goes on with that: what it was told stands.</summary>
public sealed class LoseRestoredHosts : AfterRestore
{
    /// <inheritdoc />
    public override int Order => 15;

    /// <inheritdoc />
    public override async Task<string> SettleAsync(UnitOfWork unit, LostFuture lost, CancellationToken cancellationToken)
    {
        var online = new List<HeldHost>();
        await using (var command = unit.Command("select id, name, state, boot_id, is_local from hosts where state = 'online' and removed_at is null order by id for no key update"))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                online.Add(new HeldHost(
                    reader.GetGuid(0), reader.GetString(1), WireNames<HostState>.Parse(reader.GetString(2)), reader.GetBoolean(4), reader.IsDBNull(3) ? null : reader.GetGuid(3)));
            }
        }

        foreach (var host in online)
        {
            await HostStates.MoveAsync(unit, host, HostState.Lost, lost.Why, cancellationToken);
        }

        return string.Create(CultureInfo.InvariantCulture, $"{online.Count} hosts count as lost until they report");
    }
}
