using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;

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

    /// <summary>The whole matrix of SE-01, so that a changed right shows as a changed line.</summary>
    [Theory]
    [InlineData(Role.SystemService, "read_all register_agents act_as_self act_as_any_agent create_tickets edit_tickets create_tasks post_events open_escalations call_models report_costs spawn_agents unthrottled")]
    [InlineData(Role.AgentRuntime, "read_all act_as_self create_tickets create_tasks post_events open_escalations call_models report_costs")]
    [InlineData(Role.EmergencyOperator, "read_all cancel_tasks decide intervene change_admission cancel_jobs")]
    [InlineData(Role.ReadOnlyObserver, "read_all")]
    [InlineData(Role.HostRunner, "run_host unthrottled")]
    public void A_role_may_do_just_this(Role role, string permissions) =>
        Enum.GetValues<Permission>().Where(p => PermissionMatrix.Allows(role, p)).Select(p => p.Wire()).ShouldBe(permissions.Split(' '));

    [Fact]
    public void A_refusal_names_the_role_and_what_it_lacks() =>
        Should.Throw<ForbiddenException>(() => new Caller(Guid.CreateVersion7(), "o", Role.ReadOnlyObserver).Require(Permission.Decide))
            .Message.ShouldBe("The role read_only_observer does not include decide.");

    [Theory]
    [InlineData(Permission.Decide)]
    [InlineData(Permission.Intervene)]
    [InlineData(Permission.ManageKeys)]
    [InlineData(Permission.ManageModels)]
    [InlineData(Permission.ChangeAdmission)]
    [InlineData(Permission.ManageCosts)]
    [InlineData(Permission.ManageJobs)]
    [InlineData(Permission.CancelJobs)]
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
