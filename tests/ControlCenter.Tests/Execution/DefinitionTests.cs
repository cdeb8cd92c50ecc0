using System.Net;
using System.Text.Json;

namespace ControlCenter.Tests.Execution;

public sealed class DefinitionTests(HostFixture fixture) : RuntimeTests(fixture)
{
    [Fact]
    public async Task A_changed_definition_has_another_version_and_the_same_again_has_not()
    {
        var name = Fresh("versions");
        (await PutAsync(name, new { name, adapter = "process", command = new[] { "/bin/true" } })).Body!["version"]!.GetValue<int>().ShouldBe(1);
        (await PutAsync(name, new { name, adapter = "process", command = new[] { "/bin/true" } })).Body!["version"]!.GetValue<int>().ShouldBe(1);
        (await PutAsync(name, new { name, adapter = "process", command = new[] { "/bin/false" }, limits = new { wall_seconds = 60 } })).Body!["version"]!.GetValue<int>().ShouldBe(2);

        var found = await Founder.GetAsync($"agent-definitions/{name}", Stop);
        found.Body!["definition"]!["limits"]!["wall_seconds"]!.GetValue<int>().ShouldBe(60);
        found["source"].ShouldBe("page");
        (await Host.SqlAsync<long>($"select count(*) from events where kind = 'agent.definition_changed' and data ->> 'name' = '{name}'", Stop)).ShouldBe(2);
    }

    [Fact]
    public async Task What_is_not_as_it_must_be_is_refused_field_by_field()
    {
        var answer = await PutAsync("bad", new { name = "bad", adapter = "rocket", instances = 0 });
        answer.Status.ShouldBe(HttpStatusCode.BadRequest);
        answer.Body!["errors"]!["adapter"].ShouldNotBeNull();
        answer.Body["errors"]!["instances"].ShouldNotBeNull();
        (await PutAsync("other", new { name = "another", adapter = "process", command = new[] { "x" } })).Body!["errors"]!["name"].ShouldNotBeNull();
    }

    [Fact]
    public async Task Only_the_founder_says_what_agents_are_made_of()
    {
        var agent = await AgentAsync();
        var body = JsonSerializer.SerializeToUtf8Bytes(new { name = "mine", adapter = "process", command = new[] { "x" } });
        (await agent.Bus.SendAsync(HttpMethod.Put, "agent-definitions/mine", body, null, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await agent.Bus.SendAsync(HttpMethod.Delete, "agent-definitions/mine", null, null, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task A_value_that_stands_in_a_definition_is_shown_to_those_who_may_write_it_and_to_nobody_else()
    {
        var name = Fresh("values");
        await PutAsync(name, new { name, adapter = "process", command = new[] { "true" }, environment = new { TOKEN = "value:pasted-here", OTHER = "env:OTHER" } });
        var agent = await AgentAsync();
        var seen = (await agent.Bus.GetAsync($"agent-definitions/{name}", Stop)).Body!;
        seen.ToJsonString().ShouldNotContain("pasted-here");
        seen["definition"]!["environment"]!["OTHER"]!.ToString().ShouldBe("env:OTHER");
        (await agent.Bus.GetAsync("agent-definitions?limit=200", Stop)).Body!.ToJsonString().ShouldNotContain("pasted-here");
        (await Founder.GetAsync($"agent-definitions/{name}", Stop)).Body!["definition"]!["environment"]!["TOKEN"]!.ToString().ShouldBe("value:pasted-here");
    }

    [Fact]
    public async Task By_a_removed_definition_nothing_is_started_until_it_is_back()
    {
        var name = await DefinitionAsync();
        (await Founder.SendAsync(HttpMethod.Delete, $"agent-definitions/{name}", null, null, Stop)).Status.ShouldBe(HttpStatusCode.NoContent);
        (await Founder.GetAsync($"agent-definitions/{name}", Stop)).Status.ShouldBe(HttpStatusCode.NotFound);
        (await Founder.PostAsync("runtimes", new { definition = name }, Stop)).Status.ShouldBe(HttpStatusCode.NotFound);
        (await Founder.SendAsync(HttpMethod.Delete, $"agent-definitions/{name}", null, null, Stop)).Status.ShouldBe(HttpStatusCode.NotFound);
        (await PutAsync(name, new { name, adapter = "process", command = new[] { "/bin/true" } })).Body!["version"]!.GetValue<int>().ShouldBe(2);
        await RequestAsync(name);
    }

    private Task<TestSupport.BusAnswer> PutAsync(string name, object body) =>
        Founder.SendAsync(HttpMethod.Put, $"agent-definitions/{name}", JsonSerializer.SerializeToUtf8Bytes(body), null, Stop);
}
