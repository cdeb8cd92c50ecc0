using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Jobs;

/// <summary>What took time is kept by a pin of any of it.</summary>
public sealed class PinnedTimeTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task A_pin_keeps_what_began_before_it_and_ended_after_it_and_what_was_missed_in_it()
    {
        var agent = await AgentAsync("any");
        await TaskAsync(await TicketAsync());
        var held = (await agent.ClaimAsync(Stop))!;
        (await agent.WriteAsync(held, "complete", Stop, new { result = new { } })).IsRefused.ShouldBeFalse();

        // From ten to two, with a pin from eleven to twelve.
        var ten = DateTimeOffset.UtcNow.AddYears(-1);
        var (began, ended) = ($"'{ten:O}'::timestamptz", $"'{ten.AddHours(4):O}'::timestamptz");
        await Host.SqlAsync<long>(
            $"""
            update leases set granted_at = {began}, ended_at = {ended} where id = '{held.LeaseId}';
            insert into interventions (id, agent_id, kind, text, requested_by, requested_at, acknowledged_at)
                select gen_random_uuid(), '{agent.Id}', 'message', 'any', '{Actor.FounderId}', at, at + interval '4 hours' from (values ({began}), ({ended})) as v(at);
            insert into job_runs (id, root_id, attempt, job, slot, trigger, state, due_at, queued_at, started_at, fencing_token, ended_at)
                select id, id, 1, 'check-database', slot, 'manual', state, slot, queued, started, token, {ended}
                from (values
                    (gen_random_uuid(), 'succeeded', {began}, {began}, {began}, 1),
                    (gen_random_uuid(), 'missed', {began} + interval '90 minutes', {ended}, null, null),
                    (gen_random_uuid(), 'missed', {ended}, {ended}, null, null)) as v(id, state, slot, queued, started, token);
            select 1::bigint
            """,
            Stop);
        await Founder.PostAsync("retention/pins", new { title = "an outage", from = ten.AddHours(1), to = ten.AddHours(2) }, Stop);

        (await RemoveAsync("leases")).ShouldBe(0);
        (await RemoveAsync("interventions")).ShouldBe(1, "one was asked for after it");
        (await RemoveAsync("job-runs")).ShouldBe(1, "one was missed after it");
    }

    private Task<int> RemoveAsync(string name)
    {
        var history = Host.Services.GetServices<RetainedHistory>().Single(h => h.Class == name);
        return Host.Services.GetRequiredService<Transactions>().RunAsync(Caller.Host, (unit, ct) => history.RemoveAsync(unit, 30, 100, ct), Stop);
    }
}
