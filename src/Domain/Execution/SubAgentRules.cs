namespace ControlCenter.Domain.Execution;

/// <summary>What an agent may have started for itself: never more than it is and has (AR-08, WG-09).</summary>
public static class SubAgentRules
{
    /// <summary>Why a sub-agent of this definition would be more than its parent; null if it would not.</summary>
    /// <param name="parent">The parent's definition, as narrowed by its own parents.</param>
    /// <param name="child">The sub-agent's.</param>
    public static string? Widening(AgentDefinition parent, AgentDefinition child)
    {
        if (parent.Limits.Depth < 1)
        {
            return $"'{parent.Name}' may have no sub-agents: its depth is used up.";
        }

        var capabilities = child.Capabilities.Except(parent.Capabilities, StringComparer.Ordinal).ToList();
        if (capabilities.Count > 0)
        {
            return $"'{child.Name}' can {string.Join(", ", capabilities)}, which '{parent.Name}' cannot.";
        }

        // No tools named means all of the adapter's own, which is more than any list.
        if (parent.Tools.Count == 0)
        {
            return null;
        }

        var tools = child.Tools.Except(parent.Tools, StringComparer.Ordinal).ToList();
        return child.Tools.Count == 0 ? $"'{child.Name}' names no tools, and so has all of its adapter's; '{parent.Name}' has only {string.Join(", ", parent.Tools)}."
            : tools.Count > 0 ? $"'{child.Name}' uses {string.Join(", ", tools)}, which '{parent.Name}' may not."
            : null;
    }

    /// <summary>The sub-agent's definition within its parent's limits.</summary>
    public static AgentDefinition Narrow(AgentDefinition parent, AgentDefinition child) => child with
    {
        Limits = child.Limits with
        {
            Iterations = Math.Min(child.Limits.Iterations, parent.Limits.Iterations),
            ToolCallSeconds = Math.Min(child.Limits.ToolCallSeconds, parent.Limits.ToolCallSeconds),
            Tokens = Least(child.Limits.Tokens, parent.Limits.Tokens),
            WallSeconds = (int?)Least(child.Limits.WallSeconds, parent.Limits.WallSeconds),
            MemoryMb = (int?)Least(child.Limits.MemoryMb, parent.Limits.MemoryMb),
            Depth = Math.Min(child.Limits.Depth, parent.Limits.Depth - 1),
            FanOut = Math.Min(child.Limits.FanOut, parent.Limits.FanOut),
        },
    };

    private static long? Least(long? one, long? other) => one is null ? other : other is null ? one : Math.Min(one.Value, other.Value);
}
