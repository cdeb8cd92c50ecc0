using System.Buffers;
using System.Text.Json;

namespace ControlCenter.Domain.Execution;

/// <summary>What a definition's list of tools makes of one call.</summary>
public enum ToolVerdict
{
    /// <summary>It is let through.</summary>
    Allowed,

    /// <summary>It is refused.</summary>
    Refused,

    /// <summary>It cannot be told from the call alone: the agent's own program decides by what it touches.</summary>
    Unjudged,
}

/// <summary>
/// Says of a tool call that was made what another list of tools would have made of it (AR-08): by the words of each adapter's own program, which
/// is who keeps to the list.
/// </summary>
public static class ToolPolicy
{
    // What Claude Code reads, looks up and notes for itself asks nobody, unless it leaves the folder that it works in.
    private static readonly HashSet<string> AsksBySubject = new(StringComparer.Ordinal) { "Glob", "Grep", "Read", "Skill", "Task", "TaskOutput", "TaskStop", "TodoWrite" };

    // A command of several is asked about part by part.
    private static readonly SearchValues<char> Joints = SearchValues.Create("&|;\n`$><");

    /// <summary>Judges a call.</summary>
    /// <param name="adapter">The adapter of the agent that made it.</param>
    /// <param name="tools">The list; an empty one is the adapter's own, which allows all that there is.</param>
    /// <param name="tool">The tool, as its program names it.</param>
    /// <param name="arguments">Its arguments, as JSON or, of a command, as text.</param>
    public static ToolVerdict Judge(string adapter, IReadOnlyList<string> tools, string tool, string arguments)
    {
        ArgumentNullException.ThrowIfNull(tools);
        ArgumentNullException.ThrowIfNull(tool);
        return tools.Count == 0 ? ToolVerdict.Allowed : adapter switch
        {
            "claude-code" => ByClaudeCode(tools, tool, arguments),

            // Its own commands and edits are bounded by its sandbox; the list is of the tools of ours.
            "codex" => tool.LastIndexOf('/') is var at and >= 0 ? Listed(tools, tool[(at + 1)..]) : ToolVerdict.Allowed,
            _ => Listed(tools, tool),
        };
    }

    private static ToolVerdict Listed(IReadOnlyList<string> tools, string tool) => tools.Contains(tool) ? ToolVerdict.Allowed : ToolVerdict.Refused;

    private static ToolVerdict ByClaudeCode(IReadOnlyList<string> tools, string tool, string arguments)
    {
        var best = AsksBySubject.Contains(tool) ? ToolVerdict.Unjudged : ToolVerdict.Refused;
        foreach (var entry in tools)
        {
            var verdict = ByEntry(entry, tool, arguments);
            if (verdict == ToolVerdict.Allowed)
            {
                return ToolVerdict.Allowed;
            }

            best = verdict == ToolVerdict.Unjudged ? ToolVerdict.Unjudged : best;
        }

        return best;
    }

    // Name, mcp__server, mcp__server__*, Name(rule).
    private static ToolVerdict ByEntry(string entry, string tool, string arguments)
    {
        if (entry == tool)
        {
            return ToolVerdict.Allowed;
        }

        if (entry.StartsWith("mcp__", StringComparison.Ordinal))
        {
            var server = entry.EndsWith("__*", StringComparison.Ordinal) ? entry[..^3] : entry;
            return server.IndexOf("__", 5, StringComparison.Ordinal) < 0 && tool.StartsWith(server + "__", StringComparison.Ordinal) ? ToolVerdict.Allowed : ToolVerdict.Refused;
        }

        return !entry.EndsWith(')') || !entry.StartsWith(tool + "(", StringComparison.Ordinal) ? ToolVerdict.Refused
            : tool == "Bash" && CommandOf(arguments) is { } command ? ByRule(entry[(tool.Length + 1)..^1], command)
            : ToolVerdict.Unjudged;
    }

    private static ToolVerdict ByRule(string rule, string command)
    {
        if (command == rule)
        {
            return ToolVerdict.Allowed;
        }

        var prefix = rule.EndsWith(":*", StringComparison.Ordinal) ? rule[..^2] : null;
        var fits = prefix is not null && (command == prefix || command.StartsWith(prefix + " ", StringComparison.Ordinal));
        return command.AsSpan().ContainsAny(Joints) ? ToolVerdict.Unjudged
            : fits ? ToolVerdict.Allowed
            : rule.Contains('*', StringComparison.Ordinal) && prefix is null ? ToolVerdict.Unjudged
            : ToolVerdict.Refused;
    }

    private static string? CommandOf(string arguments)
    {
        try
        {
            using var json = JsonDocument.Parse(arguments);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("command", out var command) ? command.GetString()?.Trim() : null;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // What was cut off is not known, and so not judged.
            return null;
        }
    }
}
