using ControlCenter.Runtime.Jobs;

namespace ControlCenter.Dashboard.Jobs;

/// <summary>A pin while it is typed: why, and of which time.</summary>
/// <param name="now">Now, by the host's clock.</param>
public sealed class PinDraft(DateTimeOffset now)
{
    // Most incidents are noticed, and over, within a day; what is left out of the stretch goes by the policies.
    private static readonly TimeSpan Before = TimeSpan.FromDays(1);

    /// <summary>Why.</summary>
    public string Title { get; set; } = "";

    /// <summary>From when; null while it is empty.</summary>
    public DateTimeOffset? From { get; set; } = ToTheMinute(now) - Before;

    /// <summary>To when; null while it is empty.</summary>
    public DateTimeOffset? To { get; set; } = ToTheMinute(now);

    /// <summary>What is missing before it can be sent; null if nothing is.</summary>
    public string? Missing => From is null ? "Say from when." : To is null ? "Say to when." : null;

    /// <summary>As it is sent, once nothing is missing.</summary>
    public PinHistoryRequest ToRequest() => new(Title.Trim(), From!.Value, To!.Value);

    private static DateTimeOffset ToTheMinute(DateTimeOffset at) => new(at.Ticks - (at.Ticks % TimeSpan.TicksPerMinute), at.Offset);
}
