using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Access;

/// <summary>Somebody who is to be let in.</summary>
/// <param name="Name">Unique on this bus; 1 to 200 characters.</param>
/// <param name="Role">One of <see cref="GivenRoles"/>.</param>
public sealed record CreateActorRequest(string Name, Role Role);

/// <summary>The actor, with its key, which is never shown again.</summary>
public sealed record CreatedActor(Guid ActorId, string Name, Role Role, string Key) : ICarriesSecret;

/// <summary>Lets somebody in: a service, an emergency operator or an observer.</summary>
public sealed class CreateActor(Transactions transactions, TimeProvider time)
{
    /// <summary>Adds the actor and makes its key.</summary>
    /// <exception cref="ConflictException"><c>name_taken</c>.</exception>
    public Task<Outcome<CreatedActor>> ExecuteAsync(
        CreateActorRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageKeys);
        new FieldErrors()
            .Add("name", TextRules.Name(request.Name))
            .Add("role", GivenRoles.All.Contains(request.Role)
                ? null
                : $"One of {string.Join(", ", GivenRoles.All.Select(r => r.Wire()))}; '{request.Role.Wire()}' was given. Agents are registered under /agents, and the founder is there from the first start.")
            .ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var id = Uuid7.New(time);
            var name = request.Name.Trim();
            await AddActor.ExecuteAsync(unit, id, name, request.Role, ct);
            await AuditLog.WriteAsync(unit, time, "actor.created", $"actor:{id}", new { Name = name, request.Role }, ct);
            unit.Record("security.actor_created", ("actor", id.ToString()), new { ActorId = id, Name = name, request.Role });
            var issued = await IssueKey.ExecuteAsync(unit, id, time, ct);
            return new CreatedActor(id, name, request.Role, issued.Key);
        }, cancellationToken);
    }
}
