using System.Net;

namespace ControlCenter.Tests.Work;

public sealed class LeaseTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task A_claimed_task_is_completed_by_its_holder_and_the_next_claim_finds_nothing()
    {
        var agent = await AgentAsync("whole");
        var task = await TaskAsync(await TicketAsync(), capability: "whole");

        var held = (await agent.ClaimAsync(Stop)).ShouldNotBeNull();
        held.TaskId.ShouldBe(task);
        (await agent.WriteAsync(held, "progress", Stop, new { percent = 50, message = "half" })).Status.ShouldBe(HttpStatusCode.Accepted);
        (await agent.WriteAsync(held, "complete", Stop, new { result = new { answer = 42 } })).Status.ShouldBe(HttpStatusCode.OK);

        (await agent.ClaimAsync(Stop)).ShouldBeNull();
        var detail = await Founder.GetAsync($"tasks/{task}", Stop);
        detail["state"].ShouldBe("completed");
        ((int)detail.Body!["result"]!["answer"]!).ShouldBe(42);
        detail.Body["attempts"]!.AsArray().Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_late_completion_is_refused_and_changes_nothing()
    {
        var (slow, quick) = (await AgentAsync("late"), await AgentAsync("late"));
        var task = await TaskAsync(await TicketAsync(), capability: "late");
        var lost = (await slow.ClaimAsync(Stop)).ShouldNotBeNull();
        await slow.WriteAsync(lost, "checkpoint", Stop, new { state = new { step = 7 } });
        await ExpireAsync(lost);

        var taken = (await quick.ClaimAsync(Stop, waitSeconds: 60)).ShouldNotBeNull();
        taken.FencingToken.ShouldBeGreaterThan(lost.FencingToken);
        ((int)taken.Claim.Body!["task"]!["checkpoint"]!["step"]!).ShouldBe(7);
        ((int)taken.Claim.Body["task"]!["attempt"]!).ShouldBe(2);

        foreach (var verb in new[] { "complete", "progress", "fail", "release" })
        {
            var late = await slow.WriteAsync(lost, verb, Stop, verb == "fail" ? new { error = "late" } : null);
            late.Status.ShouldBe(HttpStatusCode.Conflict, verb);
            late.Code.ShouldBe("lease_lost", verb);
        }

        (await Founder.GetAsync($"tasks/{task}", Stop))["state"].ShouldBe("leased");
        (await quick.WriteAsync(taken, "complete", Stop)).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task An_expired_lease_is_refused_even_before_it_has_been_swept()
    {
        var agent = await AgentAsync("unswept");
        await TaskAsync(await TicketAsync(), capability: "unswept");
        var held = (await agent.ClaimAsync(Stop)).ShouldNotBeNull();
        await ExpireAsync(held);

        (await agent.WriteAsync(held, "complete", Stop)).Code.ShouldBe("lease_lost");
        (await agent.Bus.PostAsync($"leases/{held.LeaseId}/renew", new { fencing_token = held.FencingToken }, Stop)).Code.ShouldBe("lease_lost");
    }

    [Fact]
    public async Task A_task_whose_attempts_are_used_up_fails_and_asks_a_human_to_step_in()
    {
        var agent = await AgentAsync("exhaust");
        var task = await TaskAsync(await TicketAsync(), new { max_attempts = 2 }, "exhaust");
        for (var attempt = 1; attempt <= 2; attempt++)
        {
            await ExpireAsync((await agent.ClaimAsync(Stop, waitSeconds: 60)).ShouldNotBeNull());
        }

        await Eventually(async () => (await Founder.GetAsync($"tasks/{task}", Stop))["state"] == "failed");
        await Eventually(async () => (await Founder.GetAsync($"escalations?task_id={task}", Stop)).Body!["items"]!.AsArray() is [{ } only] && only["kind"]!.ToString() == "intervention");
    }

    [Fact]
    public async Task A_retryable_failure_leaves_the_task_ready_for_another_attempt_and_a_final_one_does_not()
    {
        var agent = await AgentAsync("fails");
        await TaskAsync(await TicketAsync(), capability: "fails");

        var first = (await agent.ClaimAsync(Stop)).ShouldNotBeNull();
        (await agent.WriteAsync(first, "fail", Stop, new { error = "network" }))["state"].ShouldBe("ready");
        var second = (await agent.ClaimAsync(Stop)).ShouldNotBeNull();
        ((int)second.Claim.Body!["task"]!["attempt"]!).ShouldBe(2);
        (await agent.WriteAsync(second, "fail", Stop, new { error = "impossible", retryable = false }))["state"].ShouldBe("failed");
    }

    [Fact]
    public async Task Another_agent_may_not_write_under_a_lease_that_is_not_its_own()
    {
        var (holder, thief) = (await AgentAsync("mine"), await AgentAsync());
        await TaskAsync(await TicketAsync(), capability: "mine");
        var held = (await holder.ClaimAsync(Stop)).ShouldNotBeNull();

        foreach (var verb in new[] { "complete", "progress", "release" })
        {
            (await thief.WriteAsync(held, verb, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden, verb);
        }

        (await thief.Bus.PostAsync("tasks/claim", new { agent_id = holder.Id }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await thief.Bus.PostAsync($"agents/{holder.Id}/heartbeat", new { state = "idle" }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task A_cancelled_task_takes_its_lease_away_and_cannot_be_cancelled_twice()
    {
        var agent = await AgentAsync("cancel");
        var task = await TaskAsync(await TicketAsync(), capability: "cancel");
        var held = (await agent.ClaimAsync(Stop)).ShouldNotBeNull();

        (await agent.Bus.PostAsync($"tasks/{task}/cancel", null, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await Founder.PostAsync($"tasks/{task}/cancel", new { reason = "no longer wanted" }, Stop))["state"].ShouldBe("cancelled");
        (await agent.WriteAsync(held, "complete", Stop)).Code.ShouldBe("lease_lost");
        (await Founder.PostAsync($"tasks/{task}/cancel", null, Stop)).Code.ShouldBe("invalid_transition");
    }

    [Fact]
    public async Task A_heartbeat_renews_the_leases_that_it_names_and_tells_of_the_lost()
    {
        var agent = await AgentAsync("beats");
        await TaskAsync(await TicketAsync(), new { lease_seconds = 600 }, "beats");
        var held = (await agent.ClaimAsync(Stop)).ShouldNotBeNull();
        await Host.SqlAsync<int>($"with e as (update leases set expires_at = clock_timestamp() + interval '50 s' where id = '{held.LeaseId}' returning 1) select count(*)::int from e", Stop);
        var gone = Guid.CreateVersion7();

        var answer = await agent.Bus.PostAsync(
            $"agents/{agent.Id}/heartbeat",
            new { state = "working", leases = new object[] { new { lease_id = held.LeaseId, fencing_token = held.FencingToken }, new { lease_id = gone, fencing_token = 1 } } },
            Stop);

        var leases = answer.Body!["leases"]!.AsArray();
        ((DateTimeOffset)leases[0]!["expires_at"]!).ShouldBeGreaterThan(DateTimeOffset.UtcNow.AddSeconds(60));
        ((bool)leases[1]!["lost"]!).ShouldBeTrue();
        answer["admission"].ShouldBe("full");
    }

    /// <summary>Waits for what comes by itself; far longer than it takes on the slowest machine, since only what never comes is to fail.</summary>
    internal static async Task Eventually(Func<Task<bool>> condition)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromMinutes(2));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await condition())
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }
}
