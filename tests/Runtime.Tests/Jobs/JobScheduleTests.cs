using System.Threading.Channels;
using ControlCenter.Domain.Jobs;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Tests.Recovery;
using ControlCenter.TestSupport;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Jobs;

public sealed class JobScheduleTests : IAsyncLifetime
{
    private string _connectionString = "";
    private NpgsqlDataSource _database = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _connectionString = await TestCluster.CreateDatabaseAsync(Stop);
        _database = NpgsqlDataSource.Create(_connectionString);
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Theory]
    [InlineData(MissedRuns.Skip, 0, 24)]
    [InlineData(MissedRuns.RunOnce, 1, 23)]
    [InlineData(MissedRuns.RunAll, 24, 0)]
    public async Task After_a_day_without_a_host_the_missed_slots_are_dealt_with_by_policy(MissedRuns policy, int run, int missed)
    {
        // Half past the hour before the present one: what was due is an hour or more ago, and nothing is due now.
        var minute = (await _database.ScalarAsync<DateTime>("select clock_timestamp()::timestamp", Stop)).AddMinutes(30).Minute;
        var job = new TestJob((_, _) => Task.CompletedTask) { Cron = $"{minute} * * * *", Missed = policy };
        await using var host = await JobHost.StartAsync(_connectionString, job, Stop);
        await ExecuteAsync("update jobs set planned_through = clock_timestamp() - interval '24 hours' where name = 'test-job'");

        await host.PlanAsync(job, Stop);
        await host.RunAllAsync(Stop);

        (await CountAsync("succeeded"), await CountAsync("missed")).ShouldBe((run, missed));
        job.Runs.Select(r => r.Slot).ShouldBe(job.Runs.Select(r => r.Slot).Order());
        var told = await _database.ColumnAsync("select data->>'missed' from events where kind = 'governor.job_missed'", Stop);
        told.ShouldBe(missed == 0 ? [] : [$"{missed}"]);

        await host.PlanAsync(job, Stop);
        (await CountAsync("queued")).ShouldBe(0, "a slot is decided about once");
    }

    [Fact]
    public async Task A_slot_whose_trigger_never_came_is_run_all_the_same()
    {
        var job = new TestJob((_, _) => Task.CompletedTask) { Cron = "* * * * *" };
        await using var host = await JobHost.StartAsync(_connectionString, job, Stop);
        await ExecuteAsync("update jobs set planned_through = clock_timestamp() - interval '61 seconds', next_slot_at = clock_timestamp() - interval '6 seconds' where name = 'test-job'");
        await host.RunAllAsync(Stop);
        job.Runs.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_job_that_is_paused_runs_only_when_somebody_asks_for_it_and_has_missed_nothing_afterwards()
    {
        var job = new TestJob((_, _) => Task.CompletedTask) { Cron = "* * * * *", Missed = MissedRuns.RunAll };
        await using var host = await JobHost.StartAsync(_connectionString, job, Stop);
        await host.Get<PauseJob>().PauseAsync(job.Name, Sql.Founder, null, Stop);
        await ExecuteAsync("update jobs set planned_through = clock_timestamp() - interval '10 minutes' where name = 'test-job'");
        await host.PlanAsync(job, Stop);
        await host.RunAllAsync(Stop);
        job.Runs.ShouldBeEmpty();

        await host.Get<RunJobNow>().ExecuteAsync(job.Name, new RunJobRequest(), Sql.Founder, null, Stop);
        await host.RunAllAsync(Stop);
        job.Runs.Count.ShouldBe(1);

        await ExecuteAsync("update jobs set planned_through = clock_timestamp() - interval '10 minutes' where name = 'test-job'");
        var view = (await host.Get<PauseJob>().ResumeAsync(job.Name, Sql.Founder, null, Stop)).Value!;
        view.PausedAt.ShouldBeNull();
        await host.PlanAsync(job, Stop);
        (await CountAsync("missed") + await CountAsync("queued")).ShouldBeLessThanOrEqualTo(1, "only a slot that came since then");
    }

    [Fact]
    public async Task A_job_is_run_once_at_a_time_with_what_was_given_along()
    {
        var job = new TestJob((_, _) => Task.CompletedTask);
        await using var host = await JobHost.StartAsync(_connectionString, job, Stop);
        var now = await _database.ScalarAsync<DateTime>("select clock_timestamp()", Stop);
        var payload = System.Text.Json.JsonSerializer.SerializeToElement(new { table = "tasks" });
        await host.Get<RunJobNow>().ExecuteAsync(job.Name, new RunJobRequest(new DateTimeOffset(now).AddHours(1), Payload: payload), Sql.Founder, null, Stop);
        await host.RunAllAsync(Stop);
        job.Runs.ShouldBeEmpty("its time has not come");

        await ExecuteAsync("update job_runs set due_at = clock_timestamp()");
        await host.RunAllAsync(Stop);
        job.Runs.ShouldHaveSingleItem().Payload!.Value.GetProperty("table").GetString().ShouldBe("tasks");
        (await _database.ScalarAsync<string>("select trigger from job_runs", Stop)).ShouldBe("one_off");
    }

    [Fact]
    public async Task A_run_that_failed_is_tried_again_for_its_slot_and_only_by_its_newest_attempt()
    {
        var job = new TestJob((run, _) => run.Attempt == 1 ? throw new JobRefusedException("not yet") : Task.CompletedTask);
        await using var host = await JobHost.StartAsync(_connectionString, job, Stop);
        var first = (await host.Get<RunJobNow>().ExecuteAsync(job.Name, new RunJobRequest(), Sql.Founder, null, Stop)).Value!.RunId;
        await host.RunAllAsync(Stop);
        await host.Get<RetryJobRun>().ExecuteAsync(job.Name, first, Sql.Founder, null, Stop);
        (await Should.ThrowAsync<ConflictException>(() => host.Get<RetryJobRun>().ExecuteAsync(job.Name, first, Sql.Founder, null, Stop))).Message.ShouldContain("there is an attempt 2 already");
        await host.RunAllAsync(Stop);

        job.Runs.Select(r => (r.Attempt, r.RootId)).ShouldBe([(1, first), (2, first)]);
        job.Runs.Select(r => r.Slot).Distinct().Count().ShouldBe(1);
        (await _database.ColumnAsync("select state from job_runs order by attempt", Stop)).ShouldBe(["failed", "succeeded"]);
    }

    [Fact]
    public async Task A_pair_of_real_engines_triggers_each_slot_once_and_follows_a_schedule_that_is_changed()
    {
        var ran = Channel.CreateUnbounded<DateTimeOffset>();
        TestJob EverySecond() => new((run, cancelled) => ran.Writer.WriteAsync(run.Slot, cancelled).AsTask()) { Cron = "* * * * * *", Missed = MissedRuns.RunAll };
        await using var one = await JobHost.StartAsync(_connectionString, EverySecond(), Stop);
        await using var two = await JobHost.StartAsync(_connectionString, EverySecond(), Stop);
        foreach (var host in new[] { one, two })
        {
            await host.Get<TriggerJobs>().StartAsync(Stop);
            await host.Get<RunJobs>().StartAsync(Stop);
        }

        var slots = new List<DateTimeOffset>();
        while (slots.Count < 4)
        {
            slots.Add(await ran.Reader.ReadAsync(Stop));
        }

        slots.Distinct().Count().ShouldBe(4);
        slots.ShouldAllBe(s => s.Millisecond == 0);
        // Four slots may be over before the second has begun.
        await BackedUpCluster.UntilAsync(() => _database.ScalarAsync<bool>("select count(*) = 2 from quartz.qrtz_scheduler_state", Stop), Stop);

        await one.Get<SetJobSchedule>().ExecuteAsync("test-job", new SetJobScheduleRequest("0 3 * * *", "Europe/Berlin", MissedRuns.Skip), Sql.Founder, Stop);
        string expression;
        do
        {
            await two.Get<TriggerJobs>().NextCycleAsync().WaitAsync(Stop);
            expression = await _database.ScalarAsync<string>("select cron_expression || ' ' || time_zone_id from quartz.qrtz_cron_triggers where trigger_name = 'test-job'", Stop);
        }
        while (expression != "0 0 3 * * ? Europe/Berlin");

        foreach (var host in new[] { one, two })
        {
            await host.Get<TriggerJobs>().StopAsync(Stop);
            await host.Get<RunJobs>().StopAsync(Stop);
        }

        (await _database.ScalarAsync<long>("select count(*) - count(distinct slot) from job_runs where job = 'test-job' and attempt = 1", Stop)).ShouldBe(0);
    }

    [Fact]
    public async Task What_is_no_schedule_is_refused_field_by_field()
    {
        var job = new TestJob((_, _) => Task.CompletedTask);
        await using var host = await JobHost.StartAsync(_connectionString, job, Stop);
        var refused = await Should.ThrowAsync<ValidationException>(() =>
            host.Get<SetJobSchedule>().ExecuteAsync(job.Name, new SetJobScheduleRequest("61 * * * *", "Mars/Olympus", MissedRuns.Skip), Sql.Founder, Stop));
        refused.Errors!.Keys.ShouldBe(["cron", "time_zone"], ignoreOrder: true);
        (await _database.ScalarAsync<string>("select cron from jobs where name = 'test-job'", Stop)).ShouldBe(job.Cron);
    }

    private Task<int> CountAsync(string state) => _database.ScalarAsync<int>($"select count(*)::int from job_runs where state = '{state}'", Stop);

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Stop);
    }
}
