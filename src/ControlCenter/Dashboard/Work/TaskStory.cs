using System.Text.Json;
using ControlCenter.Dashboard.Components;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Work;

namespace ControlCenter.Dashboard.Work;

/// <summary>A task's whole story, told: who held it, how each attempt went, why it changed hands, and what happened in between.</summary>
internal sealed class TaskStory
{
    // Side by side no more than fit in a look; the rest are events.
    private const int MostHoldings = 12;

    private TaskStory(TaskDetail task, IReadOnlyList<CheckpointView> checkpoints)
    {
        Holdings = [.. task.Attempts.Select((lease, i) => HoldingOf(task, i, checkpoints)).TakeLast(MostHoldings)];
        Earlier = Math.Max(0, task.Attempts.Count - MostHoldings);
        Lines = Tell(task, checkpoints);
    }

    /// <summary>Each holding of the task, in order.</summary>
    public IReadOnlyList<Holding> Holdings { get; }

    /// <summary>How many holdings came before those.</summary>
    public int Earlier { get; }

    /// <summary>What happened, oldest first.</summary>
    public IReadOnlyList<StoryLine> Lines { get; }

    /// <summary>Tells the story of a task.</summary>
    /// <param name="task">The task.</param>
    /// <param name="checkpoints">Its checkpoints, newest first.</param>
    public static TaskStory Of(TaskDetail task, IReadOnlyList<CheckpointView> checkpoints) => new(task, checkpoints);

    private static Holding HoldingOf(TaskDetail task, int place, IReadOnlyList<CheckpointView> checkpoints)
    {
        var lease = task.Attempts[place];
        var during = task.Activity.Where(a => a.At >= lease.GrantedAt && (lease.EndedAt is null || a.At <= lease.EndedAt) && ActorIn(a) == lease.AgentId).ToList();
        var progress = during.Where(a => a.Kind == "task.progress").ToList();
        return new Holding(
            lease,
            place == 0 ? null : TakeoverWords(task.Attempts[place - 1], lease, HandedOver(checkpoints, lease)),
            EndWords(task, place, during, checkpoints),
            progress.Select(a => NumberIn(a.Data, "percent")).LastOrDefault(percent => percent is not null),
            progress.Select(a => TextIn(a.Data, "message")).LastOrDefault(message => message is not null),
            [.. checkpoints.Where(c => c.LeaseId == lease.LeaseId).Reverse()]);
    }

    private static CheckpointView? HandedOver(IReadOnlyList<CheckpointView> checkpoints, AttemptView lease) =>
        checkpoints.FirstOrDefault(c => c.CreatedAt <= lease.GrantedAt);

    private static string TakeoverWords(AttemptView before, AttemptView lease, CheckpointView? checkpoint)
    {
        var who = before.AgentId == lease.AgentId ? "Took it again" : $"Took over from {before.AgentName}";
        return checkpoint is null
            ? $"{who}, from the start: no checkpoint had been saved."
            : $"{who}, from the checkpoint that was saved in attempt {checkpoint.Attempt}.";
    }

    private static string EndWords(TaskDetail task, int place, List<ActivityView> during, IReadOnlyList<CheckpointView> checkpoints)
    {
        var lease = task.Attempts[place];
        var last = place == task.Attempts.Count - 1;
        string? Said(string kind, string field) => during.Where(a => a.Kind == kind).Select(a => TextIn(a.Data, field)).LastOrDefault();

        return lease.EndReason switch
        {
            null => task.State == TaskState.WaitingHuman ? "Holds the task, and waits for a human." : "Holds the task.",
            LeaseEnd.Completed => "Completed the task.",
            LeaseEnd.Failed => $"Reported a failure: {Said("task.attempt_failed", "error") ?? Said("task.failed", "error") ?? task.Error ?? "no reason given"}",
            LeaseEnd.Released => Said("task.released", "reason") is { } reason ? $"Gave the task back: {reason}" : "Gave the task back.",
            LeaseEnd.Expired when last && task.State == TaskState.Failed => "Fell silent and lost the lease. It was the last attempt, so the task failed.",
            LeaseEnd.Expired => $"Fell silent and lost the lease, so the task went back to be taken{(Kept(checkpoints, lease) ? ", with its last checkpoint" : "")}. What it wrote after that was refused.",
            LeaseEnd.Cancelled => "The task was cancelled under it.",
            _ => "The lease was taken away.",
        };
    }

    private static bool Kept(IReadOnlyList<CheckpointView> checkpoints, AttemptView lease) =>
        checkpoints.Any(c => lease.EndedAt is null || c.CreatedAt <= lease.EndedAt);

    private static List<StoryLine> Tell(TaskDetail task, IReadOnlyList<CheckpointView> checkpoints)
    {
        var lines = new List<StoryLine>();
        foreach (var activity in task.Activity)
        {
            var last = lines.Count > 0 ? lines[^1] : null;
            switch (activity.Kind, last?.Kind)
            {
                case ("task.progress", "task.progress") when last!.ActorId == activity.ActorId:
                    lines[^1] = last.With(activity, EventWords.Of(activity.Kind, activity.Data));
                    break;

                // One thing that happened, told by two events: the second says what came of the first.
                case ("task.ready", "lease.expired" or "task.attempt_failed"):
                    lines[^1] = last! with { Text = $"{last.Text} The task is ready for another attempt." };
                    break;
                case ("escalation.opened", "task.waiting_human") or ("escalation.decided" or "escalation.expired", "task.resumed") or ("task.cancelled", "lease.revoked"):
                    lines[^1] = LineOf(task, activity, checkpoints);
                    break;
                default:
                    lines.Add(LineOf(task, activity, checkpoints));
                    break;
            }
        }

        return lines;
    }

    private static StoryLine LineOf(TaskDetail task, ActivityView activity, IReadOnlyList<CheckpointView> checkpoints) => new(
        activity.Seq, activity.At, activity.Kind, activity.ActorId, activity.ActorName, StatusLook.OfEvent(activity.Kind), Words(task, activity, checkpoints),
        activity.Subject is { } subject && subject.StartsWith("escalation:", StringComparison.Ordinal) ? $"/escalations/{subject["escalation:".Length..]}" : null, []);

    private static string Words(TaskDetail task, ActivityView activity, IReadOnlyList<CheckpointView> checkpoints)
    {
        switch (activity.Kind)
        {
            case "task.claimed":
                var token = NumberIn(activity.Data, "fencing_token");
                var place = task.Attempts.ToList().FindIndex(l => l.FencingToken == token);
                return place < 0 ? EventWords.Of(activity.Kind, activity.Data)
                    : place == 0 ? $"Taken: attempt {task.Attempts[0].Attempt} of {task.MaxAttempts}"
                    : $"{TakeoverWords(task.Attempts[place - 1], task.Attempts[place], HandedOver(checkpoints, task.Attempts[place]))} Attempt {task.Attempts[place].Attempt} of {task.MaxAttempts}";
            case "lease.expired":
                var lease = task.Attempts.FirstOrDefault(l => l.LeaseId.ToString() == TextIn(activity.Data, "lease_id"));
                return lease is null ? EventWords.Of(activity.Kind, activity.Data)
                    : $"{lease.AgentName} fell silent: its lease ran out after {TimeSpanWords.Words((lease.EndedAt ?? activity.At) - lease.GrantedAt)}.";
            case "task.attempt_failed":
                return $"{EventWords.Of(activity.Kind, activity.Data)}.";
            default:
                return EventWords.Of(activity.Kind, activity.Data);
        }
    }

    private static Guid? ActorIn(ActivityView activity) => Guid.TryParse(TextIn(activity.Data, "agent_id"), out var agent) ? agent : activity.ActorId;

    private static string? TextIn(JsonElement data, string name) =>
        data.ValueKind == JsonValueKind.Object && data.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static int? NumberIn(JsonElement data, string name) =>
        data.ValueKind == JsonValueKind.Object && data.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : null;
}

/// <summary>One holding of a task: one lease, from when it was granted to how it ended.</summary>
/// <param name="Lease">The lease.</param>
/// <param name="Takeover">How it came to be, in words; null for the first.</param>
/// <param name="Outcome">How it ended, or stands, in words.</param>
/// <param name="Percent">How far it got, as reported.</param>
/// <param name="Message">What was reported last.</param>
/// <param name="Checkpoints">What was saved under it, oldest first.</param>
public sealed record Holding(AttemptView Lease, string? Takeover, string Outcome, int? Percent, string? Message, IReadOnlyList<CheckpointView> Checkpoints);

/// <summary>One line of the story.</summary>
/// <param name="Seq">The event's place in the log.</param>
/// <param name="At">When.</param>
/// <param name="Kind">What kind of event.</param>
/// <param name="ActorId">Who.</param>
/// <param name="ActorName">Who, by name.</param>
/// <param name="Look">How it looks.</param>
/// <param name="Text">What happened.</param>
/// <param name="Href">Where there is more of it.</param>
/// <param name="Folded">Reports of progress that came before this one without anything in between.</param>
public sealed record StoryLine(
    long Seq, DateTimeOffset At, string Kind, Guid ActorId, string? ActorName, StatusLook Look, string Text, string? Href, IReadOnlyList<(DateTimeOffset At, string Text)> Folded)
{
    internal StoryLine With(ActivityView next, string text) => this with { Seq = next.Seq, At = next.At, Text = text, Folded = [.. Folded, (At, Text)] };
}
