using System.Net;
using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Access;
using ControlCenter.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Access;

public sealed class ActorTests(HostFixture fixture) : BusTests(fixture)
{
    [Theory]
    [InlineData("system_service")]
    [InlineData("emergency_operator")]
    [InlineData("read_only_observer")]
    public async Task A_founder_lets_somebody_in_whose_key_opens_the_bus_and_is_shown_this_once(string role)
    {
        var created = await ActorAsync(role);
        created["role"].ShouldBe(role);
        (await Host.Client(created["key"]).GetAsync("tickets", Stop)).Status.ShouldBe(HttpStatusCode.OK);

        var seen = await Founder.GetAsync($"actors/{created["actor_id"]}", Stop);
        seen["state"].ShouldBe("active");
        seen["key_prefix"].ShouldBe(created["key"][..8]);
        seen.Body!.ToJsonString().ShouldNotContain(created["key"]);
        (await AuditAsync("actor.created", created["actor_id"])).ShouldBe(1);
        (await AuditAsync("key.created", created["actor_id"])).ShouldBe(1);
        (await EventsAsync("security.actor_created", created["actor_id"])).ShouldBe(1);
    }

    [Theory]
    [InlineData("""{"name":"x","role":"founder_admin"}""")]
    [InlineData("""{"name":"x","role":"agent_runtime"}""")]
    [InlineData("""{"name":"x","role":"king"}""")]
    [InlineData("""{"name":"","role":"read_only_observer"}""")]
    [InlineData("""{"role":"read_only_observer"}""")]
    public async Task A_role_that_is_not_to_be_given_and_a_name_that_is_none_are_refused(string body) =>
        (await Founder.PostRawAsync("actors", body, Stop)).Code.ShouldBe("validation_failed");

    [Fact]
    public async Task A_name_is_given_once_whether_to_an_actor_or_an_agent()
    {
        var agent = (await Founder.PostAsync("agents", new { name = "taken-by-agent", kind = "k" }, Stop)).Status;
        agent.ShouldBe(HttpStatusCode.Created);
        (await Founder.PostAsync("actors", new { name = "taken-by-agent", role = "read_only_observer" }, Stop)).Code.ShouldBe("name_taken");
    }

    [Theory]
    [InlineData("system_service")]
    [InlineData("emergency_operator")]
    [InlineData("read_only_observer")]
    [InlineData("agent_runtime")]
    public async Task Nobody_but_the_founder_sees_or_changes_who_gets_in_and_trying_is_audited(string role)
    {
        var (id, bus) = role == "agent_runtime"
            ? await AgentAsync() is var agent ? (agent.Id, agent.Bus) : default
            : await ActorAsync(role) is var actor ? (actor["actor_id"], Host.Client(actor["key"])) : default;
        var other = (await ActorAsync("read_only_observer"))["actor_id"];
        (await bus.PostAsync("actors", new { name = "mine", role = "system_service" }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await bus.PostAsync($"actors/{other}/rotate-key", null, Stop)).Code.ShouldBe("forbidden");
        (await bus.PostAsync($"actors/{id}/rotate-key", null, Stop)).Code.ShouldBe("forbidden");
        (await bus.PostAsync($"actors/{other}/revoke", null, Stop)).Code.ShouldBe("forbidden");
        (await bus.GetAsync("actors", Stop)).Code.ShouldBe("forbidden");
        (await bus.GetAsync($"actors/{other}", Stop)).Code.ShouldBe("forbidden");
        (await bus.GetAsync("audit", Stop)).Code.ShouldBe("forbidden");
        (await Host.SqlAsync<long>($"select count(*) from audit_entries where actor_id = '{id}' and action = 'access.refused' and subject = 'POST /api/v1/actors'", Stop)).ShouldBe(1);
        (await Host.SqlAsync<long>("select count(*) from actors where name = 'mine'", Stop)).ShouldBe(0);
    }

    [Theory]
    [InlineData("read_only_observer", "")]
    [InlineData("emergency_operator", "decision cancel interventions admission")]
    public async Task An_observer_changes_nothing_and_an_emergency_operator_only_what_the_contract_gives_it(string role, string allowed)
    {
        var bus = Host.Client((await ActorAsync(role))["key"]);
        var (agent, ticket) = (await AgentAsync(), await TicketAsync());
        var task = await TaskAsync(ticket);
        var asked = (await Founder.PostAsync("escalations", new { kind = "approval", title = "May I?" }, Stop))["escalation_id"];
        var tries = new (string Name, Func<Task<BusAnswer>> Try)[]
        {
            ("tickets", () => bus.PostAsync("tickets", new { title = "x" }, Stop)),
            ("edit", () => bus.SendAsync(HttpMethod.Patch, $"tickets/{ticket}", JsonSerializer.SerializeToUtf8Bytes(new { title = "y" }), null, Stop)),
            ("tasks", () => bus.PostAsync($"tickets/{ticket}/tasks", new { title = "x" }, Stop)),
            ("agents", () => bus.PostAsync("agents", new { name = "x", kind = "k" }, Stop)),
            ("claim", () => bus.PostAsync("tasks/claim", new { agent_id = agent.Id }, Stop)),
            ("heartbeat", () => bus.PostAsync($"agents/{agent.Id}/heartbeat", new { state = "idle" }, Stop)),
            ("events", () => bus.PostAsync("events", new { kind = "x" }, Stop)),
            ("escalations", () => bus.PostAsync("escalations", new { kind = "question", title = "x" }, Stop)),
            ("decision", () => bus.PostAsync($"escalations/{asked}/decision", new { verdict = "denied" }, Stop)),
            ("cancel", () => bus.PostAsync($"tasks/{task}/cancel", new { }, Stop)),
            ("interventions", () => bus.PostAsync($"agents/{agent.Id}/interventions", new { kind = "message", text = "hello" }, Stop)),
            ("admission", () => bus.SendAsync(HttpMethod.Put, "admission", JsonSerializer.SerializeToUtf8Bytes(new { level = "full" }), null, Stop)),
        };
        foreach (var (name, attempt) in tries)
        {
            var answer = await attempt();
            if (allowed.Split(' ').Contains(name))
            {
                ((int)answer.Status).ShouldBeLessThan(300, $"{name}: {answer.Body}");
            }
            else
            {
                answer.Code.ShouldBe("forbidden", name);
            }
        }

        foreach (var path in new[] { "tickets", "tasks", "agents", "escalations", "events", "admission" })
        {
            (await bus.GetAsync(path, Stop)).Status.ShouldBe(HttpStatusCode.OK, path);
        }
    }

    [Fact]
    public async Task After_a_rotation_the_old_key_is_refused_at_once_and_the_new_one_is_good()
    {
        var agent = await AgentAsync();
        (await agent.Bus.GetAsync("tickets", Stop)).Status.ShouldBe(HttpStatusCode.OK);
        var rotated = await Founder.PostAsync($"actors/{agent.Id}/rotate-key", null, Stop);
        rotated.Status.ShouldBe(HttpStatusCode.OK);
        ((int)rotated.Body!["keys_revoked"]!).ShouldBe(1);
        (await agent.Bus.GetAsync("tickets", Stop)).Status.ShouldBe(HttpStatusCode.Unauthorized);
        (await Host.Client(rotated["key"]).PostAsync($"agents/{agent.Id}/heartbeat", new { state = "idle" }, Stop)).Status.ShouldBe(HttpStatusCode.OK);
        (await AuditAsync("key.rotated", agent.Id)).ShouldBe(1);
        (await EventsAsync("security.key_revoked", agent.Id)).ShouldBe(1);
    }

    [Fact]
    public async Task A_revoked_actor_stays_out_until_it_is_given_a_new_key_and_a_second_revocation_changes_nothing()
    {
        var actor = await ActorAsync("system_service");
        var id = actor["actor_id"];
        (await Founder.PostAsync($"actors/{id}/revoke", null, Stop))["state"].ShouldBe("revoked");
        (await Host.Client(actor["key"]).GetAsync("tickets", Stop)).Code.ShouldBe("unauthenticated");
        ((int)(await Founder.PostAsync($"actors/{id}/revoke", null, Stop)).Body!["keys_revoked"]!).ShouldBe(0);
        (await AuditAsync("access.revoked", id)).ShouldBe(1);
        (await Founder.GetAsync($"actors/{id}", Stop))["state"].ShouldBe("revoked");
        (await Founder.GetAsync("actors?state=revoked", Stop)).Body!["items"]!.AsArray().ShouldContain(a => a!["actor_id"]!.ToString() == id);
        (await Founder.GetAsync("actors?state=active&limit=200", Stop)).Body!["items"]!.AsArray().ShouldNotContain(a => a!["actor_id"]!.ToString() == id);

        var again = await Founder.PostAsync($"actors/{id}/rotate-key", null, Stop);
        (await Host.Client(again["key"]).GetAsync("tickets", Stop)).Status.ShouldBe(HttpStatusCode.OK);
        (await Host.Client(actor["key"]).GetAsync("tickets", Stop)).Status.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task The_founder_cannot_be_locked_out_by_himself_or_as_the_last_one()
    {
        var refused = await Founder.PostAsync($"actors/{Actor.FounderId}/revoke", null, Stop);
        refused.Status.ShouldBe(HttpStatusCode.Conflict);
        refused.Code.ShouldBe("founder_locked_out");
        (await Founder.GetAsync("tickets", Stop)).Status.ShouldBe(HttpStatusCode.OK);
        (await Host.SqlAsync<long>($"select count(*) from audit_entries where action = 'access.refused' and subject = 'POST /api/v1/actors/{Actor.FounderId}/revoke'", Stop)).ShouldBe(1);

        // A founder whose own keys have all gone meanwhile, and who is still at it: the other one is the last.
        var gone = new Caller(Guid.CreateVersion7(), "gone", Role.FounderAdmin);
        await Host.SqlAsync<int>($"with e as (insert into actors (id, name, role) values ('{gone.ActorId}', 'gone', 'founder_admin') returning 1) select count(*)::int from e", Stop);
        (await Should.ThrowAsync<Domain.Problems.ConflictException>(() => Host.Services.GetRequiredService<RevokeAccess>().ExecuteAsync(Actor.FounderId, gone, null, Stop)))
            .Message.ShouldContain("last founder");
        (await Founder.PostAsync($"actors/{Actor.HostId}/revoke", null, Stop)).Code.ShouldBe("not_found");
        (await Founder.PostAsync($"actors/{Actor.HostId}/rotate-key", null, Stop)).Code.ShouldBe("not_found");
    }

    [Fact]
    public async Task A_founder_rotates_his_own_key_and_a_setting_that_was_left_behind_does_not_bring_it_back()
    {
        await using var host = await RunningHost.StartAsync(Stop);
        var rotated = await host.Client().PostAsync($"actors/{Actor.FounderId}/rotate-key", null, Stop, "mine");
        (await host.Client().GetAsync("tickets", Stop)).Status.ShouldBe(HttpStatusCode.Unauthorized);
        var bus = host.Client(rotated["key"]);
        (await bus.GetAsync("tickets", Stop)).Status.ShouldBe(HttpStatusCode.OK);

        // The answer was sealed under the key that is gone.
        (await bus.PostAsync($"actors/{Actor.FounderId}/rotate-key", null, Stop, "mine")).Code.ShouldBe("idempotency_mismatch");

        await using var restarted = await RunningHost.StartAsync(Stop, host.ConnectionString);
        (await restarted.Client().GetAsync("tickets", Stop)).Status.ShouldBe(HttpStatusCode.Unauthorized);
        (await restarted.Client(rotated["key"]).GetAsync("tickets", Stop)).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("revoke")]
    [InlineData("rotate-key")]
    public async Task What_is_open_by_a_key_ends_with_it_also_on_another_host(string verb)
    {
        var agent = await AgentAsync();
        await using var other = await RunningHost.StartAsync(Stop, Host.ConnectionString);
        using var here = await agent.Bus.StreamAsync("?channel=agent", Stop);
        using var there = await other.Client(agent.Key).StreamAsync("?channel=work", Stop);
        using var founders = await Founder.StreamAsync("?channel=alerts", Stop);
        (await Founder.PostAsync($"actors/{agent.Id}/{verb}", null, Stop)).Status.ShouldBe(HttpStatusCode.OK);
        foreach (var stream in new[] { here, there })
        {
            var last = (await stream.NextAsync(m => m.Event is not null, Stop));
            last.Event.ShouldBe("revoked");
            last.Id.ShouldBeNull();
            (await stream.NextAsync(Stop)).ShouldBeNull();
        }

        (await founders.NextAsync(m => m.Data?["kind"]?.ToString() == "security.key_revoked", Stop)).Data!["data"]!["actor_id"]!.ToString().ShouldBe(agent.Id);
        await Work.LeaseTests.Eventually(async () => (await other.Client(agent.Key).GetAsync("tickets", Stop)).Status == HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_wait_that_a_key_began_ends_with_it_and_hands_out_nothing()
    {
        var (agent, other) = (await AgentAsync("waits"), await AgentAsync("waits"));
        var asked = (await Founder.PostAsync("escalations", new { kind = "question", title = "How long?" }, Stop))["escalation_id"];
        var waiting = new[]
        {
            agent.Bus.PostAsync("tasks/claim", new { agent_id = agent.Id, wait_seconds = 60 }, Stop),
            agent.Bus.GetAsync($"escalations/{asked}?wait_seconds=60", Stop),
        };
        await Founder.PostAsync($"actors/{agent.Id}/revoke", null, Stop);
        foreach (var wait in waiting)
        {
            // Cut off, or refused if it came only after the revocation; by itself that is looked for every 30 s.
            var answer = await wait.ContinueWith(w => w.IsFaulted ? null : w.Result, Stop, TaskContinuationOptions.None, TaskScheduler.Default).WaitAsync(TimeSpan.FromSeconds(25), Stop);
            (answer?.Status ?? HttpStatusCode.Unauthorized).ShouldBe(HttpStatusCode.Unauthorized);
        }

        var task = await TaskAsync(await TicketAsync(), capability: "waits");
        (await other.ClaimAsync(Stop)).ShouldNotBeNull().TaskId.ShouldBe(task);
    }

    [Fact]
    public async Task The_audit_is_read_newest_first_by_actor_action_and_outcome_page_by_page()
    {
        var observer = await ActorAsync("read_only_observer");
        var bus = Host.Client(observer["key"]);
        foreach (var path in new[] { "tickets", "events", "escalations" })
        {
            await bus.PostRawAsync(path, """{"title":"x","kind":"question"}""", Stop);
        }

        await bus.PostAsync("tickets", new { title = "x" }, Stop);
        var refused = $"audit?actor_id={observer["actor_id"]}&outcome=refused";
        var first = await Founder.GetAsync($"{refused}&limit=1", Stop);
        var line = first.Body!["items"]![0]!;
        line["action"]!.ToString().ShouldBe("access.refused");
        line["actor_name"]!.ToString().ShouldBe(observer["name"]);
        var all = (await Founder.GetAsync(refused, Stop)).Body!["items"]!.AsArray();
        all[0]!["entry_id"]!.ToString().ShouldBe(line["entry_id"]!.ToString());
        all.Select(l => DateTimeOffset.Parse(l!["at"]!.ToString())).ShouldBeInOrder(SortDirection.Descending);
        var second = await Founder.GetAsync($"{refused}&limit=1&cursor={first["next_cursor"]}", Stop);
        second.Body!["items"]![0]!["entry_id"]!.ToString().ShouldBe(all[1]!["entry_id"]!.ToString());
        (await Founder.GetAsync($"audit?actor_id={observer["actor_id"]}&outcome=done", Stop)).Body!["items"]!.AsArray().ShouldBeEmpty();
        var made = (await Founder.GetAsync("audit?action=actor.&limit=200", Stop)).Body!["items"]!.AsArray();
        made.ShouldAllBe(l => l!["action"]!.ToString() == "actor.created");
        made.ShouldContain(l => l!["subject_name"]!.ToString() == observer["name"]);
        (await Founder.GetAsync("audit?outcome=maybe", Stop)).Code.ShouldBe("validation_failed");
    }

    [Fact]
    public async Task The_description_names_every_path()
    {
        using var plain = new HttpClient { BaseAddress = Host.Address };
        var paths = JsonDocument.Parse(await plain.GetStringAsync("/openapi/v1.json", Stop)).RootElement.GetProperty("paths");
        foreach (var path in new[] { "/actors", "/actors/{id}", "/actors/{id}/rotate-key", "/actors/{id}/revoke", "/audit" })
        {
            paths.TryGetProperty($"/api/v1{path}", out _).ShouldBeTrue(path);
        }
    }

    private async Task<BusAnswer> ActorAsync(string role)
    {
        var answer = await Founder.PostAsync("actors", new { name = $"actor-{Guid.CreateVersion7()}", role }, Stop);
        answer.Status.ShouldBe(HttpStatusCode.Created, answer.Body?.ToJsonString());
        return answer;
    }

    private Task<long> AuditAsync(string action, string actor) =>
        Host.SqlAsync<long>($"select count(*) from audit_entries where action = '{action}' and subject = 'actor:{actor}'", Stop);

    private Task<long> EventsAsync(string kind, string actor) =>
        Host.SqlAsync<long>($"select count(*) from events where kind = '{kind}' and subject_type = 'actor' and subject_id = '{actor}'", Stop);
}
