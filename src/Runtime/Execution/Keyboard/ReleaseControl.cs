using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Execution.Keyboard;

/// <summary>Gives control over a runtime's keyboard back.</summary>
public sealed class ReleaseControl(Transactions transactions)
{
    /// <summary>Ends the caller's control. Of one that is not theirs, or no longer, nothing changes.</summary>
    /// <param name="runtime">Over which runtime.</param>
    /// <param name="control">Only this one; null for whatever the caller has.</param>
    /// <param name="caller">Whose control it is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="NotFoundException">There is no such runtime.</exception>
    public async Task ExecuteAsync(Guid runtime, Guid? control, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.Intervene);
        await transactions.RunAsync(caller, async (unit, ct) =>
        {
            await using (var exists = unit.Command("select 1 from runtimes where id = @id", ("id", runtime)))
            {
                _ = await exists.ExecuteScalarAsync(ct) ?? throw new NotFoundException("runtime", runtime.ToString());
            }

            return await EndedControls.WhereAsync(
                unit, "c.runtime_id = @runtime and c.actor_id = @actor and (@control::uuid is null or c.control_id = @control)", ct,
                ("runtime", runtime), ("actor", caller.ActorId), ("control", control));
        }, cancellationToken);
    }
}
