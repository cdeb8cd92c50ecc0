using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Tests.Execution;

public sealed class CheckedObservationsTests
{
    private static readonly RuntimeObservation Good = new(Guid.CreateVersion7(), 3, RuntimePhase.Ready, 4711, 99, MemoryMb: 100, CpuPercent: 12.5m, OutputLines: 7, LastTool: "Bash");

    [Fact]
    public void A_good_report_is_kept_as_it_is()
    {
        var looked = CheckedObservations.Of([Good]);
        looked.Problems.ShouldBeEmpty();
        looked.Kept.Single().ShouldBeSameAs(Good);
    }

    [Fact]
    public void What_cannot_be_is_left_out_of_an_observation_and_the_rest_of_it_stands()
    {
        var odd = Good with
        {
            RuntimeId = Guid.CreateVersion7(), MemoryMb = -1, CpuPercent = 20_000_000, OutputLines = -7, NativeSessionId = new string('x', 201), Signature = "two\nlines",
            LastTool = new string('t', 70_000), Detail = "half \ud800 of a pair",
        };
        var looked = CheckedObservations.Of([odd, Good]);
        looked.Problems.Count.ShouldBe(7);
        looked.Problems.ShouldAllBe(p => p.StartsWith($"Runtime {odd.RuntimeId}: "));
        looked.Kept[1].ShouldBeSameAs(Good);
        var kept = looked.Kept[0];
        (kept.MemoryMb, kept.CpuPercent, kept.OutputLines, kept.NativeSessionId, kept.Signature, kept.Detail).ShouldBe((null, null, 0L, null, null, null));
        kept.LastTool!.ShouldStartWith("ttt");
        (kept.Phase, kept.Pid, kept.FencingToken).ShouldBe((RuntimePhase.Ready, 4711, 3L));
    }

    [Fact]
    public void One_that_stands_twice_counts_once_and_one_that_a_host_cannot_have_is_passed_over()
    {
        var looked = CheckedObservations.Of([Good, Good with { MemoryMb = 5 }, Good with { RuntimeId = Guid.CreateVersion7(), Phase = RuntimePhase.Requested }]);
        looked.Kept.ShouldHaveSingleItem().ShouldBeSameAs(Good);
        looked.Problems.Count.ShouldBe(2);
    }

    [Fact]
    public void A_report_is_read_no_further_than_a_host_can_have_runtimes()
    {
        var looked = CheckedObservations.Of([.. Enumerable.Range(0, CheckedObservations.MostRuntimes + 5).Select(_ => Good with { RuntimeId = Guid.CreateVersion7() })]);
        looked.Kept.Count.ShouldBe(CheckedObservations.MostRuntimes);
        looked.Problems.ShouldHaveSingleItem().ShouldContain("1005");
    }
}
