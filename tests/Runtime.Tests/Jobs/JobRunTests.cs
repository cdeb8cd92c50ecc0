using ControlCenter.Domain.Access;
using ControlCenter.Domain.Jobs;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Jobs;
using ControlCenter.TestSupport;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Jobs;

public sealed class JobRunTests : IAsyncLifetime
{
    // Nothing is renewed while a test looks, unless it waits for that: what a dead host does not do either.
    private static readonly JobOptions NeverRenewed = JobOptions.Default with { RenewEvery = TimeSpan.FromHours(1) };

    private string _connectionString = "";
    private NpgsqlDataSource _database = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _connectionString = await TestCluster.CreateDatabaseAsync(Stop);
        _database = NpgsqlDataSource.Create(_connectionString);
        await ExecuteAsync("create table test_effects (slot timestamptz, token bigint)");
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task Twenty_slots_are_run_once_each_by_two_hosts_that_both_decide_and_both_look()
    {
        var (first, second) = (EffectJob("* * * * *", MissedRuns.RunAll), EffectJob("* * * * *", MissedRuns.RunAll));
        await using var one = await JobHost.StartAsync(_connectionString, first, Stop);
        await using var two = await JobHost.StartAsync(_connectionString, second, Stop);
        await ExecuteAsync("update jobs set planned_through = date_trunc('minute', clock_timestamp()) - interval '20 minutes' where name = 'test-job'");

        await Task.WhenAll(one.PlanAsync(first, Stop), two.PlanAsync(second, Stop), one.PlanAsync(first, Stop), two.PlanAsync(second, Stop));
        await Task.WhenAll(one.RunAllAsync(Stop), two.RunAllAsync(Stop));
        await one.RunAllAsync(Stop);

        var slots = await _database.ScalarAsync<long>("select count(*) from job_runs where trigger = 'schedule'", Stop);
        slots.ShouldBeInRange(20, 21);
        (await _database.ScalarAsync<long>("select count(*) from job_runs where state <> 'succeeded'", Stop)).ShouldBe(0);
        (await _database.ScalarAsync<long>("select count(*) from test_effects", Stop)).ShouldBe(slots);
        (await _database.ScalarAsync<long>("select count(distinct slot) from test_effects", Stop)).ShouldBe(slots);
        (await _database.ScalarAsync<long>("select count(distinct fencing_token) from job_runs", Stop)).ShouldBe(slots);
        (first.Runs.Count + second.Runs.Count).ShouldBe((int)slots);
    }

    [Fact]
    public async Task A_host_that_dies_in_the_middle_is_taken_over_with_the_next_token_and_its_late_write_is_refused()
    {
        var began = new TaskCompletionSource<JobRun>();
        var goOn = new TaskCompletionSource();
        Exception? refused = null;
        var dying = new TestJob(async (run, _) =>
        {
            began.SetResult(run);
            await goOn.Task;
            refused = await Record.ExceptionAsync(() => EffectAsync(run));
            throw refused ?? new InvalidOperationException("it was let write");
        });
        var living = EffectJob();
        await using var one = await JobHost.StartAsync(_connectionString, dying, Stop, NeverRenewed);
        await using var two = await JobHost.StartAsync(_connectionString, living, Stop);
        await RunNowAsync(one);
        await one.LookAsync(Stop);
        var lost = await began.Task.WaitAsync(Stop);

        await two.LookAsync(Stop);
        living.Runs.ShouldBeEmpty("its lease is in force");
        await ExecuteAsync("update job_leases set expires_at = clock_timestamp() - interval '1 ms' where run_id is not null");
        await two.RunAllAsync(Stop);
        goOn.SetResult();
        await Task.WhenAll(one.Get<RunJobs>().Running);

        var taken = living.Runs.ShouldHaveSingleItem();
        (taken.Attempt, taken.RootId, taken.Slot).ShouldBe((2, lost.RunId, lost.Slot));
        taken.FencingToken.ShouldBe(lost.FencingToken + 1);
        refused.ShouldBeOfType<ConflictException>().Code.ShouldBe(ProblemTypes.LeaseLost);
        (await _database.ColumnAsync("select token::text from test_effects", Stop)).ShouldBe([$"{taken.FencingToken}"]);
        (await _database.ColumnAsync("select state || ' ' || was_lost from job_runs order by attempt", Stop)).ShouldBe(["failed true", "succeeded false"]);
    }

    [Fact]
    public async Task An_effect_that_was_had_before_the_host_died_is_not_had_again()
    {
        var died = new TaskCompletionSource();
        var dying = new TestJob(async (run, _) =>
        {
            await EffectAsync(run);
            died.SetResult();
            await new TaskCompletionSource().Task;
        });
        var living = EffectJob();
        await using var one = await JobHost.StartAsync(_connectionString, dying, Stop, NeverRenewed);
        await using var two = await JobHost.StartAsync(_connectionString, living, Stop);
        await RunNowAsync(one);
        await one.LookAsync(Stop);
        await died.Task.WaitAsync(Stop);
        await ExecuteAsync("update job_leases set expires_at = clock_timestamp() - interval '1 ms' where run_id is not null");
        await two.RunAllAsync(Stop);

        living.Runs.Count.ShouldBe(1);
        (await _database.ScalarAsync<long>("select count(*) from test_effects", Stop)).ShouldBe(1);
        (await _database.ScalarAsync<string>("select state from job_runs where attempt = 2", Stop)).ShouldBe("succeeded");
    }

    [Fact]
    public async Task A_job_that_kills_its_hosts_is_not_handed_on_for_ever()
    {
        var dying = new TestJob((_, _) => new TaskCompletionSource().Task);
        await using var host = await JobHost.StartAsync(_connectionString, dying, Stop, NeverRenewed with { MostAtOnce = 100 });
        await RunNowAsync(host);
        for (var i = 0; i < 10; i++)
        {
            await host.LookAsync(Stop);
            await ExecuteAsync("update job_leases set expires_at = clock_timestamp() - interval '1 ms' where run_id is not null");
        }

        (await _database.ScalarAsync<long>("select count(*) from job_runs where was_lost", Stop)).ShouldBe(RetryRules.MostLost);
        (await _database.ScalarAsync<long>("select count(*) from job_runs where ended_at is null", Stop)).ShouldBe(0);
    }

    [Fact]
    public async Task A_host_that_stops_gives_its_runs_back_at_once()
    {
        var began = new TaskCompletionSource();
        var job = new TestJob(async (_, cancelled) =>
        {
            began.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, cancelled);
        });
        var living = EffectJob();
        await using var one = await JobHost.StartAsync(_connectionString, job, Stop);
        await using var two = await JobHost.StartAsync(_connectionString, living, Stop);
        await RunNowAsync(one);
        using var stopping = new CancellationTokenSource();
        await one.LookAsync(stopping.Token);
        await began.Task.WaitAsync(Stop);

        await stopping.CancelAsync();
        await Task.WhenAll(one.Get<RunJobs>().Running);
        await two.RunAllAsync(Stop);

        living.Runs.ShouldHaveSingleItem().Attempt.ShouldBe(2);
    }

    [Fact]
    public async Task A_failure_is_tried_again_after_a_wait_and_not_more_often_than_said()
    {
        var job = new TestJob((_, _) => throw new InvalidOperationException("no luck"));
        await using var host = await JobHost.StartAsync(_connectionString, job, Stop);
        await RunNowAsync(host);
        var waits = new List<double>();
        for (var attempt = 1; attempt <= 2; attempt++)
        {
            await host.RunAllAsync(Stop);
            job.Runs.Count.ShouldBe(attempt);
            waits.Add(await _database.ScalarAsync<double>("select extract(epoch from due_at - queued_at)::float8 from job_runs where state = 'queued'", Stop));
            await ExecuteAsync("update job_runs set due_at = clock_timestamp() where state = 'queued'");
        }

        await host.RunAllAsync(Stop);
        // From when it is written down, which is a little later than when it is decided.
        waits[0].ShouldBeInRange(30, 60);
        waits[1].ShouldBeInRange(90, 120);
        (await _database.ColumnAsync("select state || ': ' || error from job_runs order by attempt", Stop)).ShouldBe(Enumerable.Repeat("failed: InvalidOperationException: no luck", 3));
        (await EventsAsync("governor.job_failed")).Count.ShouldBe(3);
        (await EventsAsync("alert.raised")).Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_failure_that_another_attempt_would_not_mend_is_not_tried_again()
    {
        var job = new TestJob((_, _) => throw new JobRefusedException("the program is missing"));
        await using var host = await JobHost.StartAsync(_connectionString, job, Stop);
        await RunNowAsync(host);
        await host.RunAllAsync(Stop);
        (await _database.ColumnAsync("select state || ': ' || error from job_runs", Stop)).ShouldBe(["failed: the program is missing"]);
    }

    [Fact]
    public async Task A_run_that_takes_too_long_is_ended_and_has_failed()
    {
        var job = new TestJob((_, cancelled) => Task.Delay(Timeout.InfiniteTimeSpan, cancelled)) { TimeLimit = TimeSpan.FromMilliseconds(50), Tries = new(0, TimeSpan.Zero) };
        await using var host = await JobHost.StartAsync(_connectionString, job, Stop);
        await RunNowAsync(host);
        await host.RunAllAsync(Stop);
        (await _database.ScalarAsync<string>("select state || ': ' || error from job_runs", Stop)).ShouldStartWith("failed: It did not end within");
    }

    [Fact]
    public async Task A_run_under_way_is_cancelled_and_not_tried_again()
    {
        var began = new TaskCompletionSource<JobRun>();
        var job = new TestJob(async (run, cancelled) =>
        {
            began.SetResult(run);
            await Task.Delay(Timeout.InfiniteTimeSpan, cancelled);
        });
        await using var host = await JobHost.StartAsync(_connectionString, job, Stop, JobOptions.Default with { RenewEvery = TimeSpan.FromMilliseconds(20) });
        await RunNowAsync(host);
        await host.LookAsync(Stop);
        var run = await began.Task.WaitAsync(Stop);

        await host.Get<CancelJobRun>().ExecuteAsync(job.Name, run.RunId, Sql.Founder, null, Stop);
        await Task.WhenAll(host.Get<RunJobs>().Running);

        (await _database.ColumnAsync("select state from job_runs", Stop)).ShouldBe(["cancelled"]);
        (await EventsAsync("governor.job_cancelled")).Count.ShouldBe(1);
        var again = await Should.ThrowAsync<ConflictException>(() => host.Get<CancelJobRun>().ExecuteAsync(job.Name, run.RunId, Sql.Founder, null, Stop));
        again.Code.ShouldBe(ProblemTypes.InvalidTransition);
    }

    [Fact]
    public async Task A_run_that_cannot_be_ended_in_the_middle_is_not()
    {
        var goOn = new TaskCompletionSource();
        var job = new TestJob((_, _) => goOn.Task) { Cancellable = false };
        await using var host = await JobHost.StartAsync(_connectionString, job, Stop);
        var run = await RunNowAsync(host);
        await host.LookAsync(Stop);
        (await Should.ThrowAsync<ConflictException>(() => host.Get<CancelJobRun>().ExecuteAsync(job.Name, run, Sql.Founder, null, Stop))).Message.ShouldContain("cannot be ended in the middle");
        goOn.SetResult();
        await Task.WhenAll(host.Get<RunJobs>().Running);
        (await _database.ScalarAsync<string>("select state from job_runs", Stop)).ShouldBe("succeeded");
    }

    [Fact]
    public async Task Runs_of_one_job_never_overlap_and_a_slot_that_comes_meanwhile_does_not_queue_up()
    {
        var (began, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        var job = new TestJob((_, _) =>
        {
            began.TrySetResult();
            return goOn.Task;
        })
        { Cron = "* * * * *" };
        await using var host = await JobHost.StartAsync(_connectionString, job, Stop);
        for (var slot = 0; slot < 3; slot++)
        {
            await ExecuteAsync($"update jobs set planned_through = date_trunc('minute', clock_timestamp()) - interval '{3 - slot} minutes' where name = 'test-job'");
            await host.PlanAsync(job, Stop);
            await host.LookAsync(Stop);
            await began.Task.WaitAsync(Stop);
        }

        job.Runs.Count.ShouldBe(1);
        (await _database.ScalarAsync<long>("select count(*) from job_runs where state = 'queued'", Stop)).ShouldBeLessThanOrEqualTo(1);
        goOn.SetResult();
        await Task.WhenAll(host.Get<RunJobs>().Running);
    }

    [Fact]
    public async Task What_a_run_says_is_kept_with_it_up_to_a_bound()
    {
        var job = new TestJob(async (run, cancelled) =>
        {
            await run.ProgressAsync(40, "half-way", cancelled);
            await run.LogAsync("a line\0 with a NUL", cancelled);
            await ExecuteAsync($"update job_runs set lines = {JobRun.MostLines}");
            await run.LogAsync("one too many", cancelled);
        });
        await using var host = await JobHost.StartAsync(_connectionString, job, Stop);
        var id = await RunNowAsync(host);
        await host.RunAllAsync(Stop);

        var story = (await host.Get<JobQueries>().FindRunAsync(job.Name, id, 0, Stop)).ShouldNotBeNull();
        story.Lines.Select(l => l.Text).ShouldBe(["a line with a NUL"]);
        (story.Run.Progress, story.Run.ProgressWords, story.Run.Lines).ShouldBe((100, "half-way", JobRun.MostLines + 1));
    }

    private TestJob EffectJob(string cron = "0 3 * * *", MissedRuns missed = MissedRuns.RunOnce) => new((run, _) => EffectAsync(run)) { Cron = cron, Missed = missed };

    // What a job does to the world: once for each slot, whatever happens to whoever does it.
    private Task EffectAsync(JobRun run) => new Transactions(_database, new EventLogSignal()).RunAsync(Caller.Host, async (unit, ct) =>
    {
        if (await run.OnceAsync(unit, "effect", ct))
        {
            await unit.ExecuteAsync("insert into test_effects values (@slot, @token)", ct, ("slot", run.Slot), ("token", run.FencingToken));
        }

        return true;
    }, Stop);

    private static async Task<Guid> RunNowAsync(JobHost host) =>
        (await host.Get<RunJobNow>().ExecuteAsync("test-job", new RunJobRequest(), Sql.Founder, null, Stop)).Value!.RunId;

    private Task<List<string>> EventsAsync(string kind) => _database.ColumnAsync($"select data::text from events where kind = '{kind}' order by seq", Stop);

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Stop);
    }
}
