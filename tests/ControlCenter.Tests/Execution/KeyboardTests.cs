using System.Net;
using System.Text.Json.Nodes;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.TestSupport;

namespace ControlCenter.Tests.Execution;

/// <summary>Who may type into a runtime, and what becomes of it (AR-05).</summary>
public sealed class KeyboardTests(HostFixture fixture) : RuntimeTests(fixture)
{
    [Fact]
    public async Task One_person_has_control_another_sees_who_and_the_founder_takes_it_over()
    {
        var (runner, id) = await RunAsync(new { terminal = true });
        var maria = await PersonAsync("emergency_operator");
        var taken = await maria.Client.PostAsync($"runtimes/{id}/control", new { }, Stop);
        taken.Status.ShouldBe(HttpStatusCode.OK);
        taken["held_by"].ShouldBe(maria.Name);
        ((bool)taken.Body!["has_terminal"]!).ShouldBeTrue();

        var refused = await Founder.PostAsync($"runtimes/{id}/control", new { }, Stop);
        (refused.Status, refused.Code).ShouldBe((HttpStatusCode.Conflict, "control_held"));
        refused["detail"].ShouldContain(maria.Name);
        (await Founder.GetAsync($"runtimes/{id}/control", Stop)).Body!["control"]!["held_by"]!.ToString().ShouldBe(maria.Name);
        var other = await PersonAsync("emergency_operator");
        (await other.Client.PostAsync($"runtimes/{id}/control", new { take_over = true }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);

        (await TypeAsync(maria.Client, id, taken["control_id"], "rm -r build")).Status.ShouldBe(HttpStatusCode.Created);
        (await runner.ReportAsync(Stop)).Runtimes.Single().Inputs!.Count.ShouldBe(1, "it waits");
        var over = await Founder.PostAsync($"runtimes/{id}/control", new { take_over = true }, Stop);
        over.Status.ShouldBe(HttpStatusCode.OK);
        (await runner.ReportAsync(Stop)).Runtimes.Single().Inputs!.ShouldBeEmpty("what she typed is dropped with her control");
        await EventAsync(id, "runtime.input_lost");
        await Work.LeaseTests.Eventually(async () => (await EventsAsync(id)).Any(e => e["kind"]!.ToString() == "runtime.control_taken_over" && e["data"]!["from"]!.ToString() == maria.Name));
        var late = await TypeAsync(maria.Client, id, taken["control_id"], "late");
        (late.Status, late.Code).ShouldBe((HttpStatusCode.Conflict, "lease_lost"));
        late["detail"].ShouldContain("Nothing was typed", Case.Insensitive);
        (await maria.Client.PostAsync($"runtimes/{id}/control", new { control_id = taken["control_id"] }, Stop)).Code.ShouldBe("lease_lost");
        (await TypeAsync(Founder, id, over["control_id"], "now")).Status.ShouldBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task Control_ends_when_there_is_no_sign_of_its_holder_and_when_it_is_given_back()
    {
        var (_, id) = await RunAsync();
        var taken = await Founder.PostAsync($"runtimes/{id}/control", new { }, Stop);
        var kept = await Founder.PostAsync($"runtimes/{id}/control", new { control_id = taken["control_id"] }, Stop);
        (kept["control_id"], DateTimeOffset.Parse(kept["expires_at"]) > DateTimeOffset.Parse(taken["expires_at"])).ShouldBe((taken["control_id"], true));
        await ChangeAsync($"update runtime_controls set expires_at = clock_timestamp() where runtime_id = '{id}'");
        (await TypeAsync(Founder, id, taken["control_id"], "late")).Code.ShouldBe("lease_lost");
        await EventAsync(id, "runtime.control_ended");

        var maria = await PersonAsync("emergency_operator");
        var hers = await maria.Client.PostAsync($"runtimes/{id}/control", new { }, Stop);
        hers.Status.ShouldBe(HttpStatusCode.OK, "nobody has it");
        (await Founder.SendAsync(HttpMethod.Delete, $"runtimes/{id}/control", [], null, Stop)).Status.ShouldBe(HttpStatusCode.NoContent);
        (await maria.Client.GetAsync($"runtimes/{id}/control", Stop)).Body!["control"].ShouldNotBeNull("it is not the founder's to give back");
        (await maria.Client.SendAsync(HttpMethod.Delete, $"runtimes/{id}/control?control_id={hers["control_id"]}", [], null, Stop)).Status.ShouldBe(HttpStatusCode.NoContent);
        (await Founder.GetAsync($"runtimes/{id}/control", Stop)).Body!["control"].ShouldBeNull();
    }

    [Fact]
    public async Task Control_that_has_run_out_is_ended_before_another_takes_it_and_whoever_types_keeps_it()
    {
        var (_, id) = await RunAsync();
        var maria = await PersonAsync("emergency_operator");
        var hers = await maria.Client.PostAsync($"runtimes/{id}/control", new { }, Stop);
        await ChangeAsync($"update runtime_controls set expires_at = clock_timestamp() + interval '40 s' where runtime_id = '{id}'");
        var before = await ExpiryAsync();
        (await TypeAsync(maria.Client, id, hers["control_id"], "here")).Status.ShouldBe(HttpStatusCode.Created);
        (await ExpiryAsync()).ShouldBeGreaterThan(before, "she is there");

        await ChangeAsync($"update runtime_controls set expires_at = clock_timestamp() where runtime_id = '{id}'");
        (await Founder.PostAsync($"runtimes/{id}/control", new { }, Stop)).Status.ShouldBe(HttpStatusCode.OK);
        (await EventAsync(id, "runtime.control_ended"))["data"]!.ShouldSatisfyAllConditions(
            d => d["held_by"]!.ToString().ShouldBe(maria.Name), d => d["why"]!.ToString().ShouldContain("no sign of them"));
        string[] kinds = [];
        await Work.LeaseTests.Eventually(async () =>
        {
            kinds = [.. (await EventsAsync(id)).OrderBy(e => (long)e["seq"]!).Select(e => e["kind"]!.ToString()).Where(k => k.Contains("control", StringComparison.Ordinal))];
            return kinds.Length >= 3;
        });
        kinds.ShouldBe(["runtime.control_taken", "runtime.control_ended", "runtime.control_taken"]);

        Task<DateTime> ExpiryAsync() => Host.SqlAsync<DateTime>($"select expires_at from runtime_controls where runtime_id = '{id}'", Stop);
    }

    [Fact]
    public async Task Neither_agents_nor_those_who_only_look_sit_at_a_keyboard()
    {
        var (_, id) = await RunAsync();
        var agent = await AgentAsync("typist");
        (await agent.Bus.PostAsync($"runtimes/{id}/control", new { }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await agent.Bus.PostAsync($"runtimes/{id}/input", new { control_id = Guid.NewGuid(), text = "x" }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        foreach (var role in (string[])["read_only_observer", "system_service"])
        {
            (await (await PersonAsync(role)).Client.PostAsync($"runtimes/{id}/control", new { }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden, role);
        }
    }

    [Fact]
    public async Task An_input_is_ordered_until_it_is_seen_to_be_typed_told_without_its_text_and_never_doubled()
    {
        var (runner, id) = await RunAsync(new { terminal = true });
        var control = (await Founder.PostAsync($"runtimes/{id}/control", new { }, Stop))["control_id"];
        var known = await runner.ReportAsync(Stop);
        var waiting = runner.ChangeAsync(known, Stop);
        var key = Fresh("typed");
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Founder.PostAsync($"runtimes/{id}/input", new { control_id = control, text = "ls -la" }, Stop, key)));
        var (status, number, input) = answers.Select(a => (a.Status, a["number"], Guid.Parse(a["input_id"]))).Distinct().ShouldHaveSingleItem();
        (status, number).ShouldBe((HttpStatusCode.Created, "1"));
        (await Founder.PostAsync($"runtimes/{id}/input", new { control_id = control, text = "ls -lb" }, Stop, key)).Code.ShouldBe("idempotency_mismatch");

        var order = (await waiting).Runtimes.Single().Inputs!.Single();
        order.ShouldBe(new OrderedInput(input, 1, "ls -la", null, order.SecondsLeft));
        order.SecondsLeft.ShouldBeInRange(0, KeyboardRules.Patience.TotalSeconds);
        await ChangeAsync($"update runtime_inputs set requested_at = clock_timestamp() + interval '3 min' where runtime_id = '{id}'");
        await TypeAsync(Founder, id, control, null, "ctrl_c");
        (await runner.ReportAsync(Stop)).Runtimes.Single().Inputs!.Select(i => (i.Number, i.Key)).ShouldBe([(1L, null), (2L, TerminalKey.CtrlC)], "nobody has seen them typed");
        runner.Say(id, s => s with { Typed = [input] });
        (await runner.ReportAsync(Stop)).Runtimes.Single().Inputs!.Single().Number.ShouldBe(2);
        (await Host.SqlAsync<long>($"select count(*) from runtime_inputs where runtime_id = '{id}' and text is not null", Stop)).ShouldBe(0, "the transcript has what it said");
        await Work.LeaseTests.Eventually(async () => (await EventsAsync(id)).Count(e => e["kind"]!.ToString() == "runtime.input") == 2);
        var told = (await EventsAsync(id)).Where(e => e["kind"]!.ToString() == "runtime.input").ToArray();
        told.Length.ShouldBe(2);
        told.Select(e => (int)e["data"]!["characters"]!).Order().ShouldBe([0, 6]);
        told.ShouldAllBe(e => !e.ToJsonString().Contains("ls -la", StringComparison.Ordinal));
        var inputs = (await Founder.GetAsync($"runtimes/{id}/control", Stop)).Body!["inputs"]!.AsArray();
        inputs.Select(i => i!["state"]!.ToString()).ShouldBe(["waiting", "typed"]);
    }

    [Fact]
    public async Task What_is_not_typed_in_time_is_given_up_and_what_comes_too_late_is_refused_with_its_reason()
    {
        var (runner, id) = await RunAsync(new { terminal = true });
        var control = (await Founder.PostAsync($"runtimes/{id}/control", new { }, Stop))["control_id"];
        (await TypeAsync(Founder, id, control, "rm")).Status.ShouldBe(HttpStatusCode.Created);
        await ChangeAsync($"update runtime_inputs set requested_at = requested_at - interval '1 s' where runtime_id = '{id}'");
        var ordered = (await runner.ReportAsync(Stop)).Runtimes.Single().Inputs!.Single();
        ordered.SecondsLeft.ShouldBeGreaterThan(0);
        ordered.SecondsLeft.ShouldBeLessThanOrEqualTo(14);
        await ChangeAsync($"update runtime_inputs set requested_at = requested_at - interval '15 s' where runtime_id = '{id}'");
        (await runner.ReportAsync(Stop)).Runtimes.Single().Inputs!.ShouldBeEmpty();
        await EventAsync(id, "runtime.input_lost");
        (await StateAsync()).ShouldBe("lost");

        // What is written down is what was: a host that typed it in its last moment, and could not say so, says so.
        runner.Say(id, s => s with { Typed = [ordered.InputId] });
        await runner.ReportAsync(Stop);
        (await EventAsync(id, "runtime.input_typed"))["data"]!["count"]!.ToString().ShouldBe("1");
        (await StateAsync()).ShouldBe("typed");
        await runner.ReportAsync(Stop);
        (await EventsAsync(id)).Count(e => e["kind"]!.ToString() == "runtime.input_typed").ShouldBe(1);

        await ChangeAsync($"update runtimes set paused_at = clock_timestamp() where id = '{id}'");
        (await TypeAsync(Founder, id, control, "x")).ShouldSatisfyAllConditions(a => a.Code.ShouldBe("invalid_transition"), a => a["detail"].ShouldContain("held still"));
        await runner.EndAsync(id, RuntimeEnd.Exited, Stop, 0);
        (await TypeAsync(Founder, id, control, "x")).ShouldSatisfyAllConditions(a => a.Code.ShouldBe("invalid_transition"), a => a["detail"].ShouldContain("has ended"));
        await Work.LeaseTests.Eventually(async () => await Host.SqlAsync<long>($"select count(*) from runtime_controls where runtime_id = '{id}'", Stop) == 0);

        async Task<string> StateAsync() => (await Founder.GetAsync($"runtimes/{id}/control", Stop)).Body!["inputs"]![0]!["state"]!.ToString();
    }

    [Fact]
    public async Task Inputs_have_their_limits()
    {
        var (_, id) = await RunAsync();
        var control = (await Founder.PostAsync($"runtimes/{id}/control", new { }, Stop))["control_id"];
        (await TypeAsync(Founder, id, control, new string('é', 2048))).ShouldSatisfyAllConditions(a => a.Status.ShouldBe(HttpStatusCode.BadRequest), a => a.Body!["errors"]!["text"].ShouldNotBeNull());
        (await TypeAsync(Founder, id, control, "two\nlines")).Status.ShouldBe(HttpStatusCode.BadRequest);
        (await TypeAsync(Founder, id, control, null)).Body!["errors"]!["key"].ShouldNotBeNull();
        (await TypeAsync(Founder, id, control, null, "ctrl_c")).Body!["errors"]!["key"]![0]!.ToString().ShouldContain("no terminal");
        var model = await RunAsync(new { adapter = "model" });
        (await Founder.PostAsync($"runtimes/{model.Id}/control", new { }, Stop)).ShouldSatisfyAllConditions(a => a.Code.ShouldBe("invalid_transition"), a => a["detail"].ShouldContain("message"));
    }

    [Fact]
    public async Task However_much_was_typed_a_program_can_be_interrupted()
    {
        var (_, id) = await RunAsync(new { terminal = true });
        var control = (await Founder.PostAsync($"runtimes/{id}/control", new { }, Stop))["control_id"];
        await FillAsync(KeyboardRules.MostInputs, "up");
        (await TypeAsync(Founder, id, control, "x")).Code.ShouldBe("rate_limited");
        (await TypeAsync(Founder, id, control, null, "ctrl_c")).Status.ShouldBe(HttpStatusCode.Created);
        await FillAsync(KeyboardRules.MostInterrupts, "ctrl_c");
        (await TypeAsync(Founder, id, control, null, "ctrl_c")).ShouldSatisfyAllConditions(a => a.Code.ShouldBe("rate_limited"), a => a["detail"].ShouldContain("Ctrl-C"));

        Task FillAsync(int count, string key) => ChangeAsync(
            $"insert into runtime_inputs (id, runtime_id, number, control_id, actor_id, characters, key, state) select gen_random_uuid(), '{id}', -(select count(*) from runtime_inputs) - n, gen_random_uuid(), '{Domain.Access.Actor.FounderId}', 0, '{key}', 'typed' from generate_series(1, {count}) n");
    }

    private async Task<(FakeRunner Runner, Guid Id)> RunAsync(object? more = null)
    {
        var label = Fresh("keys");
        var runner = await RunnerAsync(label);
        var id = await RequestAsync(await DefinitionAsync(more, label));
        await runner.RunAsync(id, Stop);
        return (runner, id);
    }

    private async Task<(string Name, BusClient Client)> PersonAsync(string role)
    {
        var name = Fresh("person");
        return (name, Host.Client((await Founder.PostAsync("actors", new { name, role }, Stop))["key"]));
    }

    private Task<BusAnswer> TypeAsync(BusClient by, Guid runtime, string control, string? text, string? key = null) =>
        by.PostAsync($"runtimes/{runtime}/input", new { control_id = control, text, key }, Stop);

    private async Task<JsonNode> EventAsync(Guid runtime, string kind)
    {
        JsonNode? found = null;
        await Work.LeaseTests.Eventually(async () => (found = (await EventsAsync(runtime)).FirstOrDefault(e => e["kind"]!.ToString() == kind)) is not null);
        return found!;
    }

    private async Task<JsonNode[]> EventsAsync(Guid runtime) =>
        [.. (await Founder.GetAsync($"events?subject=runtime:{runtime}&limit=200", Stop)).Body!["items"]!.AsArray().OfType<JsonNode>()];
}
