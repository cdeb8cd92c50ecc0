namespace ControlCenter.Domain.Execution;

/// <summary>A host as the choice of a slot sees it. Sizes are in MB.</summary>
/// <param name="HostId">Which.</param>
/// <param name="Name">Its name.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Labels">Its labels.</param>
/// <param name="MemoryMb">All of its memory.</param>
/// <param name="MemoryUsedMb">What is used of it, as last reported.</param>
/// <param name="PromisedMb">What those that run or start there may still come to need: the expected of each, less what was measured of it.</param>
/// <param name="DiskMb">The disk.</param>
/// <param name="DiskFreeMb">What is free of it.</param>
/// <param name="Runtimes">How many run or start there.</param>
/// <param name="Probing">What has a first one there whose memory has not been measured yet.</param>
public sealed record HostRoom(
    Guid HostId, string Name, HostState State, IReadOnlyCollection<string> Labels, int MemoryMb, int MemoryUsedMb, int PromisedMb, int DiskMb, int DiskFreeMb,
    int Runtimes, IReadOnlyCollection<Guid> Probing);

/// <summary>What is to be placed.</summary>
/// <param name="DefinitionId">By which definition.</param>
/// <param name="Labels">What its host must have.</param>
/// <param name="ExpectedMb">What 95 of 100 like it needed at the most; null if none has been measured.</param>
/// <param name="OnlyHost">The one host that it can go on at: its session lives there.</param>
/// <param name="MostPerHost">How many may run on one host, whatever room it has (<see cref="AssignmentPolicy.MostPerHost"/>).</param>
public sealed record SlotWish(
    Guid DefinitionId, IReadOnlyCollection<string> Labels, int? ExpectedMb, Guid? OnlyHost = null, int MostPerHost = int.MaxValue);

/// <summary>One host, and what is to be said of it.</summary>
/// <param name="HostId">Which.</param>
/// <param name="Host">Its name.</param>
/// <param name="HeadroomMb">What would be left below the limit after placing; null where it cannot be placed.</param>
/// <param name="Refusal">Why not; null where it can.</param>
public sealed record SlotCandidate(Guid HostId, string Host, int? HeadroomMb, string? Refusal);

/// <summary>Where it goes.</summary>
/// <param name="Chosen">The host; null if it waits.</param>
/// <param name="WaitsFor">Why it waits, in words that stay the same while the reason does; null if it does not.</param>
/// <param name="Candidates">Every host, the best first.</param>
public sealed record SlotChoice(SlotCandidate? Chosen, string? WaitsFor, IReadOnlyList<SlotCandidate> Candidates);

/// <summary>Which host may take a runtime, and which takes it best (AR-21, AR-22): from measured memory, never from a constant number of slots.</summary>
public static class SlotRules
{
    /// <summary>From here on nothing is spawned: 85 % of a host's memory.</summary>
    public const decimal MemoryLimit = 0.85m;

    /// <summary>For five minutes on end, more room is asked for: 75 %.</summary>
    public const decimal ScalingTrigger = 0.75m;

    /// <summary>Below this nothing is spawned: 5 % of the disk free.</summary>
    public const decimal DiskFloor = 0.05m;

    /// <summary>How many of the newest measurements make an expectation.</summary>
    public const int MostSamples = 50;

    /// <summary>Chooses.</summary>
    public static SlotChoice Choose(IReadOnlyCollection<HostRoom> hosts, SlotWish wish)
    {
        var candidates = hosts
            .Select(h => (Room: h, Refusal: RefusalOf(h, wish)))
            .Select(c => (c.Room, Candidate: new SlotCandidate(c.Room.HostId, c.Room.Name, c.Refusal is null ? HeadroomAfter(c.Room, wish) : null, c.Refusal)))
            .OrderByDescending(c => c.Candidate.HeadroomMb ?? int.MinValue).ThenBy(c => c.Room.Runtimes).ThenBy(c => c.Room.Name, StringComparer.Ordinal)
            .Select(c => c.Candidate).ToList();
        return candidates.FirstOrDefault(c => c.Refusal is null) is { } best
            ? new SlotChoice(best, null, candidates)
            : new SlotChoice(null, candidates.Count == 0 ? "no host has joined" : string.Join("; ", candidates.OrderBy(c => c.Host, StringComparer.Ordinal).Select(c => $"{c.Host}: {c.Refusal}")), candidates);
    }

    /// <summary>Why this host may not take it; null if it may.</summary>
    public static string? RefusalOf(HostRoom host, SlotWish wish)
    {
        if (host.State != HostState.Online)
        {
            return host.State switch
            {
                HostState.Draining => "draining",
                HostState.Invited => "has not reported yet",
                HostState.Lost => "lost",
                _ => "has left",
            };
        }

        var missing = wish.Labels.Where(l => !host.Labels.Contains(l)).ToList();
        return missing.Count > 0 ? $"lacks the label {string.Join(", ", missing)}"
            : wish.OnlyHost is { } only && only != host.HostId ? "its session lives on another host"
            : host.Runtimes >= wish.MostPerHost ? $"runs {wish.MostPerHost}, which is the most"
            : host.MemoryUsedMb >= host.MemoryMb * MemoryLimit ? "its memory is used to 85 % or more"
            : host.DiskFreeMb <= host.DiskMb * DiskFloor ? "its disk has 5 % free or less"
            : wish.ExpectedMb is null && host.Probing.Contains(wish.DefinitionId) ? "the first of its kind there has not been measured yet"
            : HeadroomAfter(host, wish) <= 0 ? "with it, memory would be used to 85 % or more"
            : null;
    }

    /// <summary>How many more of a kind would fit; 0 where the host has not reported.</summary>
    public static int FreeSlots(int? memoryMb, int? usedMb, int expectedMb) =>
        memoryMb is { } all && usedMb is { } used ? Math.Max(0, (int)((all * MemoryLimit - used) / Math.Max(1, expectedMb))) : 0;

    private static int HeadroomAfter(HostRoom host, SlotWish wish) =>
        (int)Math.Floor(host.MemoryMb * MemoryLimit) - host.MemoryUsedMb - host.PromisedMb - (wish.ExpectedMb ?? 0);
}
