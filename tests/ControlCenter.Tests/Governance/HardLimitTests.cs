using System.Net;
using System.Text.Json.Nodes;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Governance;
using ControlCenter.Tests.Work;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Governance;

/// <summary>What becomes of the work that runs into a hard limit, whatever the limit is for.</summary>
public sealed class HardLimitTests(HostFixture fixture) : BusTests(fixture)
{
    private static int _cases;

    private readonly string _name = $"limit-{Interlocked.Increment(ref _cases)}";

    private ReserveSpend Reserve => Host.Services.GetRequiredService<ReserveSpend>();

    private SettleCall Settle => Host.Services.GetRequiredService<SettleCall>();

    public static TheoryData<string> Scopes => ["global", "project", "ticket", "task", "agent", "module", "provider"];

    [Theory]
    [MemberData(nameof(Scopes))]
    public async Task To_raise_lets_the_task_go_on(string scope)
    {
        var work = await RefusedAsync(scope);
        await StateAsync(work, "waiting_human");
        await DecideAsync(work, "raise");
        await StateAsync(work, "running");
        await SpendAsync(work);
        (await work.Agent.WriteAsync(work.Held, "complete", Stop)).Status.ShouldBe(HttpStatusCode.OK);
        await DeleteAsync(work);
    }

    [Theory]
    [MemberData(nameof(Scopes))]
    public async Task To_wait_gives_the_task_back_and_hands_it_out_as_soon_as_there_is_room(string scope)
    {
        var work = await RefusedAsync(scope);
        await DecideAsync(work, "wait");
        await StateAsync(work, "ready");
        var none = await work.Agent.Bus.PostAsync("tasks/claim", new { agent_id = work.Agent.Id }, Stop);
        none.Status.ShouldBe(HttpStatusCode.NoContent);
        none.Headers.GetValues("X-CC-Refused").ShouldBe(["budget_exhausted"]);
        none.Headers.GetValues("X-CC-Refused-Detail").Single().ShouldContain(work.Budget);

        var waiting = work.Agent.ClaimAsync(Stop, waitSeconds: 60);
        (await Founder.PostAsync($"budgets/{work.Budget}/overrides", new { amount = 5, expires_in_seconds = 3600, reason = "More" }, Stop)).Status.ShouldBe(HttpStatusCode.Created);
        var again = (await waiting).ShouldNotBeNull();
        again.TaskId.ShouldBe(work.Held.TaskId);
        ((int)again.Claim.Body!["task"]!["attempt"]!).ShouldBe(1, "waiting for money is no failed attempt");
        await SpendAsync(work);
        await DeleteAsync(work);
    }

    [Theory]
    [MemberData(nameof(Scopes))]
    public async Task To_cancel_cancels_the_task(string scope)
    {
        var work = await RefusedAsync(scope);
        await DecideAsync(work, "cancel");
        await StateAsync(work, "cancelled");
        (await work.Agent.WriteAsync(work.Held, "complete", Stop)).Code.ShouldBe("lease_lost");
        await DeleteAsync(work);
    }

    [Theory]
    [InlineData("project")]
    [InlineData("module")]
    public async Task A_period_that_is_over_hands_out_at_once_what_waited_for_it(string scope)
    {
        var work = await RefusedAsync(scope);
        await DecideAsync(work, "wait");
        await StateAsync(work, "ready");
        await ChangeAsync($"update budget_breaches set period_end = clock_timestamp() + interval '2 s' where budget_id = '{work.Budget}'");
        var again = (await work.Agent.ClaimAsync(Stop, waitSeconds: 60)).ShouldNotBeNull();
        again.TaskId.ShouldBe(work.Held.TaskId);
        var late = await Host.SqlAsync<double>(
            $"select extract(epoch from l.granted_at - x.period_end)::float8 from leases l, budget_breaches x where l.id = '{again.LeaseId}' and x.budget_id = '{work.Budget}'", Stop);
        TestContext.Current.TestOutputHelper?.WriteLine($"{late * 1000:0} ms after the end of the period");
        late.ShouldBeInRange(0, 30);
        await DeleteAsync(work);
    }

    [Fact]
    public async Task What_runs_into_it_after_the_decision_goes_back_as_well_and_what_does_without_is_handed_out()
    {
        var work = await RefusedAsync("module");
        await DecideAsync(work, "wait");
        await StateAsync(work, "ready");

        // The same agent takes something else, which needs the same module after all.
        await TaskAsync(await TicketAsync(), capability: _name);
        var second = (await work.Agent.ClaimAsync(Stop)).ShouldNotBeNull();
        second.TaskId.ShouldNotBe(work.Held.TaskId);
        await RefuseAsync(work.Who with { TaskId = Guid.Parse(second.TaskId), TicketId = null });
        await StateAsync(work with { Held = second }, "ready");
        (await work.Agent.WriteAsync(second, "complete", Stop)).Code.ShouldBe("lease_lost");

        await TaskAsync(await TicketAsync(), capability: _name);
        var third = (await work.Agent.ClaimAsync(Stop)).ShouldNotBeNull();
        (await work.Agent.WriteAsync(third, "complete", Stop)).Status.ShouldBe(HttpStatusCode.OK);
        (await work.Agent.ClaimAsync(Stop)).ShouldBeNull();
        await DeleteAsync(work);
        (await work.Agent.ClaimAsync(Stop)).ShouldNotBeNull();
        (await work.Agent.ClaimAsync(Stop)).ShouldNotBeNull();
    }

    [Fact]
    public async Task To_cancel_also_cancels_what_its_agent_has_died_over()
    {
        var work = await RefusedAsync("provider");
        var asked = await QuestionAsync(work);
        await StateAsync(work, "waiting_human");
        await ExpireAsync(work.Held);
        await StateAsync(work, "ready");
        (await work.Agent.ClaimAsync(Stop)).ShouldBeNull("it would only run into it again");
        await DecideAsync(asked, "cancel");
        await StateAsync(work, "cancelled");
        await DeleteAsync(work);
    }

    [Fact]
    public async Task An_agent_that_no_money_is_missing_for_is_told_of_none()
    {
        var work = await RefusedAsync("project");
        var other = await AgentAsync("something else");
        (await other.Bus.PostAsync("tasks/claim", new { agent_id = other.Id }, Stop)).Headers.Contains("X-CC-Refused").ShouldBeFalse();
        await DeleteAsync(work);
    }

    [Fact]
    public async Task A_raise_that_is_taken_back_no_longer_counts_and_says_by_whom_and_why()
    {
        var budget = await BudgetAsync("project", _name);
        var raise = (await Founder.PostAsync($"budgets/{budget}/overrides", new { amount = 5, expires_in_seconds = 3600, reason = "For the release" }, Stop))["override_id"];
        var who = new Attribution(Domain.Access.Actor.FounderId, Project: _name);
        var under = await Reserve.ExecuteAsync(who, "m", "p", new Money(3, "USD"), Stop);

        var path = $"budgets/{budget}/overrides/{raise}/end";
        (await Founder.PostAsync(path, new { reason = "" }, Stop)).Body!["errors"]!["reason"].ShouldNotBeNull();
        var ended = await Founder.PostAsync(path, new { reason = "It was released." }, Stop);
        ended.Status.ShouldBe(HttpStatusCode.OK, ended.Body?.ToJsonString());
        ((decimal)ended.Body!["limit_now"]!).ShouldBe(1);
        ((decimal)ended.Body["reserved"]!).ShouldBe(3, "the call that is under way was let through");
        ((decimal)ended.Body["remaining"]!).ShouldBe(-2);
        (await Founder.PostAsync(path, new { reason = "Again" }, Stop)).Code.ShouldBe("invalid_transition");
        (await Founder.PostAsync($"budgets/{budget}/overrides/{Guid.CreateVersion7()}/end", new { reason = "None" }, Stop)).Code.ShouldBe("not_found");
        await Should.ThrowAsync<BudgetExhaustedException>(() => Reserve.ExecuteAsync(who, "m", "p", new Money(0.1m, "USD"), Stop));

        var seen = (await Founder.GetAsync($"budgets/{budget}", Stop)).Body!;
        var kept = seen["overrides"]!.AsArray().ShouldHaveSingleItem()!;
        ((bool)kept["in_force"]!).ShouldBeFalse();
        (kept["ended_by_name"]!.ToString(), kept["end_reason"]!.ToString()).ShouldBe(("founder", "It was released."));
        var line = seen["history"]!.AsArray().First(h => h!["change"]!.ToString() == "raise_ended")!["detail"]!;
        ((decimal)line["reserved"]!, (decimal)line["limit_now"]!, (bool)line["early"]!).ShouldBe((3, 1, true));
        (await Host.SqlAsync<long>($"select count(*) from events where kind = 'budget.raise_ended' and subject_id = '{budget}'", Stop)).ShouldBe(1);
        (await Host.SqlAsync<long>($"select count(*) from audit_entries where action = 'budget.raise_ended' and subject = 'budget:{budget}'", Stop)).ShouldBe(1);

        await Settle.ExecuteAsync(under.Id, Cost(who, 2.5m), Stop);
        (await Founder.GetAsync($"budgets/{budget}", Stop)).Body!["budget"]!["state"]!.ToString().ShouldBe("exhausted");
        var agent = await AgentAsync();
        (await agent.Bus.PostAsync(path, new { reason = "No" }, Stop)).Code.ShouldBe("forbidden");
    }

    [Fact]
    public async Task A_raise_that_is_taken_back_below_what_is_spent_is_asked_about_and_a_smaller_one_gives_room_again()
    {
        var budget = await BudgetAsync("project", _name);
        var raise = (await Founder.PostAsync($"budgets/{budget}/overrides", new { amount = 5, expires_in_seconds = 3600, reason = "For the release" }, Stop))["override_id"];
        var who = new Attribution(Domain.Access.Actor.FounderId, Project: _name);
        await Settle.ExecuteAsync(null, Cost(who, 2), Stop);
        await Should.ThrowAsync<BudgetExhaustedException>(() => Reserve.ExecuteAsync(who, "m", "p", new Money(10, "USD"), Stop));
        await Founder.PostAsync($"budgets/{budget}/overrides/{raise}/end", new { reason = "Too much" }, Stop);
        await LeaseTests.Eventually(async () => await Host.SqlAsync<long>($"select count(*) from escalations where title like '%{_name}%' and state = 'waiting'", Stop) == 1);

        await Founder.PostAsync($"budgets/{budget}/overrides", new { amount = 3, expires_in_seconds = 3600, reason = "Enough" }, Stop);
        (await Founder.GetAsync($"budgets/{budget}", Stop)).Body!["budget"]!["state"]!.ToString().ShouldBe("within_limits");
        await Reserve.ExecuteAsync(who, "m", "p", new Money(1, "USD"), Stop);
    }

    private async Task<Work> RefusedAsync(string scope)
    {
        var agent = await AgentAsync(_name);
        var ticket = await Founder.PostAsync("tickets", new { title = "A ticket", project = _name }, Stop);
        await TaskAsync(ticket["key"], capability: _name);
        var held = (await agent.ClaimAsync(Stop)).ShouldNotBeNull();
        var who = new Attribution(
            Guid.Parse(agent.Id), Guid.Parse(agent.Id), TaskId: Guid.Parse(held.TaskId), TicketId: Guid.Parse(ticket["ticket_id"]), Project: _name);
        var budget = await BudgetAsync(scope, scope switch
        {
            "global" => null,
            "ticket" => ticket["key"],
            "task" => held.TaskId,
            "agent" => agent.Id,
            _ => _name,
        });
        await RefuseAsync(who);
        return new Work(agent, held, who, budget);
    }

    private async Task<string> BudgetAsync(string scope, string? id)
    {
        var set = await Founder.PostAsync("budgets", new { scope, scope_id = id, period = "day", hard_limit = 1 }, Stop);
        set.Status.ShouldBe(HttpStatusCode.Created, set.Body?.ToJsonString());
        return set["budget_id"];
    }

    private Task RefuseAsync(Attribution who) => Should.ThrowAsync<BudgetExhaustedException>(() => Reserve.ExecuteAsync(who, _name, _name, new Money(2, "USD"), Stop));

    private async Task SpendAsync(Work work) =>
        await Settle.ExecuteAsync((await Reserve.ExecuteAsync(work.Who, _name, _name, new Money(0.5m, "USD"), Stop)).Id, Cost(work.Who, 0.5m), Stop);

    private CostEvent Cost(Attribution who, decimal amount) => new()
    {
        EventId = Guid.CreateVersion7(), At = DateTimeOffset.UtcNow, Attribution = who, ModuleId = _name, Provider = _name,
        EstimatedCost = amount, Currency = "USD", Knowledge = CostKnowledge.Exact, End = CallEnd.Completed,
    };

    private async Task<JsonNode> QuestionAsync(Work work)
    {
        JsonNode? only = null;
        await LeaseTests.Eventually(async () =>
            (await Founder.GetAsync($"escalations?task_id={work.Held.TaskId}", Stop)).Body!["items"]!.AsArray() is [{ } one] && (only = one) is not null);
        return only!;
    }

    private async Task DecideAsync(Work work, string option) => await DecideAsync(await QuestionAsync(work), option);

    private async Task DecideAsync(JsonNode asked, string option) => (await Founder.PostAsync(
        $"escalations/{asked["escalation_id"]}/decision", new { verdict = "answered", option, action_hash = asked["action_hash"]!.ToString() }, Stop)).Status.ShouldBe(HttpStatusCode.OK);

    private Task StateAsync(Work work, string state) =>
        LeaseTests.Eventually(async () => (await Founder.GetAsync($"tasks/{work.Held.TaskId}", Stop))["state"] == state);

    // The host is shared with the next test, which a global budget would stop.
    private Task DeleteAsync(Work work) => Founder.SendAsync(HttpMethod.Delete, $"budgets/{work.Budget}", null, null, Stop);

    private Task ChangeAsync(string update) => Host.SqlAsync<int>($"with e as ({update} returning 1) select count(*)::int from e", Stop);

    private sealed record Work(TestAgent Agent, Held Held, Attribution Who, string Budget);
}
