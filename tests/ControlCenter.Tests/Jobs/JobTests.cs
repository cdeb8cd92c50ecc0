using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlCenter.Runtime.Jobs;
using ControlCenter.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Jobs;

/// <summary>What tests of jobs over the bus have in common.</summary>
public abstract class JobBusTests(HostFixture fixture) : BusTests(fixture)
{
    protected async Task<JsonNode> RunAsync(string job, object? request = null)
    {
        var asked = await Founder.PostAsync($"jobs/{job}/run", request ?? new { }, Stop);
        asked.Status.ShouldBe(HttpStatusCode.Accepted, asked.Body?.ToJsonString());
        return await EndedAsync(job, asked["run_id"]);
    }

    protected async Task<JsonNode> EndedAsync(string job, string run)
    {
        var runner = Host.Services.GetRequiredService<RunJobs>();
        while (true)
        {
            var next = runner.NextCycleAsync();
            var story = (await Founder.GetAsync($"jobs/{job}/runs/{run}", Stop)).Body!;
            if (story["run"]!["state"]!.ToString() is not ("queued" or "running"))
            {
                return story;
            }

            await next.WaitAsync(Stop);
        }
    }

    protected Task<BusAnswer> PutAsync(string path, object body) => Founder.SendAsync(HttpMethod.Put, path, JsonSerializer.SerializeToUtf8Bytes(body), null, Stop);

    protected Task<long> CountAsync(string sql) => Host.SqlAsync<long>($"select count(*) from {sql}", Stop);
}

public sealed class JobTests(HostFixture fixture) : JobBusTests(fixture)
{
    // A job's row is there before the doors open: a run of it can be asked for by the first call.
    [Fact]
    public async Task A_run_is_taken_in_by_a_host_that_is_just_up()
    {
        await using var host = await RunningHost.StartAsync(Stop);
        (await host.Client().PostAsync("jobs/check-database/run", null, Stop)).Status.ShouldBe(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task Jobs_are_listed_with_their_schedule_in_words_and_the_next_five_runs()
    {
        var jobs = (await Founder.GetAsync("jobs", Stop)).Body!["items"]!.AsArray();
        jobs.Select(j => j!["name"]!.ToString()).ShouldBe(["check-database", "trim-history"]);
        var check = (await Founder.GetAsync("jobs/check-database", Stop)).Body!;
        check["schedule"]!.ToString().ShouldBe("every Sunday at 04:00");
        check["next_runs"]!.AsArray().Count.ShouldBe(5);
        (await Founder.GetAsync("jobs/no-such-job", Stop)).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_run_that_is_asked_for_has_a_log_an_audit_line_and_its_events()
    {
        var story = await RunAsync("trim-history", new { dry_run = true });
        story["run"]!["state"]!.ToString().ShouldBe("succeeded");
        story["run"]!["trigger"]!.ToString().ShouldBe("manual");
        story["run"]!["requested_by_name"]!.ToString().ShouldBe("founder");
        story["lines"]!.AsArray().Count.ShouldBeGreaterThan(4);
        var run = story["run"]!["run_id"]!.ToString();
        (await CountAsync($"audit_entries where action = 'job.run' and detail->>'run_id' = '{run}'")).ShouldBe(1);
        (await CountAsync($"events where kind in ('governor.job_queued', 'governor.job_started', 'governor.job_succeeded') and data->>'run_id' = '{run}'")).ShouldBe(3);
        var runs = (await Founder.GetAsync("jobs/trim-history/runs?state=succeeded", Stop)).Body!["items"]!.AsArray();
        runs.Select(r => r!["run_id"]!.ToString()).ShouldContain(run);
    }

    [Fact]
    public async Task A_repeated_request_with_its_key_is_one_run()
    {
        var first = await Founder.PostAsync("jobs/trim-history/run", new { dry_run = true }, Stop, "one-run");
        var again = await Founder.PostAsync("jobs/trim-history/run", new { dry_run = true }, Stop, "one-run");
        again["run_id"].ShouldBe(first["run_id"]);
    }

    [Fact]
    public async Task A_schedule_is_set_in_a_time_zone_and_a_bad_one_is_refused_with_what_was_expected()
    {
        var refused = await PutAsync("jobs/check-database/schedule", new { cron = "61 * * * *", time_zone = "Europe/Berlin", missed_runs = "run_once" });
        (refused.Status, refused.Code).ShouldBe((HttpStatusCode.BadRequest, "validation_failed"));
        refused.Body!["errors"]!["cron"]!.ToJsonString().ShouldContain("Expected five fields");

        var set = await PutAsync("jobs/check-database/schedule", new { cron = "0 4 * * 0", time_zone = "Asia/Kolkata", missed_runs = "skip" });
        set.Status.ShouldBe(HttpStatusCode.OK, set.Body?.ToJsonString());
        set.Body!["next_runs"]!.AsArray().ShouldAllBe(at => DateTimeOffset.Parse(at!.ToString(), null).UtcDateTime.TimeOfDay == new TimeSpan(22, 30, 0));
        (await CountAsync("audit_entries where action = 'job.schedule_set'")).ShouldBe(1);
        (await CountAsync("events where kind = 'governor.job_scheduled'")).ShouldBe(1);
    }

    [Fact]
    public async Task A_job_is_paused_and_resumed_once()
    {
        var paused = await Founder.PostAsync("jobs/check-database/pause", null, Stop);
        paused.Body!["next_runs"]!.AsArray().ShouldBeEmpty();
        paused["paused_by_name"].ShouldBe("founder");
        (await Founder.PostAsync("jobs/check-database/pause", null, Stop)).Code.ShouldBe("invalid_transition");
        (await Founder.PostAsync("jobs/check-database/resume", null, Stop)).Status.ShouldBe(HttpStatusCode.OK);
        (await Founder.PostAsync("jobs/check-database/resume", null, Stop)).Code.ShouldBe("invalid_transition");
        (await CountAsync("events where kind in ('governor.job_paused', 'governor.job_resumed')")).ShouldBe(2);
    }

    [Fact]
    public async Task Only_the_founder_runs_jobs_and_an_emergency_operator_may_end_a_run()
    {
        var operatorKey = (await Founder.PostAsync("actors", new { name = "ops", role = "emergency_operator" }, Stop))["key"];
        var observerKey = (await Founder.PostAsync("actors", new { name = "watcher", role = "read_only_observer" }, Stop))["key"];
        (await Host.Client(operatorKey).PostAsync("jobs/trim-history/run", new { }, Stop)).Code.ShouldBe("forbidden");
        (await Host.Client(observerKey).GetAsync("jobs", Stop)).Status.ShouldBe(HttpStatusCode.OK);

        var later = await Founder.PostAsync("jobs/trim-history/run", new { run_at = DateTimeOffset.UtcNow.AddDays(1) }, Stop);
        var path = $"jobs/trim-history/runs/{later["run_id"]}";
        (await Host.Client(observerKey).PostAsync($"{path}/cancel", null, Stop)).Code.ShouldBe("forbidden");
        (await Host.Client(operatorKey).PostAsync($"{path}/cancel", null, Stop))["state"].ShouldBe("cancelled");
        (await Founder.PostAsync($"{path}/cancel", null, Stop)).Code.ShouldBe("invalid_transition");
        (await Host.Client(operatorKey).PostAsync($"{path}/retry", null, Stop)).Code.ShouldBe("forbidden");
        var retried = await Founder.PostAsync($"{path}/retry", null, Stop);
        (await EndedAsync("trim-history", retried["run_id"]))["run"]!["attempt"]!.GetValue<int>().ShouldBe(2);
    }

    [Theory]
    [InlineData("""{"dry_run":true}""", "check-database", "cannot be run dry")]
    [InlineData("""{"payload":[1]}""", "trim-history", "must be a JSON object")]
    public async Task What_a_job_cannot_take_is_refused(string body, string job, string words) =>
        (await Founder.PostRawAsync($"jobs/{job}/run", body, Stop)).Body!.ToJsonString().ShouldContain(words);
}
