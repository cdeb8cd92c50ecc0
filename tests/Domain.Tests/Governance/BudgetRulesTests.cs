using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Governance;

namespace ControlCenter.Domain.Tests.Governance;

public sealed class BudgetRulesTests
{
    [Fact]
    public void A_cost_counts_against_every_budget_that_it_is_within()
    {
        var (agent, task, ticket) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        BudgetTarget.Of(new Attribution(agent, agent, TaskId: task, TicketId: ticket, Project: "p"), "m", "v").ShouldBe(
            [
                new(BudgetScope.Global, ""), new(BudgetScope.Project, "p"), new(BudgetScope.Ticket, ticket.ToString()), new(BudgetScope.Task, task.ToString()),
                new(BudgetScope.Agent, agent.ToString()), new(BudgetScope.Module, "m"), new(BudgetScope.Provider, "v"),
            ]);
    }

    [Fact]
    public void What_cannot_be_attributed_counts_against_the_global_budget() =>
        BudgetTarget.Of(new Attribution(Guid.CreateVersion7()), null, "").ShouldBe([new(BudgetScope.Global, "")]);

    [Theory]
    [InlineData(0.0, null, 1.0, false, BudgetState.WithinLimits)]
    [InlineData(0.5, 0.5, 1.0, false, BudgetState.OverSoftLimit)]
    [InlineData(1.0, 0.5, 1.0, false, BudgetState.Exhausted)]
    [InlineData(0.9, 0.5, 1.0, true, BudgetState.Exhausted)]
    [InlineData(0.0, null, 0.0, false, BudgetState.WithinLimits)]
    public void A_budget_stands_as_it_is_spent(double spent, double? soft, double limit, bool breached, BudgetState state) =>
        BudgetRules.StateOf((decimal)spent, (decimal?)soft, (decimal)limit, breached).ShouldBe(state);

    [Fact]
    public void What_is_proposed_makes_room_for_what_was_refused()
    {
        BudgetRules.ProposedRaise(hardLimit: 10, limitNow: 10, taken: 9.9m, refused: 0.2m).ShouldBe(5);
        BudgetRules.ProposedRaise(hardLimit: 1, limitNow: 1, taken: 0, refused: 2).ShouldBe(2);
        BudgetRules.ProposedRaise(hardLimit: 1, limitNow: 1.5m, taken: 9.5m, refused: null).ShouldBe(8.5m);
        BudgetRules.ProposedRaise(hardLimit: 0, limitNow: 0, taken: 0, refused: null).ShouldBe(1);
    }

    [Fact]
    public void A_limit_is_an_amount_that_can_be_kept_exactly()
    {
        BudgetRules.Limit(0.000000000001m).ShouldBeNull();
        BudgetRules.Limit(0.0000000000001m).ShouldNotBeNull();
        BudgetRules.Limit(-1).ShouldNotBeNull();
        BudgetRules.Soft(2, 1).ShouldNotBeNull();
    }
}
