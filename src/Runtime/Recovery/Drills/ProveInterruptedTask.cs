using System.Globalization;
using System.Net;
using System.Text.Json;
using ControlCenter.Domain.Recovery;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>
/// A task that is interrupted goes on: on a restored database one is claimed and keeps a checkpoint, bus and database are killed as by a
/// loss of power, and what starts on the rest hands the task out again, as the next attempt with that checkpoint. Whoever had it is refused.
/// </summary>
internal sealed class ProveInterruptedTask(ScratchRestore scratch, DrillPrograms programs, TimeProvider time) : IDrillProof
{
    private const string Api = "/api/v1";

    // Short, so that the drill need not wait; long enough that a slow machine gets its checkpoint in.
    private const int LeaseSeconds = 15;

    public DrillScenario Scenario => DrillScenario.InterruptedTask;

    public async Task ExecuteAsync(Drill drill, CancellationToken cancellationToken)
    {
        var home = await RestoredHome.MakeAsync(drill, scratch, cancellationToken);
        drill.Note(string.Create(CultureInfo.InvariantCulture, $"{home.Standing.Held} tasks were held at the moment that was restored, {home.Standing.HeldWithCheckpoint} of them with a checkpoint."));
        Interrupted? interrupted = null;
        await drill.StepAsync("claim a task and keep a checkpoint", 1, async ct =>
        {
            await using var bus = await RehearsalBus.StartAsync(programs.This, home.Path, time, ct);
            interrupted = await BeginAsync(drill, bus, ct);
            // Nothing gets to say goodbye.
            await DrillScratch.KillAllAsync(drill.Folder, time, ct);
            return string.Create(CultureInfo.InvariantCulture, $"attempt {interrupted.Attempt}, fencing token {interrupted.Token}; then bus and database were killed");
        }, cancellationToken);
        RehearsalBus? started = null;
        await drill.StepAsync("start on what is left", 1, async ct =>
        {
            started = await RehearsalBus.StartAsync(programs.This, home.Path, time, ct);
            return "it is ready";
        }, cancellationToken);
        await using var again = started!;
        await GoOnAsync(drill, again, interrupted!, cancellationToken);
        await drill.StepAsync("stop it", null, async ct =>
        {
            await again.StopAsync(ct);
            return "it ended cleanly";
        }, cancellationToken);
    }

    private static async Task<Interrupted> BeginAsync(Drill drill, RehearsalBus bus, CancellationToken cancellationToken)
    {
        // What the restored database admits is its founder's business; in this copy work is to be handed out.
        await bus.DoAsync(HttpMethod.Put, $"{Api}/admission", new { level = "full", reason = "a restore drill, in a copy" }, null, cancellationToken);
        var capability = $"restore-drill-{drill.Id:N}";
        var (agent, key) = await AgentAsync(bus, $"{capability}-1", capability, cancellationToken);
        var ticket = (await bus.DoAsync(HttpMethod.Post, $"{Api}/tickets", new { title = "A restore drill" }, null, cancellationToken)).GetProperty("key").GetString();
        await bus.DoAsync(
            HttpMethod.Post, $"{Api}/tickets/{ticket}/tasks",
            new { title = "Interrupted in the middle", required_capabilities = (string[])[capability], lease_seconds = LeaseSeconds }, null, cancellationToken);
        var claimed = await ClaimAsync(bus, agent, key, cancellationToken);
        var checkpoint = JsonSerializer.SerializeToElement(new { drill = drill.Id, step = 7 });
        await bus.DoAsync(
            HttpMethod.Post, $"{Api}/tasks/{claimed.Task}/checkpoint", new { lease_id = claimed.Lease, fencing_token = claimed.Token, state = checkpoint }, key, cancellationToken);
        return claimed with { Checkpoint = checkpoint, Key = key, Capability = capability };
    }

    private static async Task GoOnAsync(Drill drill, RehearsalBus bus, Interrupted before, CancellationToken cancellationToken)
    {
        Interrupted? now = null;
        string? key = null;
        await drill.StepAsync("claim it again, with its checkpoint", 1, async ct =>
        {
            (var agent, key) = await AgentAsync(bus, $"{before.Capability}-2", before.Capability, ct);
            now = await ClaimAsync(bus, agent, key, ct);
            return now.Task == before.Task && now.Attempt == before.Attempt + 1 && now.Token > before.Token && now.Checkpoint is { } kept && JsonElement.DeepEquals(kept, before.Checkpoint!.Value)
                ? string.Create(CultureInfo.InvariantCulture, $"attempt {now.Attempt}, fencing token {now.Token}, and the checkpoint is the one that was kept; no provider could be reached")
                : throw new DrillFailedException($"what was handed out is task {now.Task} in attempt {now.Attempt} with the checkpoint {now.Checkpoint?.GetRawText() ?? "(none)"}; task {before.Task} in attempt {before.Attempt + 1} was expected");
        }, cancellationToken);
        await drill.StepAsync("refuse whoever had it", 1, async ct =>
        {
            var (status, body, _) = await bus.SendAsync(
                HttpMethod.Post, $"{Api}/tasks/{before.Task}/complete", new { lease_id = before.Lease, fencing_token = before.Token }, before.Key, ct);
            return status == HttpStatusCode.Conflict ? "lease_lost" : throw new DrillFailedException($"the one who had it was answered with {(int)status} {body?.GetRawText()}");
        }, cancellationToken);
        await drill.StepAsync("complete it once", 1, async ct =>
        {
            var done = await bus.DoAsync(HttpMethod.Post, $"{Api}/tasks/{before.Task}/complete", new { lease_id = now!.Lease, fencing_token = now.Token }, key, ct);
            return $"it is '{done.GetProperty("state").GetString()}'";
        }, cancellationToken);
    }

    private static async Task<(string Id, string Key)> AgentAsync(RehearsalBus bus, string name, string capability, CancellationToken cancellationToken)
    {
        var agent = await bus.DoAsync(HttpMethod.Post, $"{Api}/agents", new { name, kind = "restore-drill", capabilities = (string[])[capability] }, null, cancellationToken);
        return (agent.GetProperty("agent_id").GetString()!, agent.GetProperty("key").GetString()!);
    }

    private static async Task<Interrupted> ClaimAsync(RehearsalBus bus, string agent, string key, CancellationToken cancellationToken)
    {
        var (status, body, refused) = await bus.SendAsync(HttpMethod.Post, $"{Api}/tasks/claim", new { agent_id = agent, wait_seconds = 60 }, key, cancellationToken);
        if (refused is not null)
        {
            throw new DrillNotPossibleException($"At the moment that was restored nothing is handed out ({refused}).");
        }

        if (status != HttpStatusCode.OK || body is not { } claimed)
        {
            throw new DrillFailedException($"The task was not handed out within a minute: {(int)status}.");
        }

        var (task, lease) = (claimed.GetProperty("task"), claimed.GetProperty("lease"));
        return new Interrupted(
            task.GetProperty("task_id").GetString()!, lease.GetProperty("lease_id").GetString()!, lease.GetProperty("fencing_token").GetInt64(), task.GetProperty("attempt").GetInt32(),
            task.GetProperty("checkpoint") is { ValueKind: not JsonValueKind.Null } kept ? kept : null);
    }

    private sealed record Interrupted(string Task, string Lease, long Token, int Attempt, JsonElement? Checkpoint)
    {
        public string Key { get; init; } = "";

        public string Capability { get; init; } = "";
    }
}
