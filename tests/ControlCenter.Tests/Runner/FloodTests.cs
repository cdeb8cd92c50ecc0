using System.Diagnostics;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Tests.Runner;

/// <summary>An agent that prints without end.</summary>
[Collection(nameof(AloneOnTheMachine))]
public sealed class FloodTests
{
    [Fact]
    public async Task A_flood_is_capped_with_a_note_and_holds_nobody_else_up()
    {
        await using var agents = new Supervised();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var flood = await agents.StartAsync(Supervised.Script("exec yes 'a line of a flood that goes on and on without anything to say'"));
        var other = await agents.StartAsync(Supervised.Script("while read -r line; do echo \"$line\"; done"));
        await agents.UntilAsync(() => flood.Observe().DroppedLines > 200_000, "the flood was capped");
        var delays = new List<TimeSpan>();
        for (var round = 0; round < 20; round++)
        {
            var sentAt = Stopwatch.GetTimestamp();
            other.Put([$"round {round}"]);
            await agents.UntilAsync(() => Supervised.Lines(other).Any(l => l.Source == OutputSource.Out && l.Text == $"round {round}"), "the other was heard");
            delays.Add(Stopwatch.GetElapsedTime(sentAt));
        }

        delays.Order().ElementAt(10).ShouldBeLessThan(TimeSpan.FromSeconds(5));
        // What tests before this one held goes by and by; what a flood filled would only grow while it lasts.
        await agents.UntilAsync(
            () => GC.GetTotalMemory(forceFullCollection: true) - before < 64 << 20, "the flood was kept in little memory", every: TimeSpan.FromSeconds(1));
        flood.Order(DesiredState.Stop, [], taskEnded: false);
        (await agents.EndedAsync(flood)).OutputLines.ShouldBeLessThan(200_000);
        Supervised.Said(flood).ShouldContain("lines were dropped here: more than 2,000 lines or 1,024 KiB a second");
    }
}
