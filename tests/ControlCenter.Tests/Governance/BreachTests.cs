using System.Net;
using System.Text.Json.Nodes;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Governance;
using ControlCenter.TestSupport;
using ControlCenter.Tests.Work;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Governance;

public sealed class BreachTests(HostFixture fixture) : BusTests(fixture)
{
    private ReserveSpend Reserve => Host.Services.GetRequiredService<ReserveSpend>();

    private SettleCall Settle => Host.Services.GetRequiredService<SettleCall>();

    [Fact]
    public async Task An_agent_that_runs_out_of_budget_has_its_task_parked_with_one_question_and_a_raise_lets_it_go_on()
    {
        var (agent, held, who, budget) = await WorkingAsync("raise");
        await RefuseAsync(who, 16);

        var asked = await QuestionAsync(held);
        asked["kind"]!.ToString().ShouldBe("intervention");
        asked["options"]!.AsArray().Select(o => o!.ToString()).ShouldBe(["raise", "wait", "cancel"]);
        ((decimal)asked["action"]!["raise"]!["amount"]!).ShouldBe(2);
        await StateAsync(held, "waiting_human");
        (await DecideAsync(asked, "raise")).Status.ShouldBe(HttpStatusCode.OK);

        await StateAsync(held, "running");
        await Reserve.ExecuteAsync(who, "m", "p", new Money(2, "USD"), Stop);
        var seen = (await Founder.GetAsync($"budgets/{budget}", Stop)).Body!;
        ((decimal)seen["budget"]!["limit_now"]!).ShouldBe(3);
        var raised = seen["overrides"]!.AsArray().ShouldHaveSingleItem()!;
        raised["reason"]!.ToString().ShouldBe("It is worth it.");
        raised["expires_at"]!.ToString().ShouldBe(seen["budget"]!["period_end"]!.ToString());
        raised["escalation_id"]!.ToString().ShouldBe(asked["escalation_id"]!.ToString());
        (await agent.WriteAsync(held, "complete", Stop)).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Waiting_gives_the_task_back_and_its_agent_is_handed_nothing_until_there_is_room_and_is_told_why()
    {
        var (agent, held, who, budget) = await WorkingAsync("wait");
        await RefuseAsync(who);
        await DecideAsync(await QuestionAsync(held), "wait");

        await StateAsync(held, "ready");
        var answer = await agent.Bus.PostAsync("tasks/claim", new { agent_id = agent.Id }, Stop);
        answer.Status.ShouldBe(HttpStatusCode.NoContent);
        answer.Headers.GetValues("X-CC-Refused").ShouldBe(["budget_exhausted"]);
        answer.Headers.GetValues("X-CC-Refused-Detail").Single().ShouldContain(budget);

        var waiting = agent.ClaimAsync(Stop, waitSeconds: 60);
        var more = await Founder.PostAsync($"budgets/{budget}/overrides", new { amount = 5, expires_in_seconds = 3600, reason = "More" }, Stop);
        more.Status.ShouldBe(HttpStatusCode.Created, more.Body?.ToJsonString());
        (await waiting).ShouldNotBeNull().TaskId.ShouldBe(held.TaskId);
    }

    [Fact]
    public async Task Cancelling_cancels_the_work_that_ran_into_it()
    {
        var (agent, held, who, _) = await WorkingAsync("cancel");
        await RefuseAsync(who);
        await DecideAsync(await QuestionAsync(held), "cancel");
        await StateAsync(held, "cancelled");
        (await agent.WriteAsync(held, "complete", Stop)).Code.ShouldBe("lease_lost");
    }

    [Fact]
    public async Task A_budget_that_is_raised_elsewhere_withdraws_its_question_and_wakes_the_task()
    {
        var (_, held, who, budget) = await WorkingAsync("elsewhere");
        await RefuseAsync(who);
        var asked = await QuestionAsync(held);
        await StateAsync(held, "waiting_human");
        await Founder.SendAsync(HttpMethod.Patch, $"budgets/{budget}", """{"hard_limit":50}"""u8.ToArray(), null, Stop);

        await StateAsync(held, "running");
        var withdrawn = await Founder.GetAsync($"escalations/{asked["escalation_id"]}", Stop);
        withdrawn["state"].ShouldBe("answered");
        withdrawn.Body!["decision"]!["comment"]!.ToString().ShouldContain("room in the budget again");
    }

    [Fact]
    public async Task A_period_that_is_over_reopens_its_budget()
    {
        var (_, held, who, budget) = await WorkingAsync("period");
        await RefuseAsync(who);
        await StateAsync(held, "waiting_human");
        await ChangeAsync($"update budget_breaches set period_end = clock_timestamp() where budget_id = '{budget}'");
        await StateAsync(held, "running");
    }

    [Fact]
    public async Task An_override_ends_by_itself_and_the_budget_is_what_it_was()
    {
        var (agent, _, who, budget) = await WorkingAsync("reverts");
        await Founder.PostAsync($"budgets/{budget}/overrides", new { amount = 5, expires_in_seconds = 3600, reason = "For the release" }, Stop);
        var reservation = await Reserve.ExecuteAsync(who, "m", "p", new Money(4, "USD"), Stop);
        await Settle.ExecuteAsync(reservation.Id, Cost(who, 4), Stop);
        await ChangeAsync($"update budget_overrides set expires_at = clock_timestamp() where budget_id = '{budget}'");

        (await Should.ThrowAsync<BudgetExhaustedException>(() => Reserve.ExecuteAsync(who, "m", "p", new Money(0.1m, "USD"), Stop))).BudgetId.ToString().ShouldBe(budget);
        await LeaseTests.Eventually(async () => (await Founder.GetAsync($"budgets/{budget}", Stop)).Body!["history"]!.AsArray().Any(h => h!["change"]!.ToString() == "raise_ended"));
        (await agent.Bus.PostAsync("tasks/claim", new { agent_id = agent.Id }, Stop)).Headers.Contains("X-CC-Refused").ShouldBeTrue();
    }

    [Fact]
    public async Task A_raise_that_what_was_spent_has_overtaken_is_asked_about_anew()
    {
        var (_, held, who, budget) = await WorkingAsync("overtaken");
        await RefuseAsync(who);
        var asked = await QuestionAsync(held);
        await Settle.ExecuteAsync(null, Cost(who, 40), Stop);
        await DecideAsync(asked, "raise");
        await LeaseTests.Eventually(async () => await Host.SqlAsync<long>($"select count(*) from budget_breaches where budget_id = '{budget}' and escalation_id is not null", Stop) == 2);
    }

    [Fact]
    public async Task A_reservation_that_a_crash_left_behind_is_given_back_by_age_and_its_call_is_unknown_until_it_is_known()
    {
        var (_, _, who, budget) = await WorkingAsync("crash");
        var reservation = await Reserve.ExecuteAsync(who, "m", "p", new Money(1, "USD"), Stop);
        await Should.ThrowAsync<BudgetExhaustedException>(() => Reserve.ExecuteAsync(who, "m", "p", new Money(0.1m, "USD"), Stop));
        await ChangeAsync($"update budget_reservations set expires_at = clock_timestamp() where id = '{reservation.Id}'");

        await LeaseTests.Eventually(async () => await FiguresAsync(budget) == (0, 0, 1));
        (await Host.SqlAsync<string>($"select knowledge || ' ' || call_end from cost_events where event_id = '{reservation.Id}'", Stop)).ShouldBe("unknown lost");
        await Settle.ExecuteAsync(reservation.Id, Cost(who, 0.7m), Stop);
        (await FiguresAsync(budget)).ShouldBe((0.7m, 0, 0));
    }

    [Fact]
    public async Task A_host_that_dies_between_reserve_and_settle_leaves_nothing_reserved_for_the_next()
    {
        var database = await TestCluster.CreateDatabaseAsync(Stop);
        Guid left;
        string budget;
        await using (var dying = await RunningHost.StartAsync(Stop, database))
        {
            using var founder = dying.Client();
            budget = (await founder.PostAsync("budgets", new { scope = "global", period = "total", hard_limit = 1 }, Stop))["budget_id"];
            left = (await dying.Services.GetRequiredService<ReserveSpend>().ExecuteAsync(new Attribution(Actor.FounderId), "m", "p", new Money(1, "USD"), Stop)).Id;
            await dying.SqlAsync<int>($"with e as (update budget_reservations set expires_at = clock_timestamp() + interval '2 s' where id = '{left}' returning 1) select count(*)::int from e", Stop);
        }

        await using var next = await RunningHost.StartAsync(Stop, database);
        await LeaseTests.Eventually(async () => await next.SqlAsync<decimal>($"select reserved from budget_periods where budget_id = '{budget}'", Stop) == 0);
        (await next.SqlAsync<string>($"select call_end from cost_events where event_id = '{left}'", Stop)).ShouldBe("lost");
        await next.Services.GetRequiredService<ReserveSpend>().ExecuteAsync(new Attribution(Actor.FounderId), "m", "p", new Money(1, "USD"), Stop);
    }

    private static CostEvent Cost(Attribution who, decimal amount) => new()
    {
        EventId = Guid.CreateVersion7(), At = DateTimeOffset.UtcNow, Attribution = who, ModuleId = "m", Provider = "p",
        EstimatedCost = amount, Currency = "USD", Knowledge = CostKnowledge.Exact, End = CallEnd.Completed,
    };

    /// <summary>An agent with a task in hand and a budget of one dollar a day.</summary>
    private async Task<(TestAgent Agent, Held Held, Attribution Who, string Budget)> WorkingAsync(string capability)
    {
        var agent = await AgentAsync(capability);
        await TaskAsync(await TicketAsync(), capability: capability);
        var held = (await agent.ClaimAsync(Stop)).ShouldNotBeNull();
        var budget = await Founder.PostAsync("budgets", new { scope = "agent", scope_id = agent.Id, period = "day", hard_limit = 1, currency = "USD" }, Stop);
        var ticket = Guid.Parse(held.Claim.Body!["task"]!["ticket_id"]!.ToString());
        return (agent, held, new Attribution(Guid.Parse(agent.Id), Guid.Parse(agent.Id), TaskId: Guid.Parse(held.TaskId), TicketId: ticket), budget["budget_id"]);
    }

    private Task RefuseAsync(Attribution who, int times = 1) => Task.WhenAll(Enumerable.Range(0, times).Select(_ =>
        Should.ThrowAsync<BudgetExhaustedException>(() => Reserve.ExecuteAsync(who, "m", "p", new Money(2, "USD"), Stop))));

    private async Task<JsonNode> QuestionAsync(Held held)
    {
        JsonNode? only = null;
        await LeaseTests.Eventually(async () =>
            (await Founder.GetAsync($"escalations?task_id={held.TaskId}", Stop)).Body!["items"]!.AsArray() is [{ } one] && (only = one) is not null);
        return only!;
    }

    private Task<BusAnswer> DecideAsync(JsonNode asked, string option) => Founder.PostAsync(
        $"escalations/{asked["escalation_id"]}/decision",
        new { verdict = "answered", option, comment = "It is worth it.", action_hash = asked["action_hash"]!.ToString() }, Stop);

    private Task StateAsync(Held held, string state) =>
        LeaseTests.Eventually(async () => (await Founder.GetAsync($"tasks/{held.TaskId}", Stop))["state"] == state);

    private async Task<(decimal Spent, decimal Reserved, long Unknown)> FiguresAsync(string budget)
    {
        var seen = (await Founder.GetAsync($"budgets/{budget}", Stop)).Body!["budget"]!;
        return ((decimal)seen["spent"]!, (decimal)seen["reserved"]!, (long)seen["unknown_cost_events"]!);
    }

    private Task ChangeAsync(string update) => Host.SqlAsync<int>($"with e as ({update} returning 1) select count(*)::int from e", Stop);
}
