using ControlCenter.Domain.Access;
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
        await using var first = await RunningHost.StartAsync(Stop, database);
        await LeaseTests.Eventually(() => Task.FromResult(Of(first).Epoch is not null));
        var epoch = Of(first).Epoch!.Value;
        await using var second = await RunningHost.StartAsync(Stop, database);
        using var asked = second.Client();
        await LeaseTests.Eventually(async () => (await asked.GetAsync("orchestrator", Stop)).Body!["observers"]!.AsArray().Count == 1);
        (await asked.GetAsync("orchestrator", Stop)).Body!["this_host"]!.GetValue<bool>().ShouldBeFalse();
        Of(second).Epoch.ShouldBeNull();

        // It falls silent without a word, as one that is stopped or cut off does.
        await using var held = await HeldUpAsync(first);
        var since = TimeProvider.System.GetTimestamp();
        await LeaseTests.Eventually(() => Task.FromResult(Of(second).Epoch is not null));
        var took = TimeProvider.System.GetElapsedTime(since);
        TestContext.Current.TestOutputHelper?.WriteLine($"taken over {took.TotalSeconds:0.0} s after the last sign of life");
        took.ShouldBeLessThan(TimeSpan.FromSeconds(10));
        Of(second).Epoch!.Value.ShouldBe(epoch + 1);
        Of(first).Epoch.ShouldBeNull("it knows by its own clock that its lease may be another's");
        (await MayWriteAsync(first, epoch)).ShouldBeFalse();
        (await MayWriteAsync(second, epoch + 1)).ShouldBeTrue();
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
        await LeaseTests.Eventually(() => Task.FromResult(Of(second).Epoch == 2));
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

    // Its next renewal waits for a row that somebody else has, and gets no further.
    private async Task<IAsyncDisposable> HeldUpAsync(RunningHost host)
    {
        var connection = new NpgsqlConnection(host.ConnectionString);
        await connection.OpenAsync(Stop);
        await connection.BeginTransactionAsync(Stop);
        await using var command = new NpgsqlCommand("select 1 from leadership_candidates where holder_id = @id for update", connection);
        command.Parameters.AddWithValue("id", Of(host).Self.Id);
        await command.ExecuteScalarAsync(Stop);
        return connection;
    }
}
