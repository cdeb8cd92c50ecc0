namespace ControlCenter.Domain.Work;

/// <summary>How urgent: 0 to 4, and 4 is claimed first (bus-api.md: highest priority, then oldest).</summary>
public static class Priority
{
    /// <summary>The least urgent.</summary>
    public const int Lowest = 0;

    /// <summary>The most urgent.</summary>
    public const int Highest = 4;

    /// <summary>What is meant when nothing is said.</summary>
    public const int Default = 2;

    /// <summary>What is wrong with a priority, or null.</summary>
    public static string? Problem(int? priority) =>
        priority is < Lowest or > Highest ? $"Between {Lowest} and {Highest}, where {Highest} is the most urgent; {priority} was given." : null;
}
