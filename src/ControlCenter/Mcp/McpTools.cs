using System.Text.Json;
using ControlCenter.Access;
using ControlCenter.Bus;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Work;
using ControlCenter.Escalations;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.Escalations;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Work;

namespace ControlCenter.Mcp;

/// <summary>The tools (bus-api.md): each is a command or a query that the bus has over HTTP too.</summary>
internal static class McpTools
{
    private const string AboutTask = "The task, from claim_task.";
    private const string AboutLease = "The lease that you hold on the task, from claim_task.";
    private const string AboutToken = "The lease's fencing token, from claim_task.";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<McpTool> All { get; } =
    [
        McpTool.Command<ClaimArguments, ClaimAnswer>(
            "claim_task", Permission.ActAsSelf,
            "Get the next task that fits you, under a lease. Waits up to wait_seconds for one. An answer without a task means that there is none for you now.",
            new()
            {
                ["agent_id"] = "The agent to claim for; yourself unless you act for others.",
                ["capabilities"] = "What you can do; what you registered with unless given.",
                ["wait_seconds"] = "How long to wait for a task, 0 to 60. Stay below your client's own time limit.",
            },
            ClaimAsync),
        McpTool.Command<RenewLeaseRequest, RenewedLease>(
            "renew_lease", Permission.ActAsSelf, "Keep the task for another full term. Needed before expires_at where work takes longer.",
            new() { ["lease_id"] = AboutLease, ["fencing_token"] = AboutToken },
            call => call.Service<RenewLease>().ExecuteAsync(call.Id, call.Request, call.Caller, call.Idempotency, call.Aborted), id: "lease_id"),
        McpTool.Command<ReportProgressRequest, TaskStanding>(
            "report_progress", Permission.ActAsSelf, "Say how far the task is. The founder sees it at once. It does not renew the lease.",
            new() { ["task_id"] = AboutTask, ["lease_id"] = AboutLease, ["fencing_token"] = AboutToken, ["message"] = "What you are doing, in a sentence.", ["percent"] = "How much is done, 0 to 100." },
            call => call.Service<ReportProgress>().ExecuteAsync(call.Id, call.Request, call.Caller, call.Idempotency, call.Aborted), id: "task_id"),
        McpTool.Command<SaveCheckpointRequest, SavedCheckpoint>(
            "save_checkpoint", Permission.ActAsSelf, "Keep what somebody else would need to go on from here if you stop. The newest is handed to whoever claims the task next.",
            new() { ["task_id"] = AboutTask, ["lease_id"] = AboutLease, ["fencing_token"] = AboutToken, ["state"] = "Any JSON, up to 256 KiB." },
            call => call.Service<SaveCheckpoint>().ExecuteAsync(call.Id, call.Request, call.Caller, call.Idempotency, call.Aborted), id: "task_id"),
        McpTool.Command<CompleteTaskRequest, TaskStanding>(
            "complete_task", Permission.ActAsSelf, "Hand in the finished work. The lease ends with it.",
            new() { ["task_id"] = AboutTask, ["lease_id"] = AboutLease, ["fencing_token"] = AboutToken, ["result"] = "What came of it: any JSON." },
            call => call.Service<CompleteTask>().ExecuteAsync(call.Id, call.Request, call.Caller, call.Idempotency, call.Aborted), id: "task_id"),
        McpTool.Command<FailTaskRequest, TaskStanding>(
            "fail_task", Permission.ActAsSelf, "Say that this attempt has failed. The task is tried again if retryable and attempts are left.",
            new()
            {
                ["task_id"] = AboutTask, ["lease_id"] = AboutLease, ["fencing_token"] = AboutToken, ["error"] = "What went wrong, for whoever reads it next.",
                ["retryable"] = "Whether another attempt may succeed; true unless given.",
            },
            call => call.Service<FailTask>().ExecuteAsync(call.Id, call.Request, call.Caller, call.Idempotency, call.Aborted), id: "task_id"),
        McpTool.Command<OpenEscalationRequest, OpenedEscalation>(
            "escalate", Permission.OpenEscalations, "Ask the founder: for an approval before something that cannot be undone, for a decision between options, or for information. Then call wait_for_decision.",
            new()
            {
                ["kind"] = "What is asked for.",
                ["title"] = "The question in one line.",
                ["detail"] = "What the founder needs to know to answer.",
                ["task_id"] = "The task that it is about, if any; with its lease_id and fencing_token.",
                ["lease_id"] = AboutLease,
                ["fencing_token"] = AboutToken,
                ["action"] = "For an approval: exactly what will be done, as JSON. The answer is bound to it.",
                ["options"] = "For a decision: the answers to choose from.",
                ["expires_in_seconds"] = "After how long without an answer it counts as a no.",
            },
            call => call.Service<OpenEscalation>().ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted)),
        McpTool.Query<WaitArguments, EscalationView>(
            "wait_for_decision", Permission.ReadAll, "Wait for the answer to an escalation. While its state is waiting, call again; do what was asked about only when it is approved.",
            new() { ["escalation_id"] = "From escalate.", ["wait_seconds"] = "How long to wait, 0 to 60; 45 unless given. Stay below your client's own time limit." },
            WaitAsync, id: "escalation_id"),
        McpTool.Command<EventArguments, AcceptedEvents>(
            "post_event", Permission.PostEvents, "Put something that happened into the event log, for people and other agents to see.",
            new() { ["kind"] = "Words joined by dots: build.finished.", ["subject"] = "What it is about, type:id.", ["data"] = "The particulars: any JSON." },
            PostAsync),
        McpTool.Command<CostReport, ReportedCosts>(
            "report_cost", Permission.ReportCosts, "Report what something cost that did not go through the gateway. What you do not know you leave out: it counts as unknown, not as zero.",
            CostMeanings.All,
            call => call.Service<ReportCosts>().ExecuteAsync([call.Request], call.Caller, call.Idempotency, call.Aborted)),
        McpTool.Query<ListArguments, Page<TaskView>>(
            "list_tasks", Permission.ReadAll, "List tasks, newest first.",
            new()
            {
                ["state"] = "Only those in this state.",
                ["ticket"] = "Only those of this ticket, by id or by key (T-1).",
                ["agent_id"] = "Only those of this agent.",
                ["text"] = "Only those with these words in their title.",
                ["limit"] = "How many at the most, 1 to 200; 50 unless given.",
                ["cursor"] = "next_cursor of the answer before, for more.",
            },
            ListAsync),
        McpTool.Command<CreateTicketRequest, CreatedTicket>(
            "create_ticket", Permission.CreateTickets, "Open a ticket for work that should be done and is no part of your task.",
            new() { ["title"] = "What is to be done, in one line.", ["description"] = "What somebody needs to know to do it.", ["project"] = "The project that it belongs to.", ["priority"] = "0 (whenever) to 4 (now); 2 unless given." },
            call => call.Service<CreateTicket>().ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted)),
    ];

    /// <summary>Those that a caller may use: for it there are no others.</summary>
    public static IEnumerable<McpTool> For(Caller caller) => All.Where(t => PermissionMatrix.Allows(caller.Role, t.Needs));

    private static async Task<Outcome<ClaimAnswer>> ClaimAsync(ToolCall<ClaimArguments> call)
    {
        var agent = call.Request.AgentId ?? call.Caller.OnlyFor ?? throw new ValidationException("agent_id", "Say for which agent: you act for more than one.");
        using var watched = call.Request.WaitSeconds > 0 ? call.Service<EndRevokedAccess>().Watch(call.Http) : null;
        var outcome = await call.Service<ClaimTask>().ExecuteAsync(
            new ClaimTaskRequest(agent, call.Request.Capabilities, call.Request.WaitSeconds), call.Caller, call.Idempotency, call.Aborted);
        if (outcome.Replayed is { Status: StatusCodes.Status200OK })
        {
            return new Outcome<ClaimAnswer>(null, outcome.Replayed);
        }

        return new Outcome<ClaimAnswer>(
            outcome.Value is { } work
                ? new ClaimAnswer(work.Task, work.Lease)
                : new ClaimAnswer(null, null, await call.Service<WithheldWork>().ReasonAsync(agent, call.Request.Capabilities, call.Aborted)),
            null);
    }

    private static async Task<EscalationView> WaitAsync(ToolCall<WaitArguments> call)
    {
        var seconds = call.Request.WaitSeconds ?? 45;
        if (seconds is < 0 or > WaitForDecision.LongestSeconds)
        {
            throw new ValidationException("wait_seconds", $"Between 0 and {WaitForDecision.LongestSeconds}; {seconds} was given.");
        }

        return await call.Service<WaitForDecision>().FindAsync(call.Http, call.Id, TimeSpan.FromSeconds(seconds))
            ?? throw new NotFoundException("escalation", call.Id.ToString());
    }

    private static Task<Outcome<AcceptedEvents>> PostAsync(ToolCall<EventArguments> call)
    {
        call.Service<RateLimiting>().Events(call.Caller, 1, call.Http.Response);
        return call.Service<PostEvents>().ExecuteAsync(
            [new PostedEvent(call.Request.Kind, call.Request.Subject, call.Request.Data?.GetRawText() ?? "{}")], call.Caller, call.Idempotency, call.Aborted);
    }

    private static async Task<Page<TaskView>> ListAsync(ToolCall<ListArguments> call)
    {
        var asked = call.Request;
        if (asked.Limit is < 1 or > PageRequest.MostItems)
        {
            throw new ValidationException("limit", $"Between 1 and {PageRequest.MostItems}; {asked.Limit} was given.");
        }

        // By id or by key; a ticket that is not there has no tasks.
        var ticket = asked.Ticket is { } named ? (await call.Service<TicketQueries>().FindAsync(named, call.Aborted))?.TicketId ?? Guid.Empty : (Guid?)null;
        return await call.Service<TaskQueries>().ListAsync(
            new TaskFilter(asked.State, ticket, asked.AgentId, asked.Text), new PageRequest(asked.Limit ?? PageRequest.DefaultLimit, asked.Cursor), call.Aborted);
    }

    private sealed record ClaimArguments(Guid? AgentId = null, string[]? Capabilities = null, int? WaitSeconds = null);

    private sealed record ClaimAnswer(ClaimedTask? Task, GrantedLease? Lease, string? Refused = null);

    private sealed record WaitArguments(int? WaitSeconds = null);

    private sealed record EventArguments(string Kind, string? Subject = null, JsonElement? Data = null);

    private sealed record ListArguments(TaskState? State = null, string? Ticket = null, Guid? AgentId = null, string? Text = null, int? Limit = null, string? Cursor = null);

    private static class CostMeanings
    {
        public static readonly Dictionary<string, string> All = new(StringComparer.Ordinal)
        {
            ["access_path"] = "How it was paid for.",
            ["event_id"] = "An id of your choice: the same again counts once.",
            ["timestamp"] = "When it arose (RFC 3339); now unless given.",
            ["activity_id"] = "A name of what was being done.",
            ["session_id"] = "The conversation that it arose in.",
            ["agent_runtime_id"] = "The agent that it is for; yourself unless given.",
            ["task_id"] = "The task that it is for.",
            ["ticket_id"] = "The ticket that it is for.",
            ["module_id"] = "The model or module that was used.",
            ["provider"] = "Who charges for it.",
            ["usage_units_in"] = "What went in: tokens of a prompt.",
            ["usage_units_out"] = "What came out: tokens of an answer.",
            ["estimated_cost"] = "What it cost, as far as you can tell.",
            ["billed_cost"] = "What was charged for it, if that is known.",
            ["currency"] = "Of the amounts: USD, EUR.",
            ["latency_ms"] = "How long it took, in ms.",
            ["retries"] = "How often it was tried again.",
            ["node_id"] = "The machine that it ran on.",
            ["notes"] = "Anything else worth keeping.",
            ["tokens"] = "The tokens by kind, where they are known.",
            ["call_end"] = "How the call ended.",
            ["corrects"] = "The event that this one corrects, by the difference.",
        };
    }
}
