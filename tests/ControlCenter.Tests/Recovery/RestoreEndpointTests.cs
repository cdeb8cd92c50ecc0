using System.Net;
using System.Text.Json.Nodes;

namespace ControlCenter.Tests.Recovery;

/// <summary>Restores on a bus whose database is another's, and that has no repository.</summary>
public sealed class RestoreEndpointTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task Without_a_repository_there_is_nothing_to_restore_from()
    {
        (await Founder.PostAsync("restores", new { to = "2026-03-30T14:30:00Z" }, Stop)).Status.ShouldBe(HttpStatusCode.NotFound);
        (await Founder.GetAsync("restores/plan", Stop)).Status.ShouldBe(HttpStatusCode.NotFound);
        (await Founder.GetAsync("restores/plan?to=yesterday", Stop)).Status.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Only_the_founder_restores()
    {
        var agent = await AgentAsync();
        (await agent.Bus.PostAsync("restores", new { }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await agent.Bus.PostAsync($"restores/{Guid.NewGuid()}/replace", new { confirm = "replace" }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await agent.Bus.SendAsync(HttpMethod.Delete, $"restores/{Guid.NewGuid()}", null, null, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task A_database_that_is_not_the_bus_s_own_is_not_replaced_and_it_is_said_how_to()
    {
        var id = await RestoreAsync("restored");
        var view = (await Founder.GetAsync($"restores/{id}", Stop)).Body!;
        ((bool)view["can_replace"]!).ShouldBeFalse();
        view["cannot_replace_because"]!.ToString().ShouldContain("CC_DATABASE");
        var refused = await Founder.PostAsync($"restores/{id}/replace", new { confirm = "replace" }, Stop);
        (refused.Status, refused.Code).ShouldBe((HttpStatusCode.Conflict, "invalid_transition"));
        refused.Body!["detail"]!.ToString().ShouldContain("set CC_DATABASE to that");
    }

    [Fact]
    public async Task A_restore_that_is_not_needed_is_removed_with_its_folder_and_one_under_way_is_not()
    {
        var id = await RestoreAsync("running");
        (await Founder.SendAsync(HttpMethod.Delete, $"restores/{id}", null, null, Stop)).Status.ShouldBe(HttpStatusCode.Conflict);
        var folder = Directory.CreateTempSubdirectory("cc-restored-").FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "something"), "", Stop);
        await Host.SqlAsync<int>($"with u as (update restores set state = 'failed', folder = '{folder}' where id = '{id}' returning 1) select count(*)::int from u", Stop);
        (await Founder.SendAsync(HttpMethod.Delete, $"restores/{id}", null, null, Stop)).Status.ShouldBe(HttpStatusCode.NoContent);
        Directory.Exists(folder).ShouldBeFalse();
        (await Founder.GetAsync("restores", Stop)).Body!["items"]!.AsArray().Single(r => r!["restore_id"]!.ToString() == id)!["state"]!.ToString().ShouldBe("removed");
        (await Founder.SendAsync(HttpMethod.Delete, $"restores/{Guid.NewGuid()}", null, null, Stop)).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    private async Task<string> RestoreAsync(string state)
    {
        var id = Guid.NewGuid().ToString();
        await Host.SqlAsync<int>(
            $"""
            with n as (insert into restores (id, target, state, requested_by, verdicts) values ('{id}', now(), '{state}', '00000000-0000-7000-8000-000000000002',
                '[{new JsonObject { ["name"] = "counts", ["sentence"] = "S.", ["passed"] = true, ["detail"] = "" }.ToJsonString()}]') returning 1)
            select count(*)::int from n
            """, Stop);
        return id;
    }
}
