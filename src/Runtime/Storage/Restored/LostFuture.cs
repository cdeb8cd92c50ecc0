namespace ControlCenter.Runtime.Storage.Restored;

/// <summary>The time that a restore takes back: what happened in it is not known here, and to others it has happened.</summary>
/// <param name="BaseSnapshot">The snapshot that the restore began from.</param>
/// <param name="To">The moment that was restored.</param>
/// <param name="Now">The moment at which it is.</param>
public sealed record LostFuture(string BaseSnapshot, DateTimeOffset To, DateTimeOffset Now)
{
    // More than any PostgreSQL commits of anything; what is measured here is some ten thousand a second.
    private const long MostPerSecond = 100_000;

    // The clock of the machine that restores may be behind that of the one that is lost.
    private static readonly TimeSpan ClockError = TimeSpan.FromDays(1);

    private const long Round = 1_000_000_000;

    /// <summary>The lost time has given out no more numbers than this of any kind: numbers go on beyond it. A multiple of a thousand million.</summary>
    public long Jump => ((long)(Lasted.TotalSeconds * MostPerSecond / Round) + 1) * Round;

    /// <summary>The same of what people and agents open one by one (tickets): ten a second over the time.</summary>
    public long SmallJump => (long)(Lasted.TotalSeconds * 10);

    /// <summary>Why something ended, in words.</summary>
    public string Why => string.Create(System.Globalization.CultureInfo.InvariantCulture,
        $"The database was restored to {To.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC: whatever was done since is not known here.");

    private TimeSpan Lasted => (Now > To ? Now - To : TimeSpan.Zero) + ClockError;
}
