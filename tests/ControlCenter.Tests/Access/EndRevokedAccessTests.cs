using ControlCenter.Access;
using ControlCenter.Runtime.Access;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlCenter.Tests.Access;

public sealed class EndRevokedAccessTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task Who_was_let_in_before_the_revocation_and_is_watched_only_after_the_look_that_followed_is_ended_too()
    {
        var (agent, other) = (await AgentAsync(), await AgentAsync());
        var directory = new CallerDirectory(Host.Services.GetRequiredService<NpgsqlDataSource>(), TimeProvider.System);
        using var revoked = new EndRevokedAccess(directory, TimeProvider.System, NullLogger<EndRevokedAccess>.Instance);
        var (key, good) = ((await directory.FindAsync(agent.Key, Stop))!.KeyId, (await directory.FindAsync(other.Key, Stop))!.KeyId);
        await Founder.PostAsync($"actors/{agent.Id}/revoke", null, Stop);
        directory.Forget();
        directory.IsStillRemembered(key).ShouldBeFalse();

        var (early, late) = (new TaskCompletionSource(), new TaskCompletionSource());
        using var first = revoked.Watch(key, early.SetResult);
        using var untouched = revoked.Watch(good, () => throw new InvalidOperationException("This key is good."));
        await revoked.StartAsync(Stop);
        await early.Task.WaitAsync(Stop);

        // By itself it looks again after 30 s.
        using var second = revoked.Watch(key, late.SetResult);
        await late.Task.WaitAsync(TimeSpan.FromSeconds(20), Stop);
        await revoked.StopAsync(Stop);

        (await directory.FindAsync(other.Key, Stop)).ShouldNotBeNull();
        directory.IsStillRemembered(good).ShouldBeTrue();
    }
}
