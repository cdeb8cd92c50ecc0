using System.Text.RegularExpressions;

namespace ControlCenter.Domain.Tests.Architecture;

/// <summary>Benches of several checkouts run on one machine, and must not meet on a port.</summary>
public sealed class BenchTests
{
    [Fact]
    public void A_bench_names_no_port_but_takes_a_free_one()
    {
        var sources = Directory.EnumerateFiles(Path.Combine(ArrowsTests.Root, "bench"), "*.py").ToList();
        sources.ShouldNotBeEmpty();
        sources.Where(f => Regex.IsMatch(File.ReadAllText(f), @"(127\.0\.0\.1|localhost):\d|Provider\(\d{4}")).ShouldBeEmpty();
    }
}
