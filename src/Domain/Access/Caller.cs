using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;

namespace ControlCenter.Domain.Access;

/// <summary>Who asks.</summary>
/// <param name="ActorId">Their id; an agent's is also its agent id.</param>
/// <param name="Name">Their name.</param>
/// <param name="Role">Their role.</param>
public sealed record Caller(Guid ActorId, string Name, Role Role)
{
    /// <summary>The host itself, in what it does on its own.</summary>
    public static readonly Caller Host = new(Actor.HostId, "control-center", Role.SystemService);

    /// <summary>The one agent that this caller can act for, or null if it can act for any.</summary>
    public Guid? OnlyFor => PermissionMatrix.Allows(Role, Permission.ActAsAnyAgent) ? null : ActorId;

    /// <summary>Whether the caller may act as this agent.</summary>
    public bool MayActAs(Guid agent) => OnlyFor is null || (OnlyFor == agent && PermissionMatrix.Allows(Role, Permission.ActAsSelf));

    /// <summary>Refuses what the role does not allow.</summary>
    /// <exception cref="ForbiddenException">It does not.</exception>
    public void Require(Permission permission)
    {
        if (!PermissionMatrix.Allows(Role, permission))
        {
            throw new ForbiddenException($"The role {WireNames<Role>.ToWire(Role)} does not include {WireNames<Permission>.ToWire(permission)}.");
        }
    }

    /// <summary>Refuses an agent that acts as another one, and anybody who may not act as any.</summary>
    /// <exception cref="ForbiddenException">It may not.</exception>
    public void RequireSelfOrAny(Guid agent)
    {
        if (!MayActAs(agent))
        {
            throw new ForbiddenException($"'{Name}' ({WireNames<Role>.ToWire(Role)}) cannot act as agent {agent}.");
        }
    }
}
