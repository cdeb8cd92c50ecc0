using System.Numerics;

namespace ControlCenter.Domain.Costs;

/// <summary>
/// How long things took, in a form that can be added to and merged: exact below 64 ms, and above it within 3 %
/// (32 buckets for each doubling, as HdrHistogram has them). Only buckets that have something in them take room.
/// </summary>
public sealed class LatencyHistogram
{
    private const int ExactBelow = 64;
    private const int ExactBits = 6;
    private const int PartsOfDoubling = 32;
    private const int PartBits = 5;

    private readonly List<int> _buckets = [];
    private readonly List<int> _counts = [];

    /// <summary>The longest; null if there is none.</summary>
    public int? Longest { get; private set; }

    /// <summary>Reads what <see cref="ToArray"/> wrote.</summary>
    public static LatencyHistogram Of(ReadOnlySpan<int> pairs, int? longest)
    {
        var histogram = new LatencyHistogram { Longest = longest };
        for (var i = 0; i + 1 < pairs.Length; i += 2)
        {
            histogram._buckets.Add(pairs[i]);
            histogram._counts.Add(pairs[i + 1]);
        }

        return histogram;
    }

    /// <summary>Bucket, count, bucket, count; ascending.</summary>
    public int[] ToArray()
    {
        var pairs = new int[_buckets.Count * 2];
        for (var i = 0; i < _buckets.Count; i++)
        {
            (pairs[i * 2], pairs[(i * 2) + 1]) = (_buckets[i], _counts[i]);
        }

        return pairs;
    }

    /// <summary>Adds one.</summary>
    public void Add(int milliseconds)
    {
        var value = Math.Max(0, milliseconds);
        Longest = Math.Max(Longest ?? 0, value);
        Add(BucketOf(value), 1);
    }

    /// <summary>Adds all of another.</summary>
    public void Add(LatencyHistogram other)
    {
        if (other.Longest is { } longest)
        {
            Longest = Math.Max(Longest ?? 0, longest);
        }

        for (var i = 0; i < other._buckets.Count; i++)
        {
            Add(other._buckets[i], other._counts[i]);
        }
    }

    /// <summary>What so large a part of them took at the most; null if there is none.</summary>
    /// <param name="part">0.95 for the 95th percentile.</param>
    public int? Percentile(double part)
    {
        var all = 0L;
        foreach (var count in _counts)
        {
            all += count;
        }

        var left = (long)Math.Ceiling(all * part);
        for (var i = 0; i < _buckets.Count; i++)
        {
            left -= _counts[i];
            if (left <= 0)
            {
                return Math.Min(HighestIn(_buckets[i]), Longest ?? int.MaxValue);
            }
        }

        return null;
    }

    private void Add(int bucket, int count)
    {
        var place = _buckets.BinarySearch(bucket);
        if (place >= 0)
        {
            _counts[place] += count;
        }
        else
        {
            _buckets.Insert(~place, bucket);
            _counts.Insert(~place, count);
        }
    }

    private static int BucketOf(int value)
    {
        if (value < ExactBelow)
        {
            return value;
        }

        var doubling = BitOperations.Log2((uint)value);
        return ExactBelow + ((doubling - ExactBits) * PartsOfDoubling) + (value >> (doubling - PartBits)) - PartsOfDoubling;
    }

    private static int HighestIn(int bucket)
    {
        if (bucket < ExactBelow)
        {
            return bucket;
        }

        var (doubling, part) = Math.DivRem(bucket - ExactBelow, PartsOfDoubling);
        return (int)Math.Min(int.MaxValue, ((PartsOfDoubling + part + 1L) << (doubling + ExactBits - PartBits)) - 1);
    }
}
