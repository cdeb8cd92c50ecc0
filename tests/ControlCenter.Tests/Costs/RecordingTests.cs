using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Costs;
using ControlCenter.Tests.Execution;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Costs;

public sealed class RecordingTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task A_cost_is_recorded_once_however_often_it_is_told()
    {
        var cost = Cost();
        (await RecordAsync(cost, cost)).ShouldBe(1);
        (await RecordAsync(cost)).ShouldBe(0);
        (await CountAsync(cost)).ShouldBe(1);
        (await Host.SqlAsync<long>($"select count(*) from events where kind = 'cost.recorded' and subject_id = '{cost.EventId}'", Stop)).ShouldBe(1);
    }

    [Fact]
    public async Task Sixteen_that_tell_the_same_costs_at_once_record_them_once()
    {
        var costs = Enumerable.Range(0, 20).Select(_ => Cost()).ToArray();
        var recorded = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => RecordAsync([.. i % 2 == 0 ? costs : costs.Reverse()])));
        recorded.Sum().ShouldBe(20);
    }

    [Fact]
    public async Task What_is_rolled_back_was_never_recorded()
    {
        var cost = Cost();
        await Should.ThrowAsync<InvalidOperationException>(() => Host.Services.GetRequiredService<Transactions>().RunAsync<int>(Caller.Host, async (unit, ct) =>
        {
            await Record.AppendAsync(unit, [cost], ct);
            throw new InvalidOperationException("The call that it belongs to failed.");
        }, Stop));
        (await CountAsync(cost)).ShouldBe(0);
    }

    [Fact]
    public async Task A_sub_cent_amount_is_kept_exactly_and_an_unknown_one_as_nothing()
    {
        var (exact, unknown) = (Cost(0.000000000001m), Cost(null));
        await RecordAsync(exact, unknown);
        (await Host.SqlAsync<decimal>($"select estimated_cost from cost_events where event_id = '{exact.EventId}'", Stop)).ShouldBe(0.000000000001m);
        (await Host.SqlAsync<bool>($"select estimated_cost is null and billed_cost is null and knowledge = 'unknown' from cost_events where event_id = '{unknown.EventId}'", Stop)).ShouldBeTrue();
    }

    [Fact]
    public async Task Recorded_costs_can_be_neither_changed_nor_removed_even_with_sql()
    {
        await RecordAsync(Cost());
        foreach (var sql in new[] { "update cost_events set estimated_cost = 0", "delete from cost_events", "delete from cost_event_ids" })
        {
            (await Should.ThrowAsync<Npgsql.PostgresException>(() => Host.SqlAsync<object>(sql, Stop))).SqlState.ShouldBe("23001", sql);
        }
    }

    [Fact]
    public async Task The_first_correction_that_knows_the_cost_resolves_an_unknown_one_and_no_later_does()
    {
        var unknown = Cost(null);
        await RecordAsync(unknown);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => RecordAsync(Cost(0.01m) with { Corrects = unknown.EventId })));
        (await Host.SqlAsync<long>($"select count(*) from cost_events where corrects = '{unknown.EventId}' and resolves_unknown", Stop)).ShouldBe(1);
        (await Host.SqlAsync<long>($"select count(*) from cost_events where corrects = '{unknown.EventId}'", Stop)).ShouldBe(8);
    }

    [Fact]
    public async Task An_agents_call_belongs_to_the_task_that_it_holds()
    {
        var agent = await AgentAsync("attributed");
        var ticket = (await Founder.PostAsync("tickets", new { title = "Paid", project = "apollo" }, Stop))["key"];
        var nothing = await Attribute.FindAsync(CallerOf(agent), "s-1", null, Stop);
        (nothing.AgentId, nothing.TaskId, nothing.SessionId).ShouldBe((Guid.Parse(agent.Id), null, "s-1"));

        var task = await TaskAsync(ticket, capability: "attributed");
        var held = (await agent.ClaimAsync(Stop)).ShouldNotBeNull();
        var found = await Attribute.FindAsync(CallerOf(agent), null, null, Stop);
        (found.TaskId, found.Project).ShouldBe((Guid.Parse(task), "apollo"));
        found.TicketId.ShouldNotBeNull();

        await ExpireAsync(held);
        (await Attribute.FindAsync(CallerOf(agent), null, null, Stop)).TaskId.ShouldBeNull();
        await Should.ThrowAsync<ForbiddenException>(() => Attribute.FindAsync(CallerOf(agent), null, Guid.Parse(task), Stop));
    }

    [Fact]
    public async Task The_last_words_of_a_runtime_belong_to_the_task_that_it_was_started_for()
    {
        var agent = await AgentAsync("last-words");
        var task = Guid.Parse(await TaskAsync(await TicketAsync(), capability: "last-words"));
        var held = (await agent.ClaimAsync(Stop)).ShouldNotBeNull();
        var runtime = await Host.RuntimeAsync(await Host.HostAsync(Stop), await Host.DefinitionAsync(Stop), agent, Stop, task: task);
        await ExpireAsync(held);
        var last = await Attribute.FindAsync(CallerOf(agent), null, null, Stop);
        last.TaskId.ShouldBe(task);
        last.TicketId.ShouldNotBeNull();
        await Should.ThrowAsync<ForbiddenException>(() => Attribute.FindAsync(CallerOf(agent), null, task, Stop));

        await Host.RunAsync("update runtimes set phase = 'ended', ended_at = clock_timestamp(), end_kind = 'exited' where id = @id", Stop, ("id", runtime.Id));
        (await Attribute.FindAsync(CallerOf(agent), null, null, Stop)).TaskId.ShouldBeNull();
    }

    [Fact]
    public async Task An_agent_with_two_leases_names_the_task_or_none_is_charged()
    {
        var agent = await AgentAsync("double");
        var ticket = await TicketAsync();
        var first = await TaskAsync(ticket, capability: "double");
        await TaskAsync(ticket, capability: "double");
        await agent.ClaimAsync(Stop);
        await agent.ClaimAsync(Stop);
        (await Attribute.FindAsync(CallerOf(agent), null, null, Stop)).TaskId.ShouldBeNull();
        (await Attribute.FindAsync(CallerOf(agent), null, Guid.Parse(first), Stop)).TaskId.ShouldBe(Guid.Parse(first));
    }

    [Fact]
    public async Task An_agent_cannot_charge_anothers_task_but_a_service_can_charge_any()
    {
        var agent = await AgentAsync();
        var task = Guid.Parse(await TaskAsync(await TicketAsync(), capability: "nobody"));
        await Should.ThrowAsync<ForbiddenException>(() => Attribute.FindAsync(CallerOf(agent), null, task, Stop));
        (await Attribute.FindAsync(Caller.Host, null, task, Stop)).TicketId.ShouldNotBeNull();
        await Should.ThrowAsync<NotFoundException>(() => Attribute.FindAsync(Caller.Host, null, Guid.NewGuid(), Stop));
    }

    private RecordCosts Record => Host.Services.GetRequiredService<RecordCosts>();

    private AttributeCall Attribute => Host.Services.GetRequiredService<AttributeCall>();

    private static Caller CallerOf(TestAgent agent) => new(Guid.Parse(agent.Id), "agent", Role.AgentRuntime);

    private static CostEvent Cost(decimal? estimated = 0.0123m) => new()
    {
        EventId = Uuid7.New(TimeProvider.System),
        At = TimeProvider.System.GetUtcNow(),
        Attribution = new Attribution(Actor.HostId),
        ModuleId = "m-1",
        Provider = "p-1",
        AccessPath = AccessPath.Api,
        EstimatedCost = estimated,
        Currency = estimated is null ? null : "USD",
        Knowledge = estimated is null ? CostKnowledge.Unknown : CostKnowledge.Estimated,
        LatencyMs = 12,
    };

    private Task<int> RecordAsync(params CostEvent[] costs) =>
        Host.Services.GetRequiredService<Transactions>().RunAsync(Caller.Host, (unit, ct) => Record.AppendAsync(unit, costs, ct), Stop);

    private Task<long> CountAsync(CostEvent cost) => Host.SqlAsync<long>($"select count(*) from cost_events where event_id = '{cost.EventId}'", Stop);
}
