using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Work;

namespace ControlCenter.Domain.Tests.Work;

public sealed class TicketTests
{
    [Theory]
    [InlineData(TicketState.Open, new[] { TicketState.InProgress, TicketState.Done, TicketState.Cancelled })]
    [InlineData(TicketState.InProgress, new[] { TicketState.Open, TicketState.Done, TicketState.Cancelled })]
    [InlineData(TicketState.Done, new[] { TicketState.Open })]
    [InlineData(TicketState.Cancelled, new[] { TicketState.Open })]
    public void A_ticket_moves_as_its_table_says_and_no_other_way(TicketState from, TicketState[] allowed)
    {
        TicketTransitions.After(from).ShouldBe(allowed, ignoreOrder: true);
        foreach (var to in Enum.GetValues<TicketState>())
        {
            if (allowed.Contains(to))
            {
                TicketTransitions.Require(from, to);
            }
            else
            {
                Should.Throw<ConflictException>(() => TicketTransitions.Require(from, to)).Code.ShouldBe(ProblemTypes.InvalidTransition);
            }
        }
    }

    [Theory]
    [InlineData("T-1", 1L)]
    [InlineData("T-9007199254740993", 9007199254740993L)]
    [InlineData("T-0", null)]
    [InlineData("T--1", null)]
    [InlineData("t-1", null)]
    [InlineData("T-", null)]
    [InlineData("T-1x", null)]
    [InlineData("T-99999999999999999999", null)]
    public void A_key_names_a_ticket_or_is_none(string key, long? number) => Ticket.NumberOf(key).ShouldBe(number);

    [Theory]
    [InlineData(-1, false)]
    [InlineData(0, true)]
    [InlineData(4, true)]
    [InlineData(5, false)]
    public void A_priority_is_between_nought_and_four(int priority, bool valid) => (Priority.Problem(priority) is null).ShouldBe(valid);

    [Fact]
    public void No_priority_is_nothing_wrong_and_means_the_middle_one()
    {
        Priority.Problem(null).ShouldBeNull();
        Priority.Default.ShouldBe(2);
    }
}
