namespace ControlCenter.Domain.Work;

/// <summary>One task waits for another of the same bus to be completed.</summary>
public sealed class TaskDependency
{
    /// <summary>The task that waits.</summary>
    public Guid TaskId { get; init; }

    /// <summary>The task that it waits for.</summary>
    public Guid DependsOnId { get; init; }
}

/// <summary>A set of capabilities that tasks require, kept once: claims walk a short list of sets, each in order, however many tasks are ready.</summary>
public sealed class CapabilitySet
{
    /// <summary>Small and stable.</summary>
    public int Id { get; init; }

    /// <summary>Sorted, without duplicates; empty for tasks that anybody may take.</summary>
    public string[] Capabilities { get; init; } = [];
}
