using System.Net;
using System.Text.Json.Nodes;
using ControlCenter.TestSupport.Models;

namespace ControlCenter.E2E;

/// <summary>A real command-line agent, started by the bus for a task: it works through the bus's tools and gateway, waits for a human, and leaves nothing behind but its work.</summary>
public abstract class CommandLineAgentTests : IAsyncLifetime
{
    private const string Model = "script-agent";
    private const string DeployToken = "deploy-token-that-nobody-is-to-read";

    private readonly string _home = Path.Combine("/tmp", $"cc-agent-{Guid.NewGuid():N}");
    private readonly HostProcess _host;
    private StandInProvider _provider = null!;
    private string _task = "";

    protected CommandLineAgentTests() => _host = new HostProcess(_home, localRunner: true);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Its adapter.</summary>
    protected abstract string Adapter { get; }

    /// <summary>What it is called, and what is in the path of its own program.</summary>
    protected abstract string Program { get; }

    /// <summary>How it speaks to models, and where.</summary>
    protected abstract (string Dialect, string Path) Wire { get; }

    /// <summary>Has it tell its environment, and leave a file <c>seen</c> where it works.</summary>
    protected abstract StandInTurn LookAround { get; }

    /// <summary>What its output has where it calls a tool of the bus's.</summary>
    protected abstract string CallOf(string tool);

    /// <summary>What its command line has where it goes on with a session.</summary>
    protected abstract string Resumption(string nativeSession);

    public async ValueTask InitializeAsync()
    {
        _provider = await StandInProvider.StartAsync();
        ApprovalScript.For(_provider, Model, _ => LookAround);
        Directory.CreateDirectory(Path.Combine(_home, "agents"));
        await File.WriteAllTextAsync(Path.Combine(_home, "provider.key"), StandInProvider.Key, Stop);
        await File.WriteAllTextAsync(Path.Combine(_home, "deploy.token"), DeployToken, Stop);
        await File.WriteAllTextAsync(Path.Combine(_home, "agents", "deployer.yaml"),
            $"""
            name: deployer
            adapter: {Adapter}
            command: [{NodeProgram.PathOf("model-clients", Program)}]
            model_route: thinker
            capabilities: [deploy]
            environment:
              DEPLOY_TOKEN: file:{_home}/deploy.token
            """, Stop);
        await _host.StartAsync(Stop);
        var catalogue = await _host.Founder.PostAsync("catalogue", new
        {
            providers = new[] { new { id = "stand-in", endpoint = _provider.Endpoint, dialect = Wire.Dialect, credential = $"file:{_home}/provider.key" } },
            modules = new[] { new { id = "thinker", provider = "stand-in", upstream_model = Model } },
            prices = new[] { new { module = "thinker", effective_from = "2020-01-01T00:00:00Z", currency = "USD", input = 1000, output = 2000, cache_read = 100 } },
        }, Stop);
        catalogue.IsRefused.ShouldBeFalse(catalogue.Body?.ToJsonString());
        var ticket = await _host.Founder.PostAsync("tickets", new { title = "Deploy", project = "e2e" }, Stop);
        _task = (await _host.Founder.PostAsync($"tickets/{ticket["key"]}/tasks", new { title = "Deploy it", required_capabilities = new[] { "deploy" } }, Stop))["task_id"];
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _provider.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task It_asks_waits_and_completes_its_task_and_nothing_of_it_is_left()
    {
        var (runtime, pid) = await UntilItWaitsAsync(attempt: 1);
        var key = AgentProcesses.Variable(pid, "CC_API_KEY");
        using var itself = _host.Client(key);
        (await itself.GetAsync($"tasks/{_task}", Stop)).Status.ShouldBe(HttpStatusCode.OK);
        var session = (await RuntimeAsync(runtime))["session_id"]!.ToString();
        File.Exists(Path.Combine(_home, "runner", "workspaces", session, "seen")).ShouldBeTrue();

        await ApproveAsync();
        await UntilEndedAsync(runtime);
        await ShouldBeCompletedAsync(attempts: 1);
        await ShouldBeApprovedAsync();
        ShouldHavePassedEveryPhase(await RuntimeAsync(runtime));
        await ShouldHaveSaidAsync(runtime, key, "report_progress", "escalate", "wait_for_decision", "complete_task");
        await ShouldHaveCostAsync();

        (await _host.Founder.GetAsync($"sessions/{session}", Stop)).Body.ShouldNotBeNull().ShouldSatisfyAllConditions(
            s => s["state"]!.ToString().ShouldBe("ended"),
            s => s["task_id"]!.ToString().ShouldBe(_task),
            s => Guid.TryParse(s["native_session_id"]?.ToString(), out _).ShouldBeTrue(s.ToJsonString()));
        (await itself.GetAsync($"tasks/{_task}", Stop)).Status.ShouldBe(HttpStatusCode.Unauthorized);
        Directory.EnumerateFileSystemEntries(Path.Combine(_home, "runner", "workspaces")).ShouldBeEmpty();
        AgentProcesses.Of(_home).ShouldBeEmpty();
    }

    [Fact]
    public async Task Killed_while_it_waits_it_goes_on_with_its_session_in_another_process()
    {
        var (first, pid) = await UntilItWaitsAsync(attempt: 1);
        var key = AgentProcesses.Variable(pid, "CC_API_KEY");
        var session = (await RuntimeAsync(first))["session_id"]!.ToString();
        var native = (await _host.Founder.GetAsync($"sessions/{session}", Stop))["native_session_id"];
        AgentProcesses.Kill(pid);
        await UntilEndedAsync(first);
        (await RuntimeAsync(first)).ShouldSatisfyAllConditions(r => r["end"]!.ToString().ShouldBe("failed"), r => r["end_detail"]!.ToString().ShouldContain("signal 9"));
        using var itself = _host.Client(key);
        (await itself.GetAsync($"tasks/{_task}", Stop)).Status.ShouldBe(HttpStatusCode.Unauthorized);

        var (second, heir) = await UntilItWaitsAsync(attempt: 2);
        second.ShouldNotBe(first);
        (await File.ReadAllTextAsync($"/proc/{heir}/cmdline", Stop)).ShouldContain(Resumption(native));
        await ApproveAsync();
        await UntilEndedAsync(second);
        await ShouldBeCompletedAsync(attempts: 2);
        await ShouldBeApprovedAsync();
        ShouldHavePassedEveryPhase(await RuntimeAsync(second));
        (await RuntimeAsync(second))["session_id"]!.ToString().ShouldBe(session);
        (await _host.Founder.GetAsync($"sessions/{session}", Stop)).Body.ShouldNotBeNull().ShouldSatisfyAllConditions(
            s => s["native_session_id"]!.ToString().ShouldBe(native), s => s["runtimes"]!.GetValue<int>().ShouldBe(2));
        await ShouldHaveSaidAsync(second, key, "wait_for_decision", "complete_task");
        AgentProcesses.Of(_home).ShouldBeEmpty();
    }

    /// <summary>Until an attempt at the task has asked for the decision and hangs on the answer; the runtime and the process of the program itself.</summary>
    private async Task<(string Runtime, int Pid)> UntilItWaitsAsync(int attempt)
    {
        var runtime = "";
        await Patience.UntilAsync(async () =>
        {
            var live = (await _host.Founder.GetAsync($"runtimes?task={_task}&limit=10", Stop)).Body!["items"]!.AsArray();
            runtime = live.Count >= attempt ? live[0]!["runtime_id"]!.ToString() : "";
            return runtime.Length > 0 && (await SaidAsync(runtime)).Any(l => l.Contains(CallOf("wait_for_decision"), StringComparison.Ordinal));
        }, Stop);
        return (runtime, AgentProcesses.Of(_home, runtime).Single(pid => new FileInfo($"/proc/{pid}/exe").LinkTarget?.Contains(Program, StringComparison.Ordinal) == true));
    }

    private async Task ApproveAsync()
    {
        var asked = (await EscalationsAsync()).ShouldHaveSingleItem()!;
        var decided = await _host.Founder.PostAsync(
            $"escalations/{asked["escalation_id"]}/decision", new { verdict = "approved", action_hash = asked["action_hash"]!.ToString() }, Stop);
        decided.IsRefused.ShouldBeFalse(decided.Body?.ToJsonString());
    }

    private async Task UntilEndedAsync(string runtime) =>
        await Patience.UntilAsync(async () => (await RuntimeAsync(runtime))["phase"]!.ToString() == "ended", Stop);

    private async Task ShouldBeCompletedAsync(int attempts)
    {
        var task = (await _host.Founder.GetAsync($"tasks/{_task}", Stop)).Body!;
        (task["state"]!.ToString(), task["result"]!.ToJsonString(), task["attempts"]!.AsArray().Count).ShouldBe(("completed", """{"approved":true}""", attempts), task.ToJsonString());
        (await EventsAsync("task.completed", $"task:{_task}")).Count.ShouldBe(1);
    }

    private async Task ShouldBeApprovedAsync()
    {
        var asked = (await EscalationsAsync()).ShouldHaveSingleItem()!;
        (asked["title"]!.ToString(), asked["state"]!.ToString(), asked["requested_by_name"]!.ToString()).ShouldBe((ApprovalScript.Title, "approved", "deployer"));
        asked["decision"]!["decided_by_name"]!.ToString().ShouldBe("founder");
    }

    private static void ShouldHavePassedEveryPhase(JsonNode runtime)
    {
        var times = new[] { "requested_at", "granted_at", "observed_at", "ready_at", "ended_at" }.Select(t => (DateTimeOffset)runtime[t].ShouldNotBeNull($"{t}: {runtime.ToJsonString()}")).ToList();
        times.ShouldBe(times.Order());
    }

    private async Task ShouldHaveSaidAsync(string runtime, string key, params string[] tools)
    {
        // A runtime's end is told at once; its last lines may be behind it.
        await Patience.UntilAsync(async () => (await _host.Founder.GetAsync($"runtimes/{runtime}/output", Stop)).Body!["ended"]!.GetValue<bool>(), Stop);
        (await _host.Founder.GetAsync($"runtimes/{runtime}/output/proof", Stop))["state"].ShouldBe("intact");
        var said = string.Join('\n', await SaidAsync(runtime));
        foreach (var tool in tools)
        {
            said.ShouldContain(CallOf(tool));
        }

        said.ShouldContain(string.Concat(StandInProvider.Words));
        said.ShouldContain("Ended: ");
        var written = string.Join('\n', Directory.EnumerateFiles(Path.Combine(_home, "transcripts"), "*.ndjson", SearchOption.AllDirectories).Select(File.ReadAllText));
        written.ShouldContain("DEPLOY_TOKEN=", customMessage: "it has looked at its environment");
        written.ShouldContain("CC_API_KEY=");
        foreach (var secret in new[] { key, DeployToken, StandInProvider.Key, HostProcess.FounderKey })
        {
            written.ShouldNotContain(secret);
        }
    }

    private async Task ShouldHaveCostAsync()
    {
        var calls = _provider.Seen.Count(s => s.Path == Wire.Path);
        calls.ShouldBeGreaterThanOrEqualTo(6, "five tools are called, and it says a last word");
        JsonNode costs = new JsonObject();
        await Patience.UntilAsync(async () => (costs = (await _host.Founder.GetAsync($"tasks/{_task}/costs", Stop)).Body!)["uses"]!.GetValue<int>() >= calls, Stop);
        (costs["uses"]!.GetValue<int>(), costs["unknown_cost_events"]!.GetValue<int>(), costs["by_currency"]![0]!["estimated_cost"]!.GetValue<decimal>()).ShouldBe((calls, 0, 0.106m * calls), costs.ToJsonString());
        costs["runtimes"]!.AsArray().ShouldHaveSingleItem()!["agent_name"]!.ToString().ShouldBe("deployer");
    }

    private async Task<JsonNode> RuntimeAsync(string runtime) => (await _host.Founder.GetAsync($"runtimes/{runtime}", Stop)).Body!["runtime"]!;

    private async Task<JsonArray> EscalationsAsync() => (await _host.Founder.GetAsync($"escalations?task_id={_task}", Stop)).Body!["items"]!.AsArray();

    private async Task<JsonArray> EventsAsync(string kind, string subject) => (await _host.Founder.GetAsync($"events?kind={kind}&subject={subject}&limit=10", Stop)).Body!["items"]!.AsArray();

    private async Task<List<string>> SaidAsync(string runtime) =>
        [.. (await _host.Founder.GetAsync($"runtimes/{runtime}/output?limit=2000", Stop)).Body!["items"]!.AsArray().Select(l => l!["text"]!.ToString())];
}
