using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Orchestration;
using ControlCenter.TestSupport;
using ControlCenter.Tests.Work;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ControlCenter.Tests.Orchestration;

/// <summary>One of several hosts decides who does what; the others take over from it, and never beside it.</summary>
public sealed class PrimaryTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task A_host_that_is_alone_is_the_primary_and_says_so()
    {
        await LeaseTests.Eventually(async () => (await Founder.GetAsync("orchestrator", Stop)).Body!["this_host"]!.GetValue<bool>());
        var standing = (await Founder.GetAsync("orchestrator", Stop)).Body!;
        standing["epoch"]!.GetValue<long>().ShouldBeGreaterThan(0);
        standing["primary"]!.ToString().ShouldBe(Environment.MachineName);
        (await Host.SqlAsync<long>("select count(*) from events where kind = 'governor.primary_changed'", Stop)).ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task A_second_host_observes_takes_over_within_ten_seconds_of_the_firsts_last_sign_and_the_firsts_writes_are_refused()
    {
        var database = await TestCluster.CreateDatabaseAsync(Stop);
        await using var one = await RunningHost.StartAsync(Stop, database);
        await LeaseTests.Eventually(() => Task.FromResult(Of(one).Epoch is not null));
        await using var other = await RunningHost.StartAsync(Stop, database);
        using var asked = other.Client();
        await LeaseTests.Eventually(async () => (await asked.GetAsync("orchestrator", Stop)).Body!["observers"]!.AsArray().Count == 1);

        // It falls silent without a word, as one that is stopped or cut off does. A slow machine may have made the other one the first by then.
        await using var silenced = await SilencedAsync(database);
        var (first, second) = Of(one).Self.Id == silenced.Holder ? (one, other) : (other, one);
        Of(second).Epoch.ShouldNotBe(silenced.Epoch);
        var since = TimeProvider.System.GetTimestamp();
        await LeaseTests.Eventually(() => Task.FromResult(Of(second).Epoch is not null));
        var took = TimeProvider.System.GetElapsedTime(since);
        TestContext.Current.TestOutputHelper?.WriteLine($"taken over {took.TotalSeconds:0.0} s after the last sign of life");
        took.ShouldBeLessThan(TimeSpan.FromMinutes(1), "what a machine that stalls may make of it");
        (PrimaryLease.Length + PrimaryLease.Renew).ShouldBeLessThan(TimeSpan.FromSeconds(10), "what it takes on a machine that keeps up");
        (await second.SqlAsync<string>($"select data ->> 'holder_id' from events where kind = '{HoldPrimary.Changed}' and (data ->> 'epoch')::bigint = {silenced.Epoch + 1}", Stop)).ShouldBe(Of(second).Self.Id.ToString());
        Of(first).Epoch.ShouldBeNull("it knows by its own clock that its lease may be another's");
        (await MayWriteAsync(first, silenced.Epoch)).ShouldBeFalse();
        await LeaseTests.Eventually(async () => Of(second).Epoch is { } epoch && await MayWriteAsync(second, epoch));
    }

    [Fact]
    public async Task A_host_that_stops_gives_the_lease_back_and_the_next_one_does_not_wait_for_its_end()
    {
        var database = await TestCluster.CreateDatabaseAsync(Stop);
        var first = await RunningHost.StartAsync(Stop, database);
        await LeaseTests.Eventually(() => Task.FromResult(Of(first).Epoch is not null));
        await using var second = await RunningHost.StartAsync(Stop, database);
        await first.DisposeAsync();
        var taken = second.Services.GetRequiredService<HoldPrimary>().NextCycleAsync();
        await taken;
        await LeaseTests.Eventually(() => Task.FromResult(Of(second).Epoch >= 2));
    }

    [Fact]
    public async Task What_may_be_under_way_is_the_founders_to_say_and_checked()
    {
        (await Host.Client((await AgentAsync()).Key).SendAsync(HttpMethod.Put, "orchestrator/policy", "{}"u8.ToArray(), null, Stop)).Code.ShouldBe("forbidden");
        var refused = await Founder.SendAsync(HttpMethod.Put, "orchestrator/policy", """{"most_per_project":0,"repeated_calls":1}"""u8.ToArray(), null, Stop);
        refused.Body!["errors"]!.AsObject().Select(e => e.Key).ShouldBe(["most_per_project", "repeated_calls"]);
        (await Founder.SendAsync(HttpMethod.Put, "orchestrator/policy", """{"most_per_project":3}"""u8.ToArray(), null, Stop)).Body!["most_per_project"]!.GetValue<int>().ShouldBe(3);
        (await Founder.GetAsync("orchestrator", Stop)).Body!["policy"]!["most_per_project"]!.GetValue<int>().ShouldBe(3);
    }

    private static Primary Of(RunningHost host) => host.Services.GetRequiredService<Primary>();

    private Task<bool> MayWriteAsync(RunningHost host, long epoch) =>
        host.Services.GetRequiredService<Transactions>().RunAsync(Caller.Host, (unit, ct) => Of(host).HoldAsync(unit, epoch, ct), Stop);

    // The primary's next renewal waits for a row that somebody else has, and gets no further. The row looks new, or its observer would wait for it too, to clear it away.
    private async Task<Silenced> SilencedAsync(string database)
    {
        var connection = new NpgsqlConnection(database);
        await connection.OpenAsync(Stop);
        while (true)
        {
            await AskAsync<object>("update leadership_candidates c set seen_at = clock_timestamp() + interval '1 hour' from leaderships l where l.holder_id = c.holder_id");
            var transaction = await connection.BeginTransactionAsync(Stop);
            var locked = await AskAsync<Guid?>("select holder_id from leadership_candidates where seen_at > clock_timestamp() + interval '30 minutes' and holder_id = (select holder_id from leaderships) for update");
            if (locked is { } holder && await AskAsync<long?>($"select epoch from leaderships where holder_id = '{holder}' and expires_at > clock_timestamp()") is { } epoch)
            {
                return new Silenced(connection, holder, epoch);
            }

            await transaction.DisposeAsync();
        }

        async Task<T?> AskAsync<T>(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            return (T?)await command.ExecuteScalarAsync(Stop);
        }
    }

    private sealed record Silenced(NpgsqlConnection Held, Guid Holder, long Epoch) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Held.DisposeAsync();
    }
}
