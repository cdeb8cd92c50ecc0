using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Costs;

/// <summary>A cost as it is reported from outside (bus-api.md, Costs). What is left out is not known.</summary>
/// <param name="AccessPath">How the module was reached.</param>
/// <param name="EventId">The same id again counts once; a new one unless said.</param>
/// <param name="Timestamp">When it arose; now unless said.</param>
/// <param name="ActivityId">The activity, in the reporter's words.</param>
/// <param name="SessionId">The conversation.</param>
/// <param name="AgentRuntimeId">The agent; an agent's report is about itself.</param>
/// <param name="TaskId">The task; an agent's own, and the one that it holds unless said.</param>
/// <param name="TicketId">The ticket; the task's unless said.</param>
/// <param name="ModuleId">The module.</param>
/// <param name="Provider">Its provider.</param>
/// <param name="UsageUnitsIn">What went in.</param>
/// <param name="UsageUnitsOut">What came out.</param>
/// <param name="EstimatedCost">By the price.</param>
/// <param name="BilledCost">By the bill.</param>
/// <param name="Currency">ISO 4217; USD unless said.</param>
/// <param name="LatencyMs">How long it took.</param>
/// <param name="Retries">Attempts after the first.</param>
/// <param name="NodeId">The machine; the agent's unless said.</param>
/// <param name="Notes">Up to 2,000 characters; never a prompt or an answer.</param>
/// <param name="Tokens">The tokens, for a model.</param>
/// <param name="CallEnd">How the call ended.</param>
/// <param name="Corrects">The event that this one corrects, by differences.</param>
public sealed record CostReport(
    AccessPath AccessPath, Guid? EventId = null, DateTimeOffset? Timestamp = null, string? ActivityId = null, string? SessionId = null, Guid? AgentRuntimeId = null,
    Guid? TaskId = null, Guid? TicketId = null, string? ModuleId = null, string? Provider = null, decimal? UsageUnitsIn = null, decimal? UsageUnitsOut = null,
    decimal? EstimatedCost = null, decimal? BilledCost = null, string? Currency = null, int? LatencyMs = null, int? Retries = null, string? NodeId = null,
    string? Notes = null, TokenUsage? Tokens = null, CallEnd? CallEnd = null, Guid? Corrects = null);

/// <summary>What was made of a report.</summary>
/// <param name="Accepted">How many costs it had.</param>
/// <param name="Recorded">How many of them were new.</param>
/// <param name="EventIds">Their ids, in order.</param>
public sealed record ReportedCosts(int Accepted, int Recorded, IReadOnlyList<Guid> EventIds);

/// <summary>Takes in costs that arose elsewhere: a subscription's use, an agent's own calls, a service's bill.</summary>
public sealed class ReportCosts(Transactions transactions, RecordCosts record, TimeProvider time)
{
    /// <summary>The most in one report (bus-api.md).</summary>
    public const int MostAtOnce = 500;

    private const int LongestNotes = 2_000;

    // Twelve digits on either side of the point: what the columns hold without rounding.
    private const decimal LargestAmount = 999_999_999_999m;
    private const int MostDecimals = 12;

    // Clocks differ; a cost of next month is a mistake, and would stand in the way of that month's partition.
    private static readonly TimeSpan MostAhead = TimeSpan.FromDays(1);
    private static readonly DateTimeOffset Earliest = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Records the costs that are new: all of them, or none.</summary>
    /// <exception cref="ValidationException">A field of one of them; nothing was recorded.</exception>
    /// <exception cref="ForbiddenException">An agent reported for another agent, or for a task that it never held.</exception>
    public Task<Outcome<ReportedCosts>> ExecuteAsync(
        IReadOnlyList<CostReport> reports, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ReportCosts);
        if (reports.Count is 0 or > MostAtOnce)
        {
            throw new ValidationException("cost_events", $"Between 1 and {MostAtOnce}; {reports.Count} were given.");
        }

        var errors = new FieldErrors();
        for (var i = 0; i < reports.Count; i++)
        {
            Check(reports[i], reports.Count == 1 ? "" : $"[{i}].", errors);
        }

        errors.ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var known = await ReportedScopes.FindAsync(unit, reports, ct);
            var events = reports.Select((report, i) => EventOf(report, known.Of(report, reports.Count == 1 ? "" : $"[{i}]."))).ToList();
            var recorded = await record.AppendAsync(unit, events, ct);
            return new ReportedCosts(events.Count, recorded, events.ConvertAll(e => e.EventId));
        }, cancellationToken);
    }

    private CostEvent EventOf(CostReport report, Attribution attribution) => new()
    {
        EventId = report.EventId ?? Uuid7.New(time),
        At = report.Timestamp ?? time.GetUtcNow(),
        Attribution = attribution,
        ModuleId = report.ModuleId,
        Provider = report.Provider,
        AccessPath = report.AccessPath,
        Tokens = report.Tokens ?? default,
        UsageUnitsIn = report.UsageUnitsIn ?? TokensIn(report.Tokens),
        UsageUnitsOut = report.UsageUnitsOut ?? report.Tokens?.Output,
        EstimatedCost = report.EstimatedCost,
        BilledCost = report.BilledCost,
        Currency = report.BilledCost is null && report.EstimatedCost is null ? null : report.Currency ?? "USD",
        Knowledge = report.BilledCost is not null ? CostKnowledge.Exact : report.EstimatedCost is not null ? CostKnowledge.Estimated : CostKnowledge.Unknown,
        End = report.CallEnd,
        LatencyMs = report.LatencyMs,
        Retries = report.Retries ?? 0,
        Notes = report.Notes,
        Corrects = report.Corrects,
    };

    private static decimal? TokensIn(TokenUsage? tokens) =>
        tokens is { } t && (t.Input ?? t.CacheRead ?? t.CacheWrite) is not null ? (t.Input ?? 0) + (t.CacheRead ?? 0) + (t.CacheWrite ?? 0) : null;

    private void Check(CostReport report, string at, FieldErrors errors)
    {
        var isCorrection = report.Corrects is not null;
        errors
            .Add($"{at}timestamp", TimeProblem(report.Timestamp))
            .Add($"{at}activity_id", TextRules.OptionalName(report.ActivityId))
            .Add($"{at}session_id", TextRules.OptionalName(report.SessionId))
            .Add($"{at}module_id", TextRules.OptionalName(report.ModuleId))
            .Add($"{at}provider", TextRules.OptionalName(report.Provider))
            .Add($"{at}node_id", TextRules.OptionalName(report.NodeId))
            .Add($"{at}notes", report.Notes is { Length: > LongestNotes } notes ? $"At the most {LongestNotes} characters; {notes.Length} were given." : TextRules.OptionalLongText(report.Notes))
            .Add($"{at}usage_units_in", AmountProblem(report.UsageUnitsIn, isCorrection))
            .Add($"{at}usage_units_out", AmountProblem(report.UsageUnitsOut, isCorrection))
            .Add($"{at}estimated_cost", AmountProblem(report.EstimatedCost, isCorrection))
            .Add($"{at}billed_cost", AmountProblem(report.BilledCost, isCorrection))
            .Add($"{at}currency", report.Currency is { } currency && !Money.IsCurrency(currency) ? $"Three upper-case letters (ISO 4217); '{currency}' was given." : null)
            .Add($"{at}latency_ms", report.LatencyMs is < 0 ? "Not below zero." : null)
            .Add($"{at}retries", report.Retries is < 0 ? "Not below zero." : null)
            .Add($"{at}tokens", TokensProblem(report.Tokens));
    }

    private string? TimeProblem(DateTimeOffset? at) =>
        at is not { } given ? null
        : given < Earliest ? $"Not before {Earliest:yyyy-MM-dd}."
        : given > time.GetUtcNow() + MostAhead ? "It is more than a day ahead of this host's clock."
        : null;

    private static string? AmountProblem(decimal? amount, bool mayBeNegative) =>
        amount is not { } given ? null
        : given < 0 && !mayBeNegative ? "Not below zero, except in a correction (corrects)."
        : Math.Abs(given) > LargestAmount ? $"At the most {LargestAmount}."
        : decimal.Round(given, MostDecimals) != given ? $"At the most {MostDecimals} decimals: more would be rounded."
        : null;

    private static string? TokensProblem(TokenUsage? tokens) =>
        tokens is { } t && new[] { t.Input, t.Output, t.CacheRead, t.CacheWrite, t.Reasoning }.Any(n => n < 0) ? "None of them below zero." : null;
}
