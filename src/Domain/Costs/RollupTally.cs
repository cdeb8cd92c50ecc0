namespace ControlCenter.Domain.Costs;

/// <summary>Costs in one currency, as they were charged. Null where none of them is known.</summary>
/// <param name="Currency">ISO 4217.</param>
/// <param name="Estimated">The sum of the estimates.</param>
/// <param name="Billed">The sum of the bills.</param>
/// <param name="Cost">The bill where there is one, else the estimate.</param>
public readonly record struct CostSum(string Currency, decimal? Estimated, decimal? Billed, decimal Cost);

/// <summary>A sum that is being made.</summary>
public sealed class RollupTally
{
    private readonly List<CostSum> _costs = new(1);

    /// <summary>Uses.</summary>
    public long Requests { get; set; }

    /// <summary>Uses that failed.</summary>
    public long Failures { get; set; }

    /// <summary>Attempts after the first.</summary>
    public long Retries { get; set; }

    /// <summary>Uses of which nobody knows what they cost.</summary>
    public long Unknown { get; set; }

    /// <summary>What went in; null if nothing is known of it.</summary>
    public decimal? UnitsIn { get; set; }

    /// <summary>What came out.</summary>
    public decimal? UnitsOut { get; set; }

    /// <summary>The costs, each in its currency.</summary>
    public IReadOnlyList<CostSum> Costs => _costs;

    /// <summary>How long uses took.</summary>
    public LatencyHistogram Latencies { get; init; } = new();

    /// <summary>Adds an event.</summary>
    public void Add(CostFact fact)
    {
        Requests += fact.Requests;
        Failures += fact.Failures;
        Retries += fact.Retries;
        Unknown += fact.Unknown;
        UnitsIn = Sum(UnitsIn, fact.UnitsIn);
        UnitsOut = Sum(UnitsOut, fact.UnitsOut);
        if (fact.Currency is { } currency && (fact.Billed ?? fact.Estimated) is { } cost)
        {
            Add(new CostSum(currency, fact.Estimated, fact.Billed, cost));
        }

        if (fact.LatencyMs is { } latency)
        {
            Latencies.Add(latency);
        }
    }

    /// <summary>Adds all of another.</summary>
    public void Add(RollupTally other)
    {
        Requests += other.Requests;
        Failures += other.Failures;
        Retries += other.Retries;
        Unknown += other.Unknown;
        UnitsIn = Sum(UnitsIn, other.UnitsIn);
        UnitsOut = Sum(UnitsOut, other.UnitsOut);
        foreach (var cost in other._costs)
        {
            Add(cost);
        }

        Latencies.Add(other.Latencies);
    }

    /// <summary>Adds costs in one currency.</summary>
    public void Add(CostSum costs)
    {
        var place = _costs.FindIndex(c => c.Currency == costs.Currency);
        if (place < 0)
        {
            _costs.Add(costs);
        }
        else
        {
            var before = _costs[place];
            _costs[place] = new CostSum(costs.Currency, Sum(before.Estimated, costs.Estimated), Sum(before.Billed, costs.Billed), before.Cost + costs.Cost);
        }
    }

    // Not known and not known is not zero.
    private static decimal? Sum(decimal? left, decimal? right) => left is null ? right : left + (right ?? 0);
}

/// <summary>Sums of many events: every dimension, the grains that are asked for.</summary>
public sealed class RollupTallies
{
    private readonly Dictionary<RollupKey, RollupTally> _tallies = [];

    /// <summary>The sums.</summary>
    public IReadOnlyDictionary<RollupKey, RollupTally> All => _tallies;

    /// <summary>Adds an event to the sums of its periods.</summary>
    public void Add(CostFact fact, params ReadOnlySpan<RollupGrain> grains)
    {
        foreach (var grain in grains)
        {
            var period = grain.StartOf(fact.At);
            for (var dimension = 0; dimension < fact.Keys.Length; dimension++)
            {
                Of(new RollupKey((RollupDimension)dimension, grain, period, fact.Keys[dimension])).Add(fact);
            }
        }
    }

    /// <summary>Adds a sum to the sums of the longer period that it is in.</summary>
    public void Add(RollupKey key, RollupTally tally, RollupGrain grain) =>
        Of(key with { Grain = grain, Period = grain.StartOf(key.Period) }).Add(tally);

    /// <summary>Adds the hours' sums to those of their days, weeks and months: as many additions as there are sums, not four for each event.</summary>
    public void AddLongerGrains()
    {
        foreach (var (key, tally) in _tallies.Where(t => t.Key.Grain == RollupGrain.Hour).ToList())
        {
            Add(key, tally, RollupGrain.Day);
            Add(key, tally, RollupGrain.Week);
            Add(key, tally, RollupGrain.Month);
        }
    }

    /// <summary>Takes out what has ended by a time.</summary>
    public List<KeyValuePair<RollupKey, RollupTally>> TakeEndedBy(DateTimeOffset time)
    {
        var ended = _tallies.Where(t => t.Key.Grain.Next(t.Key.Period) <= time).ToList();
        ended.ForEach(t => _tallies.Remove(t.Key));
        return ended;
    }

    private RollupTally Of(RollupKey key)
    {
        ref var tally = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_tallies, key, out _);
        return tally ??= new RollupTally();
    }
}
