using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using ControlCenter.Mcp;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace ControlCenter.Tests.Mcp;

public sealed class McpTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task An_agent_does_its_whole_job_by_tools_alone()
    {
        var agent = await AgentAsync("mcp-job");
        var task = await TaskAsync(await TicketAsync(), capability: "mcp-job");
        await using var client = await ConnectAsync(agent.Key);

        var claim = await CallAsync(client, "claim_task", new());
        claim.GetProperty("task").GetProperty("task_id").GetString().ShouldBe(task);
        var lease = claim.GetProperty("lease");
        Dictionary<string, object?> Held(params (string Name, object? Value)[] more) => new(more.Select(m => KeyValuePair.Create(m.Name, m.Value)))
        {
            ["task_id"] = task, ["lease_id"] = lease.GetProperty("lease_id").GetString(), ["fencing_token"] = lease.GetProperty("fencing_token").GetInt64(),
        };

        (await CallAsync(client, "report_progress", Held(("message", "half"), ("percent", 50)))).GetProperty("state").GetString().ShouldBe("running");
        await CallAsync(client, "save_checkpoint", Held(("state", new { step = 1 })));
        await CallAsync(client, "renew_lease", new() { ["lease_id"] = lease.GetProperty("lease_id").GetString(), ["fencing_token"] = lease.GetProperty("fencing_token").GetInt64() });
        var asked = await CallAsync(client, "escalate", Held(("kind", "approval"), ("title", "May I?"), ("action", new { write = "a file" })));
        var escalation = asked.GetProperty("escalation_id").GetString()!;

        var waiting = CallAsync(client, "wait_for_decision", new() { ["escalation_id"] = escalation, ["wait_seconds"] = 60 });
        var view = await Founder.GetAsync($"escalations/{escalation}", Stop);
        (await Founder.PostAsync($"escalations/{escalation}/decision", new { verdict = "approved", action_hash = view["action_hash"] }, Stop)).Status.ShouldBe(HttpStatusCode.OK);
        (await waiting).GetProperty("state").GetString().ShouldBe("approved");

        (await CallAsync(client, "complete_task", Held(("result", new { files = 3 })))).GetProperty("state").GetString().ShouldBe("completed");
        var kept = await Founder.GetAsync($"tasks/{task}", Stop);
        kept.Body!.ToJsonString().ShouldContain("\"files\":3");
    }

    [Fact]
    public async Task A_claim_without_work_is_an_answer_and_no_error()
    {
        var agent = await AgentAsync("mcp-idle");
        await using var client = await ConnectAsync(agent.Key);
        (await CallAsync(client, "claim_task", new() { ["wait_seconds"] = 0 })).GetProperty("task").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Fact]
    public async Task The_same_key_does_a_thing_once_and_for_another_thing_it_is_refused()
    {
        var agent = await AgentAsync("mcp-repeat");
        await using var client = await ConnectAsync(agent.Key);
        var title = $"Once {Guid.NewGuid()}";
        var first = await CallAsync(client, "create_ticket", new() { ["title"] = title, ["idempotency_key"] = "k-1" });
        var again = await CallAsync(client, "create_ticket", new() { ["title"] = title, ["idempotency_key"] = "k-1" });
        again.GetProperty("ticket_id").GetString().ShouldBe(first.GetProperty("ticket_id").GetString());
        (await RefusedAsync(client, "create_ticket", new() { ["title"] = "Another", ["idempotency_key"] = "k-1" })).ShouldBe("idempotency_mismatch");
        (await Host.SqlAsync<long>($"select count(*) from tickets where title = '{title}'", Stop)).ShouldBe(1);
    }

    [Fact]
    public async Task A_refusal_is_an_answer_that_names_its_reason()
    {
        var agent = await AgentAsync("mcp-late");
        await using var client = await ConnectAsync(agent.Key);
        var task = await TaskAsync(await TicketAsync(), capability: "mcp-late");
        (await RefusedAsync(client, "complete_task", new() { ["task_id"] = task, ["lease_id"] = Guid.NewGuid(), ["fencing_token"] = 1 })).ShouldBe("lease_lost");
        (await RefusedAsync(client, "complete_task", new() { ["task_id"] = "no id", ["lease_id"] = Guid.NewGuid(), ["fencing_token"] = 1 })).ShouldBe("validation_failed");
        (await RefusedAsync(client, "create_ticket", new() { ["title"] = "A ticket", ["titel"] = "No such field" })).ShouldBe("validation_failed");
        (await RefusedAsync(client, "create_ticket", new())).ShouldBe("validation_failed");
        (await RefusedAsync(client, "wait_for_decision", new() { ["escalation_id"] = Guid.NewGuid() })).ShouldBe("not_found");
    }

    [Fact]
    public async Task Events_and_costs_are_told_by_tools_and_events_have_their_own_limit()
    {
        var agent = await AgentAsync("mcp-tells");
        await using var client = await ConnectAsync(agent.Key);
        (await CallAsync(client, "post_event", new() { ["kind"] = "mcp.told", ["data"] = new { n = 1 } })).GetProperty("accepted").GetInt32().ShouldBe(1);
        (await CallAsync(client, "report_cost", new() { ["access_path"] = "api", ["estimated_cost"] = 0.5, ["currency"] = "USD" })).GetProperty("recorded").GetInt32().ShouldBe(1);
        for (var posted = 1; posted < 50; posted++)
        {
            await CallAsync(client, "post_event", new() { ["kind"] = "mcp.told" });
        }

        (await RefusedAsync(client, "post_event", new() { ["kind"] = "mcp.told" })).ShouldBe("rate_limited");
    }

    [Fact]
    public async Task A_tool_that_a_role_may_not_use_is_not_there()
    {
        var observer = await Founder.PostAsync("actors", new { name = $"mcp-observer-{Guid.NewGuid():N}", role = "read_only_observer" }, Stop);
        await using var client = await ConnectAsync(observer["key"]);
        (await client.ListToolsAsync(cancellationToken: Stop)).Select(t => t.Name).ShouldBe(["wait_for_decision", "list_tasks"], ignoreOrder: true);
        (await Should.ThrowAsync<McpProtocolException>(() => CallAsync(client, "create_ticket", new() { ["title"] = "No" }))).Message.ShouldContain("no tool");
    }

    [Fact]
    public async Task Every_tool_says_what_it_takes()
    {
        var agent = await AgentAsync("mcp-lists");
        await using var client = await ConnectAsync(agent.Key);
        var tools = await client.ListToolsAsync(cancellationToken: Stop);
        tools.Select(t => t.Name).ShouldBe(McpTools.All.Select(t => t.Listed.Name), ignoreOrder: true);
        foreach (var field in tools.SelectMany(t => t.JsonSchema.GetProperty("properties").EnumerateObject()))
        {
            field.Value.GetProperty("description").GetString().ShouldNotBeNullOrWhiteSpace(field.Name);
        }

        var states = tools.Single(t => t.Name == "list_tasks").JsonSchema.GetProperty("properties").GetProperty("state").GetProperty("enum");
        states.EnumerateArray().Select(s => s.ToString()).ShouldContain("waiting_human");
        tools.Single(t => t.Name == "complete_task").JsonSchema.GetProperty("required").EnumerateArray().Select(r => r.GetString()).ShouldBe(["task_id", "lease_id", "fencing_token"]);
    }

    [Fact]
    public async Task Nobody_is_anonymous_and_no_page_of_another_site_is_listened_to()
    {
        var agent = await AgentAsync("mcp-door");
        (await PostAsync("/mcp", List, null)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await PostAsync("/mcp", List, agent.Key, origin: "http://evil.example")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await PostAsync("/mcp", List, agent.Key, origin: Host.Address.GetLeftPart(UriPartial.Authority))).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await PostAsync("/api/v1/mcp", List, agent.Key)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await PostAsync("/mcp", "{", agent.Key)).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await PostAsync("/mcp", """{"jsonrpc":"2.0","method":"notifications/initialized"}""", agent.Key)).StatusCode.ShouldBe(HttpStatusCode.Accepted);

        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Host.Address, "/mcp")) { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", agent.Key) } };
        (await Founder.Http.SendAsync(request, Stop)).StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
    }

    [Fact]
    public async Task Calls_of_tools_count_against_the_same_limit_as_requests()
    {
        var agent = await AgentAsync("mcp-limit");
        var answer = await PostAsync("/mcp", List, agent.Key);
        answer.Headers.GetValues("RateLimit-Remaining").Single().ShouldNotBeEmpty();
        var before = int.Parse(answer.Headers.GetValues("RateLimit-Remaining").Single());
        int.Parse((await agent.Bus.GetAsync("tasks?limit=1", Stop)).Headers.GetValues("RateLimit-Remaining").Single()).ShouldBeLessThan(before);
    }

    private const string List = """{"jsonrpc":"2.0","id":1,"method":"tools/list"}""";

    private async Task<HttpResponseMessage> PostAsync(string path, string body, string? key, string? origin = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Host.Address, path)) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Accept.ParseAdd("application/json, text/event-stream");
        if (key is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        if (origin is not null)
        {
            request.Headers.Add("Origin", origin);
        }

        using var http = new HttpClient();
        return await http.SendAsync(request, Stop);
    }

    private Task<McpClient> ConnectAsync(string key) => McpClient.CreateAsync(
        new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(Host.Address, "/mcp"),
            TransportMode = HttpTransportMode.StreamableHttp,
            AdditionalHeaders = new Dictionary<string, string> { ["Authorization"] = $"Bearer {key}" },
        }),
        cancellationToken: Stop);

    private async Task<JsonElement> CallAsync(McpClient client, string tool, Dictionary<string, object?> arguments)
    {
        var result = await client.CallToolAsync(tool, arguments, cancellationToken: Stop);
        (result.IsError ?? false).ShouldBeFalse(((TextContentBlock)result.Content[0]).Text);
        return result.StructuredContent!.Value;
    }

    private async Task<string?> RefusedAsync(McpClient client, string tool, Dictionary<string, object?> arguments)
    {
        var result = await client.CallToolAsync(tool, arguments, cancellationToken: Stop);
        result.IsError.ShouldBe(true);
        return result.StructuredContent!.Value.GetProperty("code").GetString();
    }
}
