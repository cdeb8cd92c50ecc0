using System.Globalization;
using System.Text.Json;
using ControlCenter.Domain.Events;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;

namespace ControlCenter.Dashboard;

/// <summary>An event as a sentence.</summary>
internal static class EventWords
{
    private const int LongestQuote = 160;

    /// <summary>What happened, for somebody who reads along.</summary>
    public static string Of(EventRecord record)
    {
        using var document = JsonDocument.Parse(record.Data);
        return Of(record.Kind, document.RootElement);
    }

    /// <summary>What happened, for somebody who reads along.</summary>
    public static string Of(string kind, JsonElement data)
    {
        string Text(string name) => data.ValueKind == JsonValueKind.Object && data.TryGetProperty(name, out var value)
            ? Shortened(value.ValueKind == JsonValueKind.String ? value.GetString()! : value.ValueKind == JsonValueKind.Null ? "" : value.GetRawText())
            : "";

        // A moment is there to the tick; somebody who reads along wants its second.
        string Moment(string name) => DateTimeOffset.TryParse(Text(name), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
            ? at.UtcDateTime.ToString("d MMM yyyy, HH:mm:ss 'UTC'", CultureInfo.InvariantCulture)
            : Text(name);

        string With(string words, string name) => Text(name) is { Length: > 0 } text ? $"{words}: {text}" : words;

        return kind switch
        {
            "ticket.created" => $"Ticket {Text("key")}: {Text("title")}",
            "ticket.updated" => $"Ticket {Text("key")} changed: {Text("title")}",
            "task.created" => With("Task planned", "title"),
            "task.claimed" => $"Task taken at fencing token {Text("fencing_token")}",
            "task.progress" => (Text("percent"), Text("message")) switch
            {
                ("", "") => "Progress",
                ("", var message) => message,
                (var percent, "") => $"{percent} %",
                var (percent, message) => $"{percent} %: {message}",
            },
            "task.checkpoint" => $"Checkpoint saved ({Text("size_bytes")} bytes)",
            "task.waiting_human" => "Task waits for a human",
            "task.resumed" => "Task goes on",
            "task.completed" => $"Task completed in attempt {Text("attempt")}",
            "task.attempt_failed" => With("Attempt failed", "error"),
            "task.failed" => Text("exhausted") == "true" ? $"Task failed: all {Text("max_attempts")} attempts are used up" : With("Task failed", "error"),
            "task.ready" => Text("title") is { Length: > 0 } title ? $"Task ready again: {title}" : With("Task ready", "why"),
            "task.released" => With("Task given back", "reason"),
            "task.cancelled" => With("Task cancelled", "reason"),
            "lease.expired" => $"Lease of attempt {Text("expired_attempt")} expired: {Text("title")}",
            "lease.revoked" => With("Lease taken away", "why"),
            "escalation.opened" => With("Asked", "title"),
            "escalation.decided" => $"{Capital(Text("verdict"))} by {Text("decided_by")}: {Text("title")}{(Text("comment") is { Length: > 0 } comment ? $" – {comment}" : "")}",
            "escalation.expired" => With("Nobody decided in time", "title"),
            "task.assigned" or "task.assignment_waits" => $"{(Text("outcome") switch { "spawned" => "Started", "idle_agent" => "Left to an idle agent", _ => "Waits" })}: {Text("reason")}",
            "governor.primary_changed" => $"{Text("holder")} decides from now on, epoch {Text("epoch")}",
            "governor.assignment_policy_changed" => "What may be under way at once has changed",
            "runtime.requested" => $"{Text("agent_name")} is to be started",
            "runtime.granted" => $"A slot on {Text("host")} was granted",
            "runtime.observed" => "The runtime's process was seen",
            "runtime.ready" => "The runtime is ready",
            "runtime.paused" => "The runtime is held still",
            "runtime.resumed" => "The runtime goes on",
            "runtime.stop_requested" => With("The runtime is to stop", "why"),
            "runtime.desired_changed" => $"The runtime is to {Text("desired")}",
            "runtime.ended" => $"The runtime has ended, {Text("end").Replace('_', ' ')}{(Text("detail") is { Length: > 0 } detail ? $": {detail}" : "")}",
            "runtime.control_taken" => $"{Text("by")} sits at the keyboard of {Text("agent_name")}",
            "runtime.control_taken_over" => $"{Text("by")} took the keyboard of {Text("agent_name")} over from {Text("from")}",
            "runtime.control_ended" => $"{Text("held_by")} no longer has the keyboard of {Text("agent_name")}: {Text("why")}",
            "runtime.input" => (Text("characters"), Text("key")) switch
            {
                ("0", var key) => $"{Text("by")} pressed {Key(key)} at the keyboard of {Text("agent_name")}",
                (var count, "enter") => $"{Text("by")} typed a line of {count} into {Text("agent_name")}",
                var (count, key) => $"{Text("by")} typed {count} and {Key(key)} into {Text("agent_name")}",
            },
            "runtime.input_lost" => Text("count") == "1" ? $"An input for {Text("agent_name")} was given up: it was not seen to be typed"
                : $"{Text("count")} inputs for {Text("agent_name")} were given up: they were not seen to be typed",
            "runtime.input_typed" => Text("count") == "1" ? $"An input for {Text("agent_name")} that was given up was typed after all" : $"{Text("count")} inputs for {Text("agent_name")} that were given up were typed after all",
            "runtime.waiting" => With("The runtime waits", "waits_for"),
            "runtime.scaling_trigger" => $"More room is needed: {Text("why")}",
            "runtime.scaling_over" => "There is room again",
            "runtime.stuck" => $"{Text("agent_name")} seems to be stuck: {Text("reason")}",
            "runtime.unstuck" => "The runtime makes progress again",
            "runtime.session_uncertain" => $"It is uncertain whether {Text("agent_name")} can go on",
            "runtime.session_interrupted" => $"The session of {Text("agent_name")} was interrupted",
            "runtime.session_decided" => With("Decided about an uncertain session", "choice"),
            "runtime.boot_report" => $"The bus has started: of what was in flight, {Text("resumed")} went on and {Text("ended")} ended",
            "runtime.host_invited" => $"Host {Text("name")} may join",
            "runtime.host_joined" => $"Host {Text("name")} has joined",
            "runtime.host_online" => $"Host {Text("name")} is online",
            "runtime.host_draining" => With($"Host {Text("name")} takes nothing new", "why"),
            "runtime.host_lost" => With($"Host {Text("name")} is lost", "why"),
            "runtime.host_left" => With($"Host {Text("name")} has left", "why"),
            "agent.definition_refused" => $"The definition {(Text("path") is { Length: > 0 } file ? file : Text("name"))} is refused: {Text("problem")}",
            "task.dependencies_changed" => "What the task waits for has changed",
            "agent.definition_changed" => $"The definition {Text("name")} is at version {Text("version")}",
            "governor.catalogue_changed" => $"What can be called has changed, by {Text("by")}",
            "governor.breaker_opened" => $"{Text("module")} of {Text("provider")} failed {Text("failures")} times in a row and is left alone",
            "governor.breaker_closed" => $"{Text("module")} of {Text("provider")} answers again",
            "governor.breaker_reset" => $"Calls of {Text("module")} pass again, by {Text("by")}",
            "governor.job_queued" => $"Job {Text("job")} asked for by {Text("by")}{(Text("dry_run") == "true" ? ", dry" : "")}",
            "governor.job_started" => $"Job {Text("job")} begun in attempt {Text("attempt")} on {Text("holder")}",
            "governor.job_succeeded" => $"Job {Text("job")} done in {Text("seconds")} s",
            "governor.job_failed" => With($"Job {Text("job")} failed", "error"),
            "governor.job_missed" => $"Job {Text("job")} has missed {Text("missed")} of its times",
            "governor.job_cancelling" or "governor.job_cancelled" => $"Job {Text("job")} {(kind == "governor.job_cancelled" ? "cancelled" : "is to end")}{(Text("by") is { Length: > 0 } canceller ? $", by {canceller}" : "")}",
            "governor.job_paused" or "governor.job_resumed" => $"Job {Text("job")} {kind["governor.job_".Length..]} by {Text("by")}",
            "governor.job_scheduled" => $"Job {Text("job")} runs by {Text("cron")} in {Text("time_zone")}, set by {Text("by")}",
            "runtime.history_removed" => $"{Text("rows")} rows of {Text("class")} removed: older than {Text("kept_days")} days",
            "agent.registered" => With("Agent registered", "name"),
            "agent.live" => "Agent is heard of",
            "agent.stale" or "agent.lost" => $"Agent {Text("name")} is {kind[6..]}",
            "agent.activity_changed" => With("Agent is", "activity"),
            "agent.paused" => "Agent paused",
            "agent.resumed" => "Agent resumed",
            "intervention.requested" => $"{Capital(Text("kind"))} sent to agent{(Text("text") is { Length: > 0 } text ? $": {text}" : "")}",
            "intervention.effective" => $"{Capital(Text("kind"))} has taken effect",
            "intervention.acknowledged" => "Agent acknowledged",
            "budget.soft_limit" or "budget.exhausted" => Text("title"),
            "budget.task_held" => "Task ran into a budget that is used up",
            "budget.decided" => With("Decided about a budget that is used up", "choice"),
            "governor.spend_breaker_opened" => Text("title"),
            "governor.spend_breaker_half_open" => $"The breaker '{Text("policy")}' is on probation",
            "governor.spend_breaker_closed" => $"The breaker '{Text("policy")}' has closed",
            "governor.spend_breaker_reset" => $"The breaker '{Text("policy")}' was reset by {Text("by")}",
            "governor.policy_changed" => $"The policy '{Text("name")}' was {(Text("is_deleted") == "true" ? "deleted" : "set")} by {Text("by")}",
            "budget.reopened" => $"Budget has room again: {Text("why").Replace('_', ' ')}",
            "budget.reservation_lost" => "A call was lost: what it cost is not known",
            "budget.raise_ended" => data.TryGetProperty("detail", out var ended) && ended.TryGetProperty("reason", out _) ? $"A raise of a budget was taken back by {Text("by")}" : "A raise of a budget has ended",
            "budget.created" or "budget.changed" or "budget.raised" or "budget.deleted" => $"Budget {kind[7..]} by {Text("by")}",
            "admission.changed" => With("Admission is", "level"),
            "security.sign_in_succeeded" => With("Signed in", "by"),
            "security.sign_in_refused" => "Sign-in refused",
            "security.access_refused" => $"Refused: {Text("by")} tried {Text("subject")}",
            "security.actor_created" => $"Let in: {Text("name")}, {Text("role").Replace('_', ' ')}",
            "security.key_created" => "Key made",
            "security.key_revoked" => Text("why") is var why && (why == "rotated" || why.StartsWith("revoked", StringComparison.Ordinal)) ? $"Key of {Text("name")} {why}" : $"Key of {Text("name")} ended: {why}",
            "security.keys_carried_over" => "Keys that were revoked stay so, and new ones stay good, in the restored database",
            "bus.rate_limit_warning" => $"{Text("actor")} goes beyond its normal rate of {Text("what")}",
            "bus.rate_limited" => $"{Text("actor")} is turned away: too many {Text("what")}",
            "cost.recorded" => Text("events") == "1" ? With("Cost recorded", "module_id") : $"{Text("events")} costs recorded",
            "cost.repriced" => $"{Text("uses")} uses repriced by {Text("by")}",
            "cost.rollups_rebuilt" => $"Sums of costs made anew from {Text("events")} events",
            "cost.rollups_proven" => $"Sums of costs proven against {Text("events")} events",
            "cost.invoice_imported" => $"Invoice {Text("number")} of {Text("provider")} imported: {Text("difference")} {Text("currency")} booked",
            "cost.rate_set" => $"{Text("currency")}/{Text("quote")} is {Text("rate")} from {Text("effective_on")} on",
            "cost.rollups_differ" => With("Sums of costs are wrong", "detail"),
            "backup.started" => $"Backup begun: {Text("kind")}{(Text("reason") is { Length: > 0 } reason ? $", {reason}" : "")}",
            "backup.succeeded" => $"Backup taken: {Text("kind")}, in {Text("seconds")} s",
            "backup.failed" => With($"Backup failed: {Text("kind")}", "problem"),
            "backup.reviewed" => $"A milestone was reviewed by {Text("by")}",
            "backup.verified" => With("Repository read back", "detail"),
            "backup.verification_failed" => With("The repository is damaged", "detail"),
            "backup.wal_lost" => With("Log was lost", "detail"),
            "backup.restore_drill.started" => $"Restore drill begun: {Text("scenario").Replace('_', ' ')}",
            "backup.restore_drill.passed" => $"Restore drill passed: {Text("scenario").Replace('_', ' ')}, in {Text("seconds")} s",
            "backup.restore_drill.failed" => With($"Restore drill failed: {Text("scenario").Replace('_', ' ')}", "problem"),
            "backup.restore_drill.explained" => With($"Root cause of a drill, by {Text("by")}", "cause"),
            "backup.restore_requested" => $"Restore asked for: {Moment("to")}",
            "backup.database_replaced" => $"The database is one that was restored to {Moment("to")}",
            "backup.database_not_replaced" => With("The running database was not replaced", "problem"),
            "backup.log_probed" => Text("problem") is { Length: > 0 } fault ? $"Log that was fetched back is not sound: {fault}" : "Log was fetched back and is sound",
            "backup.restored" => $"The database is as of {Moment("to")}",
            "backup.restore_started" => $"Restore begun: {Moment("to")}",
            "backup.hook_failed" => With($"The recovery hook could not be told of {Text("event")}", "problem"),
            "backup.restore_ended" => "A restore is there, and was looked at",
            "backup.restore_failed" => With("A restore failed", "problem"),
            "backup.restore_removed" => "A restore's folder was removed",
            "backup.replace_requested" => $"A restored database is to take the running one's place, by {Text("by")}",
            "backup.retention_applied" => "Old backups were removed",
            "alert.raised" => With($"Alert ({Text("severity")})", "title"),
            "governor.history_pinned" => $"History of '{Text("title")}' is kept, by {Text("by")}",
            "governor.history_released" => $"Pinned history was released by {Text("by")}",
            "alert.cleared" => With("Over", "title"),
            "runtime.deployed" => Text("before") is { Length: > 0 } before ? $"Version {Text("version")} runs, after {before}" : $"Version {Text("version")} runs for the first time",
            "runtime.events_removed" => $"Events through {Text("through")} removed: older than {Text("kept_days")} days",
            _ => $"{kind} {Shortened(data.GetRawText())}",
        };
    }

    private static string Key(string wire) => wire.Length > 0 && WireNames<TerminalKey>.TryParse(wire, out var key) ? TerminalInput.NameOf(key) : wire;

    private static string Capital(string word) => word.Length > 0 ? char.ToUpperInvariant(word[0]) + word[1..] : word;

    private static string Shortened(string text) => text.Length > LongestQuote ? string.Concat(text.AsSpan(0, LongestQuote), "…") : text;
}

/// <summary>Where an event leads.</summary>
internal static class EventLinks
{
    /// <summary>The page of what it happened to.</summary>
    public static string To(EventRecord record) => record.SubjectType switch
    {
        "escalation" => $"/escalations/{record.SubjectId}",
        "agent" => $"/agents/{record.SubjectId}",
        "budget" => $"/budgets/{record.SubjectId}",
        "job" => $"/jobs/{record.SubjectId}",
        "invoice" => $"/costs/invoices/{record.SubjectId}",
        "runtime" => $"/runtimes/{record.SubjectId}",
        "session" => $"/sessions/{record.SubjectId}",
        "agent_definition" => "/agents/definitions",
        "host" => "/hosts",
        "restore" when record.SubjectId.Length > 0 => $"/recovery/restores/{record.SubjectId}",
        "restore_drill" => $"/recovery/drills/{record.SubjectId}",
        "backup" or "repository" or "restore" => "/recovery",
        "incident_pin" => "/jobs/trim-history",
        _ when record.TaskId is { } task => $"/work/tasks/{task}",
        "ticket" => $"/work/{record.SubjectId}",
        _ => $"/events?at={record.Seq}",
    };
}
