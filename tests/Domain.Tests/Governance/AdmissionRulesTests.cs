using ControlCenter.Domain.Access;
using ControlCenter.Domain.Governance;

namespace ControlCenter.Domain.Tests.Governance;

public sealed class AdmissionRulesTests
{
    [Fact]
    public void Levels_grow_as_the_contract_orders_them() =>
        Enum.GetValues<AdmissionLevel>().Order().ShouldBe(
            [AdmissionLevel.Closed, AdmissionLevel.ReadOnly, AdmissionLevel.Manual, AdmissionLevel.Maintenance, AdmissionLevel.Controlled, AdmissionLevel.Full]);

    [Fact]
    public void Work_is_handed_out_when_controlled_or_full_and_never_below() =>
        Enum.GetValues<AdmissionLevel>().Where(AdmissionRules.AdmitsExecution).ShouldBe([AdmissionLevel.Controlled, AdmissionLevel.Full]);

    [Theory]
    [InlineData(Role.AgentRuntime, AdmissionLevel.Controlled)]
    [InlineData(Role.SystemService, AdmissionLevel.Controlled)]
    [InlineData(Role.FounderAdmin, AdmissionLevel.Manual)]
    public void Models_are_called_by_agents_where_work_is_handed_out_and_by_the_founder_by_hand_too(Role role, AdmissionLevel from) =>
        Enum.GetValues<AdmissionLevel>().Where(l => AdmissionRules.AdmitsModelCalls(l, role)).Min().ShouldBe(from);
}
