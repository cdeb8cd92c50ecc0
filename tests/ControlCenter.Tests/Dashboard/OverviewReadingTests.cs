using System.Diagnostics;
using ControlCenter.Dashboard.Overview;
using ControlCenter.Runtime.Escalations;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Tests.Work;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ControlCenter.Tests.Dashboard;

/// <summary>Fifty open dashboards cost the database what one does.</summary>
public sealed class OverviewReadingTests(HostFixture fixture) : BusTests(fixture)
{
    private const int Dashboards = 50;

    private OverviewQueries Readings => Host.Services.GetRequiredService<OverviewQueries>();

    private EventFeed Feed => Host.Services.GetRequiredService<EventFeed>();

    [Fact]
    public async Task All_who_look_at_once_get_the_same_reading()
    {
        await QuietAsync();
        (await LookAsync()).Distinct(ReferenceEqualityComparer.Instance).Count().ShouldBe(1);
    }

    [Fact]
    public async Task After_something_happened_all_get_one_new_reading_that_knows_of_it()
    {
        await QuietAsync();
        var before = await Readings.ReadAsync(Stop);
        var escalation = await Founder.PostAsync("escalations", new { kind = "question", title = "Which colour?" }, Stop);
        await Feed.WaitForAsync(before.Head, e => e.Record.SubjectId == escalation["escalation_id"], Stop);

        var after = await LookAsync();
        after.Distinct(ReferenceEqualityComparer.Instance).Count().ShouldBe(1);
        after[0].Summary.Waiting.ShouldBe(before.Summary.Waiting + 1);
        after[0].Waiting.ShouldContain(e => e.EscalationId.ToString() == escalation["escalation_id"]);
        after[0].Recent.ShouldContain(e => e.Kind == "escalation.opened" && e.Subject!.Contains(escalation["escalation_id"]));
    }

    [Fact]
    public async Task Who_waits_for_a_slow_reading_shares_the_next_and_makes_none_of_his_own()
    {
        var services = Host.Services;
        using var slow = new OverviewQueries(
            services.GetRequiredService<NpgsqlDataSource>(), services.GetRequiredService<EscalationQueries>(), services.GetRequiredService<EventReader>(), Feed, new SlowClock());
        await using var connection = await services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync(Stop);
        await using var hold = await connection.BeginTransactionAsync(Stop);
        await using (var command = new NpgsqlCommand("lock table agents in access exclusive mode", connection))
        {
            await command.ExecuteNonQueryAsync(Stop);
        }

        var looking = Enumerable.Range(0, Dashboards).Select(_ => slow.ReadAsync(Stop)).ToList();
        looking.ShouldAllBe(l => !l.IsCompleted);
        await hold.RollbackAsync(Stop);
        (await Task.WhenAll(looking)).Distinct(ReferenceEqualityComparer.Instance).Count().ShouldBeLessThanOrEqualTo(2, "the first, and one that began after all had asked");
    }

    [Fact]
    public async Task However_much_happens_the_database_is_asked_a_few_times_a_second_and_nobody_sees_less_than_was_known()
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var seen = new System.Collections.Concurrent.ConcurrentDictionary<OverviewReading, bool>(ReferenceEqualityComparer.Instance);
        var storm = StormAsync(ended.Token);
        var startedAt = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Dashboards).Select(async _ =>
        {
            while (Stopwatch.GetElapsedTime(startedAt) < TimeSpan.FromSeconds(2) || seen.Count < 2)
            {
                var known = Feed.Head;
                var reading = await Readings.ReadAsync(Stop);
                reading.Head.ShouldBeGreaterThanOrEqualTo(known);
                seen[reading] = true;
            }
        }));
        var readings = (int)(Stopwatch.GetElapsedTime(startedAt) / OverviewQueries.Spacing) + 2;
        await ended.CancelAsync();
        await storm;
        seen.Count.ShouldBeInRange(2, readings);
    }

    // What a host tells of its own start, and what the test before left under way, would be news between two looks.
    private Task QuietAsync() => LeaseTests.Eventually(async () =>
        await Host.SqlAsync<long>("select count(distinct kind) from events where kind in ('runtime.boot_report', 'governor.primary_changed')", Stop) == 2
        && Feed.Head >= await Host.SqlAsync<long>("select max(seq) from events", Stop));

    private Task<OverviewReading[]> LookAsync() => Task.WhenAll(Enumerable.Range(0, Dashboards).Select(_ => Readings.ReadAsync(Stop)));

    private async Task StormAsync(CancellationToken ended)
    {
        while (!ended.IsCancellationRequested)
        {
            await Founder.PostAsync("events", new { kind = "storm.test" }, Stop);
        }
    }

    /// <summary>By which everything takes seconds.</summary>
    private sealed class SlowClock : TimeProvider
    {
        private long _now;

        public override long GetTimestamp() => Interlocked.Add(ref _now, 2 * TimestampFrequency);
    }
}
