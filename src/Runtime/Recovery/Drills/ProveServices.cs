using System.Globalization;
using System.Net;
using System.Text.Json;
using ControlCenter.Domain.Recovery;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>
/// Every service comes back from this program and its settings alone, on a restored database in a folder of its own, and is looked at in
/// the order of recovery (blueprint 10.5): what the business cannot do without first.
/// </summary>
internal sealed class ProveServices(ScratchRestore scratch, DrillPrograms programs, TimeProvider time) : IDrillProof
{
    private const string Api = "/api/v1";

    // The log tells of an event a moment after its writing was answered: once every transaction before it has ended.
    private static readonly TimeSpan ToldWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    public DrillScenario Scenario => DrillScenario.Services;

    public async Task ExecuteAsync(Drill drill, CancellationToken cancellationToken)
    {
        var home = await RestoredHome.MakeAsync(drill, scratch, cancellationToken);
        RehearsalBus? started = null;
        await drill.StepAsync("start every service from this program and its settings", 1, async ct =>
        {
            started = await RehearsalBus.StartAsync(programs.This, home.Path, time, ct);
            return "it is ready";
        }, cancellationToken);
        await using var bus = started!;
        await FirstAsync(drill, bus, home.Standing, cancellationToken);
        await SecondAsync(drill, bus, home.Standing, cancellationToken);
        await ThirdAsync(drill, bus, cancellationToken);
        await drill.StepAsync("stop it", null, async ct =>
        {
            await bus.StopAsync(ct);
            return "it ended cleanly";
        }, cancellationToken);
    }

    private static async Task FirstAsync(Drill drill, RehearsalBus bus, HomeStanding standing, CancellationToken cancellationToken)
    {
        await drill.LookAsync("orchestrator", 1, async ct =>
        {
            await bus.GetAsync($"{Api}/orchestrator", ct);
            return "it stands, and says what is under way";
        }, cancellationToken);
        await drill.LookAsync("governor", 1, async ct =>
        {
            var admission = await bus.GetAsync($"{Api}/admission", ct);
            var budgets = await bus.GetAsync($"{Api}/budgets", ct);
            return string.Create(CultureInfo.InvariantCulture, $"admits '{admission.GetProperty("level").GetString()}'; {budgets.GetProperty("items").GetArrayLength()} budgets on the first page");
        }, cancellationToken);
        await drill.LookAsync("tickets and tasks", 1, async ct =>
        {
            await bus.GetAsync($"{Api}/tickets?limit=1", ct);
            await bus.GetAsync($"{Api}/tasks?limit=1", ct);
            return string.Create(CultureInfo.InvariantCulture, $"{standing.Tickets} tickets, {standing.Tasks} tasks; {standing.Held} were held at that moment, {standing.HeldWithCheckpoint} of them with a checkpoint to go on from");
        }, cancellationToken);
    }

    private async Task SecondAsync(Drill drill, RehearsalBus bus, HomeStanding standing, CancellationToken cancellationToken)
    {
        await drill.LookAsync("sessions and their checkpoints", 2, async ct =>
        {
            await bus.GetAsync($"{Api}/sessions?limit=1", ct);
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{standing.Checkpoints} checkpoints; {standing.Active} sessions are bound anew, {standing.Interrupted} wait to be gone on with, {standing.Uncertain} for a human's decision");
        }, cancellationToken);
        await drill.SkipAsync("transcripts", 2, "They are files, and drilled with the scenario 'object_storage'.", cancellationToken);
        await drill.LookAsync("scheduler", 2, async ct =>
        {
            var jobs = (await bus.GetAsync($"{Api}/jobs", ct)).GetProperty("items").EnumerateArray().ToList();
            return jobs.Any(j => j.GetProperty("next_runs").GetArrayLength() > 0)
                ? string.Create(CultureInfo.InvariantCulture, $"{jobs.Count} jobs know their times; in a drill none is run")
                : throw new DrillFailedException("no job knows when it is to run");
        }, cancellationToken);
        await drill.LookAsync("the API reads and writes", 2, async ct =>
        {
            var written = await bus.DoAsync(HttpMethod.Post, $"{Api}/events", new { kind = "drill.written" }, null, ct);
            var place = written.GetProperty("last_seq").GetInt64();
            var since = time.GetTimestamp();
            while ((await bus.GetAsync(string.Create(CultureInfo.InvariantCulture, $"{Api}/events?after={place - 1}&limit=1"), ct)).GetProperty("items").GetArrayLength() == 0)
            {
                if (time.GetElapsedTime(since) > ToldWithin)
                {
                    throw new DrillFailedException(string.Create(CultureInfo.InvariantCulture, $"event {place} was answered as written and was not there {ToldWithin.TotalSeconds:0} s later"));
                }

                await Task.Delay(Poll, time, ct);
            }

            return string.Create(CultureInfo.InvariantCulture, $"an event was written as number {place} and read back");
        }, cancellationToken);
        await drill.LookAsync("health", 2, async ct => Health(await bus.GetAsync("/health", ct)), cancellationToken);
    }

    private static string Health(JsonElement health)
    {
        var services = health.GetProperty("services").EnumerateArray().ToList();
        var failed = services.Where(s => s.GetProperty("status").GetString() == "failed").Select(s => $"{s.GetProperty("name").GetString()} ({s.GetProperty("detail").GetString()})").ToList();
        return failed.Count == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{services.Count} services, none has failed; as a whole '{health.GetProperty("status").GetString()}'")
            : throw new DrillFailedException($"failed: {string.Join(", ", failed)}");
    }

    private static async Task ThirdAsync(Drill drill, RehearsalBus bus, CancellationToken cancellationToken)
    {
        await drill.LookAsync("dashboard", 3, async ct =>
            await bus.PageAsync("/", ct) is HttpStatusCode.OK or HttpStatusCode.Found or HttpStatusCode.Redirect
                ? "its first page is there"
                : throw new DrillFailedException("its first page is not there"), cancellationToken);
        await drill.SkipAsync("historical exports", 3, "None are kept: what is exported is made from the database when it is asked for.", cancellationToken);
        await drill.SkipAsync("mirrors", 3, "This host keeps none.", cancellationToken);
    }
}
