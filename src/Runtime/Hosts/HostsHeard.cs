using System.Collections.Concurrent;
using ControlCenter.Domain.Execution;

namespace ControlCenter.Runtime.Hosts;

/// <summary>Which hosts have reported to this bus since it started: silence while nobody listened is no silence of theirs.</summary>
public sealed class HostsHeard(TimeProvider time)
{
    // A runner reports every 15 s at the least, and tries again within a few when the bus was not there.
    private static readonly TimeSpan Grace = RuntimeTimeouts.HostReport + TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<Guid, bool> _heard = new();
    private readonly long _startedAt = time.GetTimestamp();

    /// <summary>Whether every host has had time to report since the start.</summary>
    public bool GraceIsOver => time.GetElapsedTime(_startedAt) >= Grace;

    /// <summary>Those that have reported.</summary>
    public Guid[] Hosts => [.. _heard.Keys];

    /// <summary>A host has reported.</summary>
    public void Note(Guid host) => _heard[host] = true;
}
