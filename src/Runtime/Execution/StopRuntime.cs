using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Execution;

/// <summary>A wish that a runtime ends.</summary>
/// <param name="Reason">Why, for the story.</param>
public sealed record StopRuntimeRequest(string? Reason = null);

/// <summary>What was told to stop.</summary>
/// <param name="RuntimeId">The runtime.</param>
/// <param name="Stopping">How many were told, it and what was started under it; 0 if all of them had been.</param>
public sealed record StoppedRuntime(Guid RuntimeId, int Stopping);

/// <summary>Has a runtime end, and everything that was started under it.</summary>
public sealed class StopRuntime(Transactions transactions)
{
    /// <summary>Stops a runtime. One that is over stays so.</summary>
    /// <exception cref="NotFoundException">There is no such runtime.</exception>
    /// <exception cref="ForbiddenException">It is not the caller's to stop.</exception>
    public Task<Outcome<StoppedRuntime>> ExecuteAsync(
        Guid runtime, StopRuntimeRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        new FieldErrors().Add("reason", TextRules.OptionalLongText(request.Reason)).ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            await RequireRightAsync(unit, runtime, ct);
            return new StoppedRuntime(runtime, await StopTree.WithinAsync(unit, runtime, request.Reason ?? $"{unit.Caller.Name} had it stopped.", ct));
        }, cancellationToken);
    }

    // Who may intervene may stop any; who may start any, too; an agent what was started under it.
    private static async Task RequireRightAsync(UnitOfWork unit, Guid runtime, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            with recursive above (id, agent_id, parent_id) as (
                select id, agent_id, parent_id from runtimes where id = @id
                union select p.id, p.agent_id, p.parent_id from runtimes p join above a on p.id = a.parent_id)
            select count(*), count(*) filter (where agent_id = @caller and id <> @id) from above
            """,
            ("id", runtime), ("caller", unit.Caller.ActorId));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var role = unit.Caller.Role;
        var mayAny = PermissionMatrix.Allows(role, Permission.Intervene) || PermissionMatrix.Allows(role, Permission.SpawnAgents);
        if (!mayAny && role != Role.AgentRuntime)
        {
            unit.Caller.Require(Permission.Intervene);
        }

        if (reader.GetInt64(0) == 0)
        {
            throw new NotFoundException("runtime", runtime.ToString());
        }

        if (!mayAny && reader.GetInt64(1) == 0)
        {
            throw new ForbiddenException($"Runtime {runtime} was not started under '{unit.Caller.Name}': an agent stops its own sub-agents only.");
        }
    }
}
