namespace ControlCenter.Domain.Models;

/// <summary>How a breaker stands.</summary>
public enum BreakerState
{
    /// <summary>Calls pass.</summary>
    Closed,

    /// <summary>No call passes.</summary>
    Open,

    /// <summary>One call passes, to see.</summary>
    HalfOpen,
}

/// <summary>How a module is, in a word (AR-12).</summary>
public enum ModuleHealth
{
    /// <summary>It answers.</summary>
    Healthy,

    /// <summary>It has failed lately, but not often enough to be left alone.</summary>
    Degraded,

    /// <summary>It has failed too often in a row.</summary>
    Down,

    /// <summary>It has asked to be called later. That is no failure.</summary>
    Throttled,
}

/// <summary>Keeps calls away from a module that fails, and tries it again with one.</summary>
/// <remarks>Not safe for several threads at once: whoever keeps it keeps them apart.</remarks>
public sealed class Breaker
{
    /// <summary>Failures in a row until calls are kept away.</summary>
    public const int MostFailures = 5;

    /// <summary>For how long, until one may try.</summary>
    public static readonly TimeSpan OpenFor = TimeSpan.FromSeconds(60);

    private bool _probing;

    /// <summary>How it stands.</summary>
    public BreakerState State { get; private set; }

    /// <summary>Failures in a row.</summary>
    public int Failures { get; private set; }

    /// <summary>From when one call may try; null unless it is open.</summary>
    public DateTimeOffset? OpenUntil { get; private set; }

    /// <summary>Until when the provider asked not to be called.</summary>
    public DateTimeOffset? ThrottledUntil { get; private set; }

    /// <summary>How the module is.</summary>
    public ModuleHealth HealthAt(DateTimeOffset now) =>
        State != BreakerState.Closed ? ModuleHealth.Down
        : IsThrottledAt(now) ? ModuleHealth.Throttled
        : Failures > 0 ? ModuleHealth.Degraded
        : ModuleHealth.Healthy;

    /// <summary>Whether the provider has asked not to be called now.</summary>
    public bool IsThrottledAt(DateTimeOffset now) => ThrottledUntil > now;

    /// <summary>Asks to pass. Whoever passes says how it ended.</summary>
    public bool TryPass(DateTimeOffset now)
    {
        if (State == BreakerState.Open && OpenUntil <= now)
        {
            State = BreakerState.HalfOpen;
        }

        if (State == BreakerState.Closed)
        {
            return true;
        }

        if (State == BreakerState.Open || _probing)
        {
            return false;
        }

        _probing = true;
        return true;
    }

    /// <summary>How long until one may try.</summary>
    public TimeSpan WaitAt(DateTimeOffset now) => OpenUntil > now ? OpenUntil.Value - now : TimeSpan.FromSeconds(1);

    /// <summary>It answered.</summary>
    public void Succeeded() => Reset();

    /// <summary>It failed.</summary>
    public void Failed(DateTimeOffset now)
    {
        Failures++;
        _probing = false;
        if (State == BreakerState.HalfOpen || Failures >= MostFailures)
        {
            (State, OpenUntil) = (BreakerState.Open, now + OpenFor);
        }
    }

    /// <summary>It asked to be called later: it lives, so this is neither a failure nor a success.</summary>
    public void Throttled(DateTimeOffset until)
    {
        ThrottledUntil = until;
        Abandoned();
    }

    /// <summary>The call ended without telling anything of the module: the next one may try.</summary>
    public void Abandoned() => _probing = false;

    /// <summary>As new.</summary>
    public void Reset()
    {
        (State, Failures, OpenUntil, ThrottledUntil, _probing) = (BreakerState.Closed, 0, null, null, false);
    }

    /// <summary>Goes on from what was kept.</summary>
    public static Breaker Restore(int failures, DateTimeOffset? openUntil) => new()
    {
        Failures = failures,
        OpenUntil = openUntil,
        State = openUntil is null ? BreakerState.Closed : BreakerState.Open,
    };
}
