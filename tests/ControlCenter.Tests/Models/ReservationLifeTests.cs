using ControlCenter.Runtime.Governance;
using ControlCenter.TestSupport;
using ControlCenter.TestSupport.Models;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Models;

/// <summary>What is set aside lives as long as its call, and no longer.</summary>
public sealed class ReservationLifeTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_call_that_is_under_way_is_never_declared_lost_however_long_its_provider_takes()
    {
        var clock = new TestClock();
        await using var gateway = new GatewayFixture { Clock = clock };
        await gateway.InitializeAsync();
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Slow, Stop, providerId: GatewayFixture.Patient);
        gateway.Provider.LetOneThrough(module.Upstream);
        using var answer = await gateway.AskAsync("/v1/messages", module.Id, stream: true, Stop);

        // By the host's clock far beyond its age, and each time about to run out by the database's.
        for (var i = 0; i < 10; i++)
        {
            await gateway.Host.SqlAsync<int>("with e as (update budget_reservations set expires_at = clock_timestamp() + interval '20 s' returning 1) select count(*)::int from e", Stop);
            var renewed = gateway.Host.Services.GetRequiredService<RenewReservations>().NextCycleAsync();
            clock.Advance(RenewReservations.Interval);
            await renewed.WaitAsync(Stop);
            (await gateway.Host.SqlAsync<bool>("select expires_at > clock_timestamp() + interval '200 s' from budget_reservations", Stop)).ShouldBeTrue();
        }

        (await gateway.Host.SqlAsync<long>("select count(*) from cost_events", Stop)).ShouldBe(0);
        gateway.Provider.LetOneThrough(module.Upstream, 100);
        (await answer.Content.ReadAsStringAsync(Stop)).ShouldContain("message_stop");
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (await gateway.Host.SqlAsync<long>("select count(*) from cost_events where call_end = 'completed'", Stop) == 0)
        {
            await timer.WaitForNextTickAsync(Stop);
        }

        (await gateway.Host.SqlAsync<long>("select count(*) from budget_reservations", Stop)).ShouldBe(0);
        await gateway.Host.Services.GetRequiredService<UnsettledCalls>().SettledAsync(Stop);
        gateway.Host.Services.GetRequiredService<LiveReservations>().All().ShouldBeEmpty();
    }
}
