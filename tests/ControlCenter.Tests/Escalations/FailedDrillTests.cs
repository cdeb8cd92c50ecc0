using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Escalations;

/// <summary>Restore drills that fail, and the founder.</summary>
public sealed class FailedDrillTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task The_second_failure_in_a_row_is_one_question_to_the_founder_and_the_third_none_more()
    {
        await FailedAsync("database", 1, "the first");
        await FailedAsync("database", 2, "the second");
        await FailedAsync("database", 3, "the third");
        // The log is read in order: with the answer to the last, those before it are behind.
        await FailedAsync("services", 2, "another scenario");

        await UntilAskedAsync("The restore drill of 'services' has failed 2 times in a row");
        var asked = (await WaitingAsync()).Where(e => e.Title.Contains("'database'", StringComparison.Ordinal)).ToList();
        var one = asked.ShouldHaveSingleItem();
        one.Title.ShouldBe("The restore drill of 'database' has failed 2 times in a row");
        one.Kind.ShouldBe("intervention");
        one.Detail.ShouldStartWith("the second");
    }

    private Task FailedAsync(string scenario, int inARow, string problem) =>
        Host.Services.GetRequiredService<Transactions>().RunAsync(Caller.Host, (unit, _) =>
        {
            var drill = Guid.CreateVersion7();
            unit.Record("backup.restore_drill.failed", ("restore_drill", drill.ToString()), new { DrillId = drill, Scenario = scenario, Problem = problem, InARow = inARow, Seconds = 1 });
            return Task.FromResult(true);
        }, Stop);

    private async Task<List<(string Title, string Kind, string Detail)>> WaitingAsync() =>
        [.. (await Founder.GetAsync("escalations?state=waiting", Stop)).Body!["items"]!.AsArray().Select(e => (e!["title"]!.ToString(), e["kind"]!.ToString(), e["detail"]!.ToString()))];

    private async Task UntilAskedAsync(string title) =>
        await Work.LeaseTests.Eventually(async () => (await WaitingAsync()).Any(e => e.Title == title));
}
