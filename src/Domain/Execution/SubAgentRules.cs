namespace ControlCenter.Domain.Execution;

/// <summary>What an agent may have started for itself: never more than it is and has (AR-08, WG-09).</summary>
public static class SubAgentRules
{
    private const string Given = "value:";

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

        return Reaching(parent, child) ?? MoreTools(parent, child);
    }

    /// <summary>The sub-agent's definition within its parent's limits, and on hosts only that its parent could be on.</summary>
    public static AgentDefinition Narrow(AgentDefinition parent, AgentDefinition child) => child with
    {
        HostLabels = [.. child.HostLabels.Union(parent.HostLabels, StringComparer.Ordinal)],
        Limits = child.Limits with
        {
            Iterations = Math.Min(child.Limits.Iterations, parent.Limits.Iterations),
            ToolCallSeconds = Math.Min(child.Limits.ToolCallSeconds, parent.Limits.ToolCallSeconds),
            CommandSeconds = Math.Min(child.Limits.CommandSeconds, parent.Limits.CommandSeconds),
            DiskMb = (int?)Least(child.Limits.DiskMb, parent.Limits.DiskMb),
            Tokens = Least(child.Limits.Tokens, parent.Limits.Tokens),
            WallSeconds = (int?)Least(child.Limits.WallSeconds, parent.Limits.WallSeconds),
            MemoryMb = (int?)Least(child.Limits.MemoryMb, parent.Limits.MemoryMb),
            Depth = Math.Min(child.Limits.Depth, parent.Limits.Depth - 1),
            FanOut = Math.Min(child.Limits.FanOut, parent.Limits.FanOut),
        },
    };

    // What a host reads, checks out, calls or starts for a child is the parent's own, or the parent could have it done for itself by way of the child.
    private static string? Reaching(AgentDefinition parent, AgentDefinition child)
    {
        var (has, asks) = (parent.Environment, child.Environment);
        var known = has.Values.ToHashSet(StringComparer.Ordinal);
        return asks.Where(e => !e.Value.StartsWith(Given, StringComparison.Ordinal) && !known.Contains(e.Value)).Select(e => e.Key).ToList() is { Count: > 0 } variables
                ? Foreign($"environment ({string.Join(", ", variables)})")
            : child.Workspace.Repository is { } repository && repository != parent.Workspace.Repository ? Foreign("workspace.repository")
            : child.Url is { } url && url != parent.Url ? Foreign("url")
            : child.Command.Count > 0 && !child.Command.SequenceEqual(parent.Command, StringComparer.Ordinal) ? Foreign("command")
            : child.Hooks.Any(h => !parent.Hooks.Any(p => p.On == h.On && p.Command.SequenceEqual(h.Command, StringComparer.Ordinal))) ? Foreign("hook")
            : null;

        string Foreign(string field) => $"'{child.Name}' has a {field} that '{parent.Name}' does not have.";
    }

    private static string? MoreTools(AgentDefinition parent, AgentDefinition child)
    {
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

    private static long? Least(long? one, long? other) => one is null ? other : other is null ? one : Math.Min(one.Value, other.Value);
}
