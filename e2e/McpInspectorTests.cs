using System.Text.Json.Nodes;
using ControlCenter.TestSupport;

namespace ControlCenter.E2E;

/// <summary>The MCP inspector's command line, which is nobody's of ours, lists and calls every tool.</summary>
public sealed class McpInspectorTests : IAsyncLifetime
{
    private readonly string _home = Directory.CreateTempSubdirectory("cc-mcp-").FullName;
    private readonly HashSet<string> _called = [];
    private RunningHost _host = null!;
    private string _key = "";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _host = await RunningHost.StartAsync(Stop);

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        Directory.Delete(_home, recursive: true);
    }

    [Fact]
    public async Task The_inspector_lists_and_calls_every_tool()
    {
        using var founder = _host.Client();
        _key = (await founder.PostAsync("agents", new { name = "inspected", kind = "test", capabilities = new[] { "inspect" } }, Stop))["key"];
        var listed = (await InspectAsync("tools/list"))["tools"]!.AsArray().Select(t => t!["name"]!.ToString()).ToList();

        var ticket = await CallAsync("create_ticket", "title=Inspect the tools");
        foreach (var title in new[] { "First", "Second" })
        {
            (await founder.PostAsync($"tickets/{ticket["key"]}/tasks", new { title, required_capabilities = new[] { "inspect" }, lease_seconds = 600 }, Stop)).IsRefused.ShouldBeFalse();
        }

        var first = await CallAsync("claim_task", "wait_seconds=1");
        string[] held = [$"task_id={first["task"]!["task_id"]}", $"lease_id={first["lease"]!["lease_id"]}", $"fencing_token={first["lease"]!["fencing_token"]}"];
        await CallAsync("report_progress", [.. held, "message=Half of it", "percent=50"]);
        await CallAsync("save_checkpoint", [.. held, """state={"step":1}"""]);
        await CallAsync("renew_lease", held[1..]);
        var asked = await CallAsync("escalate", [.. held, "kind=approval", "title=May I?", """action={"do":"it"}"""]);
        await founder.PostAsync($"escalations/{asked["escalation_id"]}/decision", new { verdict = "approved", action_hash = asked["action_hash"]!.ToString() }, Stop);
        (await CallAsync("wait_for_decision", $"escalation_id={asked["escalation_id"]}", "wait_seconds=10"))["state"]!.ToString().ShouldBe("approved");
        await CallAsync("post_event", "kind=inspection.done", """data={"tools":12}""");
        await CallAsync("report_cost", "access_path=api", "estimated_cost=0.5", "currency=USD");
        (await CallAsync("complete_task", [.. held, """result={"ok":true}"""]))["state"]!.ToString().ShouldBe("completed");

        var second = await CallAsync("claim_task", "wait_seconds=1");
        (await CallAsync(
            "fail_task", $"task_id={second["task"]!["task_id"]}", $"lease_id={second["lease"]!["lease_id"]}", $"fencing_token={second["lease"]!["fencing_token"]}",
            "error=It cannot be done", "retryable=false"))["state"]!.ToString().ShouldBe("failed");
        (await CallAsync("list_tasks", "state=completed"))["items"]!.AsArray().Count.ShouldBe(1);
        _called.ShouldBe(listed, ignoreOrder: true);
    }

    private async Task<JsonNode> CallAsync(string tool, params string[] arguments)
    {
        _called.Add(tool);
        var answer = await InspectAsync("tools/call", ["--tool-name", tool, .. arguments.SelectMany(a => new[] { "--tool-arg", a })]);
        (answer["isError"]?.GetValue<bool>() ?? false).ShouldBeFalse(tool + answer.ToJsonString());
        return answer["structuredContent"]!;
    }

    private async Task<JsonNode> InspectAsync(string method, params string[] more)
    {
        var said = await NodeProgram.RunAsync(
            "mcp-client", "mcp-inspector",
            ["--cli", new Uri(_host.Address, "/mcp").ToString(), "--transport", "http", "--header", $"Authorization: Bearer {_key}", "--method", method, .. more],
            _home, new Dictionary<string, string>(), Stop);
        var begin = said.IndexOf("{\n", StringComparison.Ordinal);
        begin.ShouldBeGreaterThanOrEqualTo(0, said);
        return JsonNode.Parse(said[begin..(said.LastIndexOf("\n}", StringComparison.Ordinal) + 2)])!;
    }
}
