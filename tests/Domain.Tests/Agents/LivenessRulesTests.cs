using ControlCenter.Domain.Agents;

namespace ControlCenter.Domain.Tests.Agents;

public sealed class LivenessRulesTests
{
    [Theory]
    [InlineData(-1, Liveness.Live)]
    [InlineData(0, Liveness.Live)]
    [InlineData(59_999, Liveness.Live)]
    [InlineData(60_000, Liveness.Stale)]
    [InlineData(179_999, Liveness.Stale)]
    [InlineData(180_000, Liveness.Lost)]
    [InlineData(1_000_000_000, Liveness.Lost)]
    public void Silence_becomes_a_state_when_the_contract_says(int silenceMs, Liveness expected) =>
        LivenessRules.Of(TimeSpan.FromMilliseconds(silenceMs)).ShouldBe(expected);

    [Fact]
    public void An_agent_that_was_never_heard_of_is_unknown_and_not_lost() => LivenessRules.Of(null).ShouldBe(Liveness.Unknown);
}
