using ControlCenter.Domain.Execution;

namespace ControlCenter.Domain.Tests.Execution;

public sealed class ContinuityRulesTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_session_that_its_program_can_resume_on_a_host_that_reports_is_as_good_as_unbroken() =>
        ContinuityRules.Of(new SessionTraces(NativeSessionKnown: true, HostAlive: true, null, Noon)).Score.ShouldBe(0.9m);

    [Theory]
    [InlineData(0, 0.7)]
    [InlineData(15, 0.7)]
    [InlineData(16, 0.45)]
    public void A_checkpoint_counts_as_newer_than_a_tool_that_was_seen_a_report_later(int toolSecondsAfter, double score) =>
        ContinuityRules.Of(new SessionTraces(false, true, Noon, Noon.AddSeconds(toolSecondsAfter))).Score.ShouldBe((decimal)score);

    [Fact]
    public void Only_tools_without_a_checkpoint_are_asked_about()
    {
        ContinuityRules.Of(new SessionTraces(true, HostAlive: false, null, Noon)).IsUncertain.ShouldBeTrue();
        ContinuityRules.Of(new SessionTraces(false, true, null, null)).IsUncertain.ShouldBeFalse();
        ContinuityRules.Of(new SessionTraces(false, true, Noon, Noon.AddHours(1))).IsUncertain.ShouldBeFalse();
        ContinuityRules.Of(new SessionTraces(false, false, null, Noon)).Reasons.Count.ShouldBe(2);
    }
}
