using System.Collections.Concurrent;
using System.Threading.Channels;
using ControlCenter.Domain.Models;

namespace ControlCenter.Runtime.Models;

/// <summary>How one breaker stands.</summary>
/// <param name="Id">Provider and module, with a colon between.</param>
/// <param name="Provider">Which provider.</param>
/// <param name="Module">Which of its modules.</param>
/// <param name="State">Whether calls pass.</param>
/// <param name="Health">How the module is.</param>
/// <param name="Failures">In a row.</param>
/// <param name="OpenUntil">From when one call may try.</param>
/// <param name="ThrottledUntil">Until when the provider asked not to be called.</param>
public sealed record BreakerView(
    string Id, string Provider, string Module, BreakerState State, ModuleHealth Health, int Failures, DateTimeOffset? OpenUntil, DateTimeOffset? ThrottledUntil);

/// <summary>The breakers of this host, one a provider and module.</summary>
public sealed class Breakers(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, Breaker> _breakers = new(StringComparer.Ordinal);

    // Far more than there are modules: openings and closings only, and never a call's wait.
    private readonly Channel<BreakerView> _changes = Channel.CreateBounded<BreakerView>(new BoundedChannelOptions(10_000) { FullMode = BoundedChannelFullMode.DropOldest });

    /// <summary>Those that have opened or closed, to be written down.</summary>
    internal ChannelReader<BreakerView> Changes => _changes.Reader;

    /// <summary>The id of a module's breaker.</summary>
    public static string IdOf(Module module) => $"{module.Provider}:{module.Id}";

    /// <summary>Asks for a call to pass. Who passes says how it ended: one of the four below, once.</summary>
    /// <returns>Null if it may; otherwise how long not.</returns>
    public TimeSpan? TryPass(Module module) => With(module, (breaker, now) => breaker.TryPass(now) ? (TimeSpan?)null : breaker.WaitAt(now));

    /// <summary>Whether the provider asked for patience.</summary>
    public bool IsThrottled(Module module) => With(module, (breaker, now) => breaker.IsThrottledAt(now));

    /// <summary>It answered.</summary>
    public void Succeeded(Module module) => Change(module, (breaker, _) => breaker.Succeeded());

    /// <summary>It failed.</summary>
    public void Failed(Module module) => Change(module, (breaker, now) => breaker.Failed(now));

    /// <summary>It asked for patience.</summary>
    public void Throttled(Module module, TimeSpan wait) => Change(module, (breaker, now) => breaker.Throttled(now + wait));

    /// <summary>The call told nothing of the module.</summary>
    public void Abandoned(Module module) => Change(module, (breaker, _) => breaker.Abandoned());

    /// <summary>Lets calls pass again at once.</summary>
    public void Reset(string id)
    {
        if (_breakers.TryGetValue(id, out var breaker))
        {
            lock (breaker)
            {
                breaker.Reset();
            }
        }
    }

    /// <summary>Goes on from what was kept.</summary>
    public void Restore(string id, int failures, DateTimeOffset openUntil) => _breakers.TryAdd(id, Breaker.Restore(failures, openUntil));

    /// <summary>How a module's breaker stands.</summary>
    public BreakerView View(Module module) => With(module, (breaker, now) => ViewOf(module, breaker, now));

    private static BreakerView ViewOf(Module module, Breaker breaker, DateTimeOffset now) => new(
        IdOf(module), module.Provider, module.Id, breaker.State, breaker.HealthAt(now), breaker.Failures,
        breaker.OpenUntil, breaker.IsThrottledAt(now) ? breaker.ThrottledUntil : null);

    private void Change(Module module, Action<Breaker, DateTimeOffset> change) => With(module, (breaker, now) =>
    {
        var before = breaker.State;
        change(breaker, now);

        // A probe that failed opens it again: that is no news.
        if ((before == BreakerState.Closed) != (breaker.State == BreakerState.Closed))
        {
            _changes.Writer.TryWrite(ViewOf(module, breaker, now));
        }

        return true;
    });

    private T With<T>(Module module, Func<Breaker, DateTimeOffset, T> use)
    {
        var breaker = _breakers.GetOrAdd(IdOf(module), static _ => new Breaker());
        lock (breaker)
        {
            return use(breaker, time.GetUtcNow());
        }
    }
}
