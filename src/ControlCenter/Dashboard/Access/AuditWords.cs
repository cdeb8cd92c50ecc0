using System.Text.Json;
using ControlCenter.Dashboard.Components;
using ControlCenter.Runtime.Access;

namespace ControlCenter.Dashboard.Access;

/// <summary>A line of the audit, for people.</summary>
internal static class AuditWords
{
    private const int Longest = 240;

    /// <summary>What it was done to.</summary>
    public static string SubjectOf(AuditView line) =>
        line.SubjectName ?? (LinkOf(line) is null || IsOf(line, "job:") ? PlainText.Of(line.Subject ?? "") : IsOf(line, "budget:") ? "a budget" : "an escalation");

    /// <summary>Where that can be seen, if anywhere.</summary>
    public static string? LinkOf(AuditView line) =>
        IsOf(line, "escalation:") ? $"/escalations/{line.Subject!["escalation:".Length..]}"
        : IsOf(line, "budget:") ? $"/budgets/{line.Subject!["budget:".Length..]}"
        : IsOf(line, "job:") ? $"/jobs/{line.Subject!["job:".Length..]}"
        : null;

    /// <summary>The rest, as names and values.</summary>
    public static string DetailOf(AuditView line)
    {
        if (line.Detail is not { ValueKind: JsonValueKind.Object } detail)
        {
            return "";
        }

        var text = string.Join(" · ", detail.EnumerateObject()
            .Where(p => p.Value.ValueKind != JsonValueKind.Null && p.Value.ToString() is { Length: > 0 } value && value != line.SubjectName)
            .Select(p => $"{p.Name.Replace('_', ' ')}: {ValueOf(p.Value)}"));
        return PlainText.Of(text.Length > Longest ? string.Concat(text.AsSpan(0, Longest), "…") : text);
    }

    private static bool IsOf(AuditView line, string kind) => line.Subject?.StartsWith(kind, StringComparison.Ordinal) == true;

    private static string ValueOf(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array ? value.GetArrayLength() == 0 ? "none" : string.Join(", ", value.EnumerateArray()) : value.ToString();
}
