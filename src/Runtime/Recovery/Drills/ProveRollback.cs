using System.Globalization;
using ControlCenter.Domain.Recovery;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>
/// The deployment before this one can be gone back to: its program, which is kept beside this one's, starts on a restored database. Where
/// this one has changed the schema in a way that the earlier one does not know, it refuses, and that is what the drill then says.
/// </summary>
internal sealed class ProveRollback(ScratchRestore scratch, DrillPrograms programs, TimeProvider time) : IDrillProof
{
    public DrillScenario Scenario => DrillScenario.Rollback;

    public async Task ExecuteAsync(Drill drill, CancellationToken cancellationToken)
    {
        var previous = programs.Previous()
            ?? throw new DrillNotPossibleException("No previous deployment is kept beside this one. ./run keeps the newest three builds; elsewhere keep the folder of the version before.");
        var home = await RestoredHome.MakeAsync(drill, scratch, cancellationToken);
        RehearsalBus? started = null;
        await drill.StepAsync("start the deployment before this one", 1, async ct =>
        {
            started = await RehearsalBus.StartAsync(previous, home.Path, time, ct);
            return $"{Path.GetFileName(Path.GetDirectoryName(previous[^1]))} is ready";
        }, cancellationToken);
        await using var bus = started!;
        await drill.StepAsync("see that it reads what is there", 1, async ct =>
        {
            var health = await bus.GetAsync("/health", ct);
            await bus.GetAsync("/api/v1/tasks?limit=1", ct);
            return string.Create(CultureInfo.InvariantCulture, $"version {health.GetProperty("version").GetString()}: '{health.GetProperty("status").GetString()}'; {home.Standing.Tasks} tasks");
        }, cancellationToken);
        await drill.StepAsync("stop it", null, async ct =>
        {
            await bus.StopAsync(ct);
            return "it ended cleanly";
        }, cancellationToken);
    }
}
