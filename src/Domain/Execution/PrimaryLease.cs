namespace ControlCenter.Domain.Execution;

/// <summary>How one of several hosts is the primary (OR-03): by a lease that it renews, and another takes over when it does not.</summary>
public static class PrimaryLease
{
    /// <summary>How long it lasts unless renewed, by the database's clock: 6 s. With <see cref="Renew"/> a takeover is done within 8 s of the primary's last sign of life.</summary>
    public static readonly TimeSpan Length = TimeSpan.FromSeconds(6);

    /// <summary>How often it is renewed, and looked at by those who wait: 2 s.</summary>
    public static readonly TimeSpan Renew = TimeSpan.FromSeconds(2);

    /// <summary>
    /// From the moment on which the last renewal was asked for, by the primary's own monotonic time, until it no longer takes itself for
    /// the primary: 5 s. The database's six begin later than that, so nobody else can be it before.
    /// </summary>
    public static readonly TimeSpan Trusted = TimeSpan.FromSeconds(5);

    /// <summary>An observer that was not seen for so long is gone: 10 s.</summary>
    public static readonly TimeSpan ObserverGone = TimeSpan.FromSeconds(10);
}
