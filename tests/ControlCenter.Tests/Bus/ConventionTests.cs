using System.Net;
using System.Text.Json;

namespace ControlCenter.Tests.Bus;

public sealed class ConventionTests(HostFixture fixture) : BusTests(fixture)
{
    public static TheoryData<string, string, int, string> BadBodies => new()
    {
        { "tickets", "{nope", 400, "malformed_json" },
        { "tickets", "", 400, "malformed_json" },
        { "tickets", "[]", 400, "validation_failed" },
        { "tickets", "null", 400, "validation_failed" },
        { "tickets", """{"title":5}""", 400, "validation_failed" },
        { "tickets", "{}", 400, "validation_failed" },
        { "tickets", """{"title":"x","unknown":1}""", 400, "validation_failed" },
        { "tickets", """{"title":"x","title":"y"}""", 400, "validation_failed" },
        { "tickets", """{"title":""}""", 400, "validation_failed" },
        { "tickets", """{"title":"a\u0000b"}""", 400, "validation_failed" },
        { "tickets", """{"title":"a\ud800b"}""", 400, "validation_failed" },
        { "tickets", """{"title":"x","priority":5}""", 400, "validation_failed" },
        { "tickets", """{"title":"x","priority":1.5}""", 400, "validation_failed" },
        { "events", """{"kind":"task.made.up"}""", 400, "reserved_kind" },
        { "events", """{"kind":"Upper"}""", 400, "validation_failed" },
        { "events", """{"kind":"x","data":{"a":"\u0000"}}""", 400, "validation_failed" },
        { "events", """{"kind":"x","data":{"a":1e999999}}""", 400, "validation_failed" },
        { "events", """{"kind":"x"} trailing""", 400, "malformed_json" },
        { "events", "[]", 400, "validation_failed" },
        { "agents", """{"name":"x"}""", 400, "validation_failed" },
        { "escalations", """{"kind":"wish","title":"x"}""", 400, "validation_failed" },
        { "escalations", """{"kind":"approval","title":"x","expires_in_seconds":0}""", 400, "validation_failed" },
        { "tasks/claim", """{"agent_id":"not-an-id"}""", 400, "validation_failed" },
        { "tasks/claim", """{"agent_id":"01900000-0000-7000-8000-000000000000"}""", 404, "not_found" },
        { "tickets/T-999999/tasks", """{"title":"x"}""", 404, "not_found" },
        { "tasks/01900000-0000-7000-8000-000000000000/complete", """{"lease_id":"01900000-0000-7000-8000-000000000000","fencing_token":1}""", 404, "not_found" },
        { "tasks/nonsense/complete", """{"lease_id":"01900000-0000-7000-8000-000000000000","fencing_token":1}""", 404, "not_found" },
    };

    [Theory]
    [MemberData(nameof(BadBodies))]
    public async Task Bad_input_gets_the_documented_problem_and_writes_nothing(string path, string body, int status, string code)
    {
        var before = await RowsAsync();

        var answer = await Founder.PostRawAsync(path, body, Stop);

        ((int)answer.Status).ShouldBe(status, answer.Body?.ToJsonString());
        answer.Code.ShouldBe(code);
        foreach (var field in new[] { "type", "title", "status", "detail", "trace_id" })
        {
            answer.Body![field].ShouldNotBeNull(field);
        }

        var text = answer.Body!.ToJsonString();
        text.ShouldNotContain("   at ");
        text.ShouldNotContain("Npgsql");
        text.ShouldNotContain("System.");
        (await RowsAsync()).ShouldBe(before);
    }

    [Fact]
    public async Task A_name_of_ten_thousand_characters_and_a_body_of_two_mebibytes_are_refused()
    {
        (await Founder.PostAsync("agents", new { name = new string('x', 10_000), kind = "k" }, Stop)).Code.ShouldBe("validation_failed");
        (await Founder.PostAsync("events", new { kind = "x", data = new string('x', 2 * 1024 * 1024) }, Stop)).Code.ShouldBe("payload_too_large");
        (await Founder.PostAsync("tickets", new { title = new string('x', 2 * 1024 * 1024) }, Stop)).Status.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
    }

    [Fact]
    public async Task A_wrong_content_type_an_unknown_path_and_a_wrong_method_are_problems_too()
    {
        (await Founder.PostRawAsync("tickets", "title=x", Stop, "application/x-www-form-urlencoded")).Code.ShouldBe("unsupported_media_type");
        (await Founder.PostRawAsync("events", "x", Stop, "text/plain")).Code.ShouldBe("unsupported_media_type");
        (await Founder.GetAsync("nothing/here", Stop)).Code.ShouldBe("not_found");
        (await Founder.SendAsync(HttpMethod.Delete, "tickets", null, null, Stop)).Code.ShouldBe("method_not_allowed");
    }

    [Fact]
    public async Task Nobody_gets_in_without_a_key_or_with_one_that_is_forged_expired_or_revoked()
    {
        var agent = await AgentAsync();
        (await agent.Bus.GetAsync("tickets", Stop)).Status.ShouldBe(HttpStatusCode.OK);
        (await Host.Client("").GetAsync("tickets", Stop)).Code.ShouldBe("unauthenticated");
        (await Host.Client("forged").GetAsync("tickets", Stop)).Status.ShouldBe(HttpStatusCode.Unauthorized);
        (await Host.Client(agent.Key[..^1]).GetAsync("tickets", Stop)).Status.ShouldBe(HttpStatusCode.Unauthorized);

        var expired = await AgentAsync();
        await Host.SqlAsync<int>($"with e as (update api_keys set expires_at = clock_timestamp() where actor_id = '{expired.Id}' returning 1) select count(*)::int from e", Stop);
        (await expired.Bus.GetAsync("tickets", Stop)).Status.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task An_agent_can_do_nothing_that_is_the_founders()
    {
        var agent = await AgentAsync();
        var other = await AgentAsync();
        (await agent.Bus.PostAsync("agents", new { name = "x", kind = "k" }, Stop)).Code.ShouldBe("forbidden");
        (await agent.Bus.PostAsync($"agents/{other.Id}/interventions", new { kind = "stop" }, Stop)).Code.ShouldBe("forbidden");
        (await agent.Bus.SendAsync(HttpMethod.Put, "admission", JsonSerializer.SerializeToUtf8Bytes(new { level = "closed" }), null, Stop)).Code.ShouldBe("forbidden");
        (await Host.SqlAsync<long>("select count(*) from audit_entries where action = 'access.refused'", Stop)).ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task One_key_in_64_parallel_posts_has_one_effect_and_64_equal_answers()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Founder.PostAsync("tickets", new { title = "Once, please" }, Stop, "sixty-four")));
        answers.Select(a => a.Body!.ToJsonString()).Distinct().Count().ShouldBe(1);
        answers.ShouldAllBe(a => a.Status == HttpStatusCode.Created);
        (await Host.SqlAsync<long>("select count(*) from tickets where title = 'Once, please'", Stop)).ShouldBe(1);
    }

    [Fact]
    public async Task The_first_answer_is_given_again_by_another_host_and_another_body_is_refused()
    {
        var first = await Founder.PostAsync("agents", new { name = "repeatable", kind = "k" }, Stop, "again");
        await using var second = await TestSupport.RunningHost.StartAsync(Stop, Host.ConnectionString);
        var again = await second.Client().PostAsync("agents", new { name = "repeatable", kind = "k" }, Stop, "again");
        again.Status.ShouldBe(HttpStatusCode.Created);
        again.Body!.ToJsonString().ShouldBe(first.Body!.ToJsonString());
        (await second.Client().PostAsync("agents", new { name = "another", kind = "k" }, Stop, "again")).Code.ShouldBe("idempotency_mismatch");

        var kept = await Host.SqlAsync<string>("select body from idempotency_keys where key = 'again'", Stop);
        kept.ShouldNotContain(first["key"]);
    }

    [Fact]
    public async Task Lists_refuse_what_is_no_limit_no_cursor_and_no_state()
    {
        (await Founder.GetAsync("tickets?limit=0", Stop)).Code.ShouldBe("validation_failed");
        (await Founder.GetAsync("tickets?limit=201", Stop)).Code.ShouldBe("validation_failed");
        (await Founder.GetAsync("tickets?cursor=%F0%9F%98%80", Stop)).Code.ShouldBe("validation_failed");
        (await Founder.GetAsync("tasks?state=sleeping", Stop)).Code.ShouldBe("validation_failed");
        (await Founder.GetAsync("tasks?ticket=T-424242", Stop)).Body!["items"]!.AsArray().ShouldBeEmpty();
    }

    [Fact]
    public async Task Health_and_metrics_are_there_without_a_key_and_the_description_names_every_path()
    {
        using var plain = new HttpClient { BaseAddress = Host.Address };
        (await plain.GetStringAsync("/health/live", Stop)).ShouldBe("live\n");
        (await plain.GetStringAsync("/health/ready", Stop)).ShouldBe("ready\n");
        var health = JsonDocument.Parse(await plain.GetStringAsync("/health", Stop)).RootElement;
        health.GetProperty("services").EnumerateArray().ShouldContain(s => s.GetProperty("name").GetString() == "lease-sweeper");
        var metrics = await plain.GetStringAsync("/metrics", Stop);
        foreach (var name in new[] { "struxio_db_pool_active", "struxio_db_pool_idle", "struxio_db_pool_waiting", "http_server_request_duration_seconds_bucket" })
        {
            metrics.ShouldContain(name);
        }

        var paths = JsonDocument.Parse(await plain.GetStringAsync("/openapi/v1.json", Stop)).RootElement.GetProperty("paths");
        foreach (var path in new[] { "/tickets", "/tickets/{id}", "/tickets/{id}/tasks", "/tasks", "/tasks/claim", "/tasks/{id}/complete", "/leases/{id}/renew", "/agents/{id}/heartbeat", "/escalations/{id}/decision", "/events", "/stream", "/admission" })
        {
            paths.TryGetProperty($"/api/v1{path}", out _).ShouldBeTrue(path);
        }
    }

    // Without what the host tells of itself, which may come at any time.
    private Task<long> RowsAsync() => Host.SqlAsync<long>(
        """
        select (select count(*) from tickets) + (select count(*) from tasks) + (select count(*) from agents)
            + (select count(*) from escalations) + (select count(*) from events where kind not like all (array['security.%', 'runtime.%', 'governor.%'])) + (select count(*) from leases)
        """,
        Stop);
}
