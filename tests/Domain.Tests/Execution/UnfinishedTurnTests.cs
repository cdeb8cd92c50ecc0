using ControlCenter.Domain.Execution;

namespace ControlCenter.Domain.Tests.Execution;

public sealed class UnfinishedTurnTests
{
    [Theory]
    [InlineData(0, null, 60, UnfinishedTurnStep.None, "it has not begun")]
    [InlineData(1, null, null, UnfinishedTurnStep.None, "it is at work")]
    [InlineData(1, null, 9, UnfinishedTurnStep.None, "its task may be over without our knowing")]
    [InlineData(1, null, 10, UnfinishedTurnStep.Nudge, "it waits for nothing")]
    [InlineData(1, 1, 600, UnfinishedTurnStep.None, "it was told, and has not answered")]
    [InlineData(2, 1, null, UnfinishedTurnStep.None, "it was told, and works")]
    [InlineData(2, 1, 9, UnfinishedTurnStep.None, "it may have completed it")]
    [InlineData(2, 1, 10, UnfinishedTurnStep.Fail, "it was told, and did not")]
    public void An_agent_is_told_once_and_then_given_up(int turns, int? nudgedAt, int? idleSeconds, UnfinishedTurnStep step, string why) =>
        UnfinishedTurn.After(turns, nudgedAt, idleSeconds is { } s ? TimeSpan.FromSeconds(s) : null).ShouldBe(step, why);
}
