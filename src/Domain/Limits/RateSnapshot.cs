namespace ControlCenter.Domain.Limits;

/// <summary>
/// What a limiter remembers, told by age and not by clock, so that another process with another monotonic origin can go on
/// from it (CB-12: limits survive a restart).
/// </summary>
/// <param name="Admitted">What was admitted in the minute before, oldest first.</param>
/// <param name="BurstAge">How long ago the burst under way began; null if there is none.</param>
public sealed record RateSnapshot(IReadOnlyList<AdmittedRequests> Admitted, TimeSpan? BurstAge);

/// <summary>Requests that were admitted close together.</summary>
/// <param name="Age">How long before the snapshot the last of them was admitted; under one minute.</param>
/// <param name="Count">How many; at least 1.</param>
public readonly record struct AdmittedRequests(TimeSpan Age, int Count);
