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
}
