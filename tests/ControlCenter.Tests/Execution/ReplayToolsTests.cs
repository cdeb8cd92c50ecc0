using System.Net;

namespace ControlCenter.Tests.Execution;

public sealed class ReplayToolsTests(HostFixture fixture) : RuntimeTests(fixture)
{
    [Fact]
    public async Task Another_list_of_tools_is_tried_on_what_a_definition_s_agents_have_called()
    {
        var label = Fresh("replay");
        var definition = await DefinitionAsync(new { adapter = "claude-code" }, label);
        var runner = await RunnerAsync(label);
        var id = await RequestAsync(definition);
        var package = await runner.RunAsync(id, Stop);
        string Call(string tool, string input) => $$$"""{"type":"assistant","message":{"content":[{"type":"tool_use","id":"1","name":"{{{tool}}}","input":{{{input}}}}]}}""";
        string[] said =
        [
            "not a line of its own", Call("Bash", """{"command":"git status"}"""), Call("Bash", """{"command":"rm -rf build"}"""), Call("Write", """{"file_path":"a"}"""), Call("Grep", "{}"),
        ];
        var handed = await runner.Bus.PostAsync(
            $"hosts/{runner.HostId}/output",
            new[] { new { runtime_id = id, fencing_token = package.FencingToken, first_line = 0, lines = said.Select(text => new { at = DateTimeOffset.UtcNow, source = "out", text }) } }, Stop);
        handed.Status.ShouldBe(HttpStatusCode.OK, handed.Body?.ToJsonString());

        var tried = await Founder.PostAsync($"agent-definitions/{definition}/replay", new { tools = new[] { "Bash(git:*)" }, days = 7 }, Stop);
        tried.Status.ShouldBe(HttpStatusCode.OK, tried.Body?.ToJsonString());
        ((int)tried.Body!["runtimes"]!, (long)tried.Body["calls"]!, (long)tried.Body["refused"]!, (long)tried.Body["unjudged"]!).ShouldBe((1, 4L, 2L, 1L));
        var bash = tried.Body["tools"]!.AsArray().Single(t => t!["tool"]!.ToString() == "Bash")!;
        ((long)bash["calls"]!, (long)bash["refused"]!, bash["example"]!.ToString(), bash["runtime_id"]!.ToString()).ShouldBe((2L, 1L, """{"command":"rm -rf build"}""", id.ToString()));
        ((long)(await Founder.PostAsync($"agent-definitions/{definition}/replay", new { tools = Array.Empty<string>() }, Stop)).Body!["refused"]!).ShouldBe(0);
    }

    [Fact]
    public async Task It_is_for_those_who_may_write_definitions_and_for_definitions_that_there_are()
    {
        (await (await AgentAsync()).Bus.PostAsync($"agent-definitions/{await DefinitionAsync()}/replay", new { tools = Array.Empty<string>() }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await Founder.PostAsync("agent-definitions/nobody/replay", new { tools = Array.Empty<string>() }, Stop)).Status.ShouldBe(HttpStatusCode.NotFound);
        (await Founder.PostAsync($"agent-definitions/{await DefinitionAsync()}/replay", new { tools = Array.Empty<string>(), days = 0 }, Stop)).Code.ShouldBe("validation_failed");
    }
}
