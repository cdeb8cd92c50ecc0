using ControlCenter.Domain.Access;
using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Health;

namespace ControlCenter.Dashboard;

/// <summary>How a state looks: a tone, an icon and a word, always together.</summary>
/// <param name="Tone">good, warn, bad, info, accent, or nothing.</param>
/// <param name="Icon">The icon's name.</param>
/// <param name="Word">The word.</param>
public sealed record StatusLook(string Tone, string Icon, string Word)
{
    /// <summary>A task's state.</summary>
    public static StatusLook Of(TaskState state) => state switch
    {
        TaskState.Blocked => new("", "lock", "Blocked"),
        TaskState.Ready => new("info", "circle", "Ready"),
        TaskState.Leased => new("accent", "play", "Taken"),
        TaskState.Running => new("accent", "play", "Running"),
        TaskState.WaitingHuman => new("warn", "hand", "Waits for you"),
        TaskState.Completed => new("good", "check", "Completed"),
        TaskState.Failed => new("bad", "x", "Failed"),
        _ => new("", "stop", "Cancelled"),
    };

    /// <summary>A ticket's state.</summary>
    public static StatusLook Of(TicketState state) => state switch
    {
        TicketState.Open => new("info", "circle", "Open"),
        TicketState.InProgress => new("accent", "play", "In progress"),
        TicketState.Done => new("good", "check", "Done"),
        _ => new("", "stop", "Cancelled"),
    };

    /// <summary>An escalation's state.</summary>
    public static StatusLook Of(EscalationState state) => state switch
    {
        EscalationState.Waiting => new("warn", "hand", "Waiting"),
        EscalationState.Approved => new("good", "check", "Approved"),
        EscalationState.Denied => new("bad", "x", "Denied"),
        EscalationState.Answered => new("good", "message", "Answered"),
        _ => new("", "clock", "Expired"),
    };

    /// <summary>What kind of answer is wanted.</summary>
    public static StatusLook Of(EscalationKind kind) => kind switch
    {
        EscalationKind.Approval => new("accent", "check", "Approval"),
        EscalationKind.Question => new("info", "question", "Question"),
        _ => new("warn", "flag", "Intervention"),
    };

    /// <summary>What was seen of an agent.</summary>
    public static StatusLook Of(Liveness liveness) => liveness switch
    {
        Liveness.Live => new("good", "heart", "Live"),
        Liveness.Stale => new("warn", "clock", "Silent"),
        Liveness.Lost => new("bad", "plug", "Lost"),
        _ => new("", "question", "Never seen"),
    };

    /// <summary>How a lease ended; null for one in force.</summary>
    public static StatusLook OfLease(LeaseEnd? end) => end switch
    {
        null => new("accent", "play", "In force"),
        LeaseEnd.Completed => new("good", "check", "Completed"),
        LeaseEnd.Expired => new("bad", "clock", "Expired"),
        LeaseEnd.Failed => new("bad", "x", "Failed"),
        LeaseEnd.Released => new("", "undo", "Given back"),
        LeaseEnd.Cancelled => new("", "stop", "Cancelled"),
        _ => new("warn", "hand", "Taken away"),
    };

    /// <summary>Whether an actor gets in.</summary>
    public static StatusLook Of(AccessState state) => state switch
    {
        AccessState.Active => new("good", "check", "Active"),
        AccessState.Expired => new("warn", "clock", "Expired"),
        _ => new("", "stop", "Revoked"),
    };

    /// <summary>How something in the audit ended.</summary>
    public static StatusLook Of(AuditOutcome outcome) => outcome == AuditOutcome.Done ? new("", "check", "Done") : new("bad", "x", "Refused");

    /// <summary>How a service is.</summary>
    public static StatusLook Of(HealthStatus status) => status switch
    {
        HealthStatus.Healthy => new("good", "check", "Healthy"),
        HealthStatus.Degraded => new("warn", "alert", "Degraded"),
        HealthStatus.Blocked => new("warn", "lock", "Blocked"),
        HealthStatus.Failed => new("bad", "x", "Failed"),
        _ => new("", "question", "Unknown"),
    };

    /// <summary>Something that happened.</summary>
    public static StatusLook OfEvent(string kind) => kind switch
    {
        "task.completed" => new("good", "check", "Completed"),
        "task.failed" or "task.attempt_failed" => new("bad", "x", "Failed"),
        "task.claimed" => new("info", "play", "Claimed"),
        "task.created" or "ticket.created" => new("", "plus", "Created"),
        "task.progress" => new("", "pulse", "Progress"),
        "task.checkpoint" => new("", "save", "Checkpoint"),
        "task.waiting_human" or "escalation.opened" => new("warn", "hand", "Asked"),
        "escalation.decided" or "task.resumed" => new("good", "message", "Decided"),
        "escalation.expired" or "lease.expired" or "lease.revoked" => new("bad", "clock", "Expired"),
        "task.ready" or "task.released" => new("info", "undo", "Ready"),
        "task.cancelled" => new("", "stop", "Cancelled"),
        "intervention.requested" or "intervention.acknowledged" or "intervention.effective" => new("info", "message", "Told"),
        "cost.rollups_differ" or "alert.raised" => new("bad", "alert", "Alert"),
        "alert.cleared" => new("good", "check", "Over"),
        _ when kind.StartsWith("cost.", StringComparison.Ordinal) => new("", "money", "Cost"),
        "budget.exhausted" or "budget.task_held" => new("bad", "stop", "Used up"),
        "budget.soft_limit" or "budget.reservation_lost" => new("warn", "alert", "Budget"),
        _ when kind.StartsWith("budget.", StringComparison.Ordinal) => new("info", "money", "Budget"),
        "task.assigned" => new("info", "bot", "Assigned"),
        "task.assignment_waits" => new("warn", "clock", "Waits"),
        "runtime.stuck" => new("bad", "alert", "Stuck"),
        "runtime.host_lost" => new("bad", "plug", "Host lost"),
        "runtime.deployed" => new("accent", "flag", "Deployed"),
        "governor.job_failed" or "governor.job_missed" => new("bad", "repeat", "Job"),
        _ when kind.StartsWith("governor.job_", StringComparison.Ordinal) => new("", "repeat", "Job"),
        "backup.failed" or "backup.verification_failed" or "backup.wal_lost" or "backup.restore_drill.failed" or "backup.restore_failed" => new("bad", "archive", "Backup"),
        "backup.hook_failed" => new("warn", "plug", "Hook"),
        _ when kind.StartsWith("backup.", StringComparison.Ordinal) => new("", "archive", "Backup"),
        "governor.breaker_opened" => new("bad", "plug", "Breaker opened"),
        "governor.breaker_closed" or "governor.breaker_reset" => new("good", "check", "Breaker closed"),
        _ when kind.StartsWith("runtime.host_", StringComparison.Ordinal) => new("info", "server", "Host"),
        _ when kind.StartsWith("runtime.", StringComparison.Ordinal) => new("", "terminal", "Runtime"),
        _ when kind.StartsWith("agent.", StringComparison.Ordinal) => new("", "bot", "Agent"),
        _ when kind.StartsWith("security.", StringComparison.Ordinal) || kind.StartsWith("bus.", StringComparison.Ordinal) => new("warn", "lock", "Security"),
        _ => new("", "dot", kind),
    };
}
