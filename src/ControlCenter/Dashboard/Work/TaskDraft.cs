using ControlCenter.Runtime.Work;

namespace ControlCenter.Dashboard.Work;

/// <summary>A task while it is being written.</summary>
public sealed class TaskDraft
{
    public string Title { get; set; } = "";

    public string? Instructions { get; set; }

    public string? Capabilities { get; set; }

    public int Priority { get; set; } = Domain.Work.Priority.Default;

    public int MaxAttempts { get; set; } = 3;

    public int LeaseSeconds { get; set; } = 60;

    /// <summary>When it is to be done; null for whenever.</summary>
    public DateTimeOffset? DueAt { get; set; }

    /// <summary>The tasks that must be completed first.</summary>
    public HashSet<Guid> DependsOn { get; } = [];

    /// <summary>Makes it wait for a task, or not.</summary>
    public void WaitFor(Guid task, bool wait) => _ = wait ? DependsOn.Add(task) : DependsOn.Remove(task);

    /// <summary>The request that it makes.</summary>
    public CreateTaskRequest ToRequest() => new(
        Title,
        string.IsNullOrWhiteSpace(Instructions) ? null : Instructions,
        Capabilities?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
        [.. DependsOn],
        Priority, MaxAttempts, LeaseSeconds, DueAt);
}
