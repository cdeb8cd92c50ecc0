namespace ControlCenter.Runtime.EventLog;

/// <summary>How long events are kept (blueprint 12.8: by explicit rule).</summary>
/// <param name="Days">At least so many; null for ever. Whole months go, so an event may stay up to a month longer.</param>
public sealed record EventRetention(int? Days)
{
    /// <summary>Nothing is removed. The default: what a founder has not decided to lose is kept.</summary>
    public static readonly EventRetention ForEver = new((int?)null);

    /// <summary>A week: who was away over a holiday still resumes where it was.</summary>
    public const int LeastDays = 7;

    /// <summary>A hundred years, which is for ever without a date that overflows.</summary>
    public const int MostDays = 36_500;
}
