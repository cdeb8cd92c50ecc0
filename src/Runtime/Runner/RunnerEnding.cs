namespace ControlCenter.Runtime.Runner;

/// <summary>How a runner came to its end.</summary>
public enum RunnerOutcome
{
    /// <summary>It was told to stop, and nothing of it runs any more.</summary>
    Stopped,

    /// <summary>It made room for another runner on the same folder, which takes up what runs.</summary>
    HandedOver,

    /// <summary>The bus does not let it in.</summary>
    Refused,

    /// <summary>The bus says that this host has left.</summary>
    Left,
}

/// <summary>How a runner is told to end.</summary>
/// <param name="Stop">Ends everything that runs, then itself.</param>
/// <param name="HandOver">Ends itself, and leaves what runs.</param>
public sealed record RunnerEnding(CancellationToken Stop, CancellationToken HandOver = default)
{
    /// <summary>Whether one that is told to stop tells the bus that its host leaves.</summary>
    public bool Leaves { get; init; }
}

/// <summary>What a host says of itself beside its load.</summary>
/// <param name="Version">The program's version.</param>
/// <param name="Surface">The surface that it is, where it is one.</param>
/// <param name="Labels">Its labels; null to keep those that it was let in with.</param>
public sealed record HostFacts(string Version, string? Surface = null, IReadOnlyList<string>? Labels = null);
