using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Work;

namespace ControlCenter.Dashboard.Work;

/// <summary>A task while it is being written.</summary>
internal sealed class TaskDraft
{
    public string Title { get; set; } = "";

    public string? Instructions { get; set; }

    public string? Capabilities { get; set; }

    public string[] DependsOn { get; set; } = [];

    public int Priority { get; set; } = Domain.Work.Priority.Default;

    public int MaxAttempts { get; set; } = 3;

    public int LeaseSeconds { get; set; } = 60;

    /// <summary>The request that it makes.</summary>
    public CreateTaskRequest ToRequest() => new(
        Title,
        string.IsNullOrWhiteSpace(Instructions) ? null : Instructions,
        Capabilities?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
        DependsOn.Select(Guid.Parse).ToArray(),
        Priority, MaxAttempts, LeaseSeconds);
}
