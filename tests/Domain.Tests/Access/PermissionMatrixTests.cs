using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;

namespace ControlCenter.Domain.Tests.Access;

public sealed class PermissionMatrixTests
{
    [Fact]
    public void The_founder_may_do_everything_and_an_observer_only_look()
    {
        foreach (var permission in Enum.GetValues<Permission>())
        {
            PermissionMatrix.Allows(Role.FounderAdmin, permission).ShouldBeTrue(permission.ToString());
            PermissionMatrix.Allows(Role.ReadOnlyObserver, permission).ShouldBe(permission == Permission.ReadAll, permission.ToString());
        }
    }

    [Theory]
    [InlineData(Permission.Decide)]
    [InlineData(Permission.Intervene)]
    [InlineData(Permission.ManageKeys)]
    [InlineData(Permission.ChangeAdmission)]
    public void Neither_agents_nor_services_decide_for_the_founder(Permission permission)
    {
        PermissionMatrix.Allows(Role.AgentRuntime, permission).ShouldBeFalse();
        PermissionMatrix.Allows(Role.SystemService, permission).ShouldBeFalse();
    }

    [Fact]
    public void An_agent_acts_as_itself_and_as_nobody_else()
    {
        var agent = new Caller(Guid.CreateVersion7(), "a", Role.AgentRuntime);
        agent.RequireSelfOrAny(agent.ActorId);
        Should.Throw<ForbiddenException>(() => agent.RequireSelfOrAny(Guid.CreateVersion7()));
        var observer = agent with { Role = Role.ReadOnlyObserver };
        Should.Throw<ForbiddenException>(() => observer.RequireSelfOrAny(observer.ActorId));
        new Caller(Guid.CreateVersion7(), "s", Role.SystemService).RequireSelfOrAny(agent.ActorId);
    }
}
