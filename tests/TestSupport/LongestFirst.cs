using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

namespace ControlCenter.TestSupport;

/// <summary>Says of a class whose tests take long, one after another, about how long: it starts before the others, so that a run does not end with it alone.</summary>
/// <param name="seconds">On two processors; only the order counts.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class TakesAttribute(int seconds) : Attribute
{
    /// <summary>Seconds on two processors.</summary>
    public int Seconds { get; } = seconds;
}

/// <summary>Starts the classes that take longest first, and all others in an order that is another each time.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    /// <inheritdoc />
    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection
    {
        // A collection does not say which class it is made for except by its name.
        var seconds = testCollections.OfType<IXunitTestCollection>().Select(c => c.TestAssembly.Assembly).Distinct().SelectMany(a => a.GetTypes())
            .Where(t => t.IsDefined(typeof(TakesAttribute)))
            .ToDictionary(t => $"Test collection for {t.FullName} ", t => t.GetCustomAttribute<TakesAttribute>()!.Seconds);
        var longestFirst = DefaultTestCollectionOrderer.Instance.OrderTestCollections(testCollections)
            .OrderByDescending(c => seconds.FirstOrDefault(s => c.TestCollectionDisplayName.StartsWith(s.Key, StringComparison.Ordinal)).Value).ToList();
        // The runner gives all of them to the thread pool at once, which takes from both ends of what it is given.
        return [.. longestFirst.Where((_, i) => i % 2 == 0), .. longestFirst.Where((_, i) => i % 2 == 1).Reverse()];
    }
}
