using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using Microsoft.Extensions.Logging;
using Npgsql;

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

/// <summary>
/// Takes in costs that arose elsewhere: a subscription's use, an agent's own calls, a service's bill. Many reporters' in one
/// commit, each of them whole or not at all.
/// </summary>
public sealed class ReportCosts(NpgsqlDataSource database, EventLogSignal signal, RecordCosts record, TimeProvider time, ILogger<ReportCosts> logger)
    : GroupCommit<ReportCosts.Posting, ReportedCosts>("cost-reports", database, signal, time, logger)
{
    /// <summary>The most in one report (bus-api.md).</summary>
    public const int MostInOneReport = 500;

    private readonly NpgsqlDataSource _database = database;

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
    public async Task<Outcome<ReportedCosts>> ExecuteAsync(
        IReadOnlyList<CostReport> reports, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ReportCosts);
        if (reports.Count is 0 or > MostInOneReport)
        {
            throw new ValidationException("cost_events", $"Between 1 and {MostInOneReport}; {reports.Count} were given.");
        }

        var errors = new FieldErrors();
        for (var i = 0; i < reports.Count; i++)
        {
            Check(reports, i, errors);
        }

        errors.ThrowIfAny();
        return await SubmitAsync(await AttributedAsync(reports, caller, cancellationToken), idempotency, cancellationToken);
    }

    /// <inheritdoc />
    /// <remarks>The writing of large reports is work for more than one of the server's processes.</remarks>
    protected override int MostAtOnce => 2;

    /// <inheritdoc />
    protected override int WeightOf(Posting request) => Math.Max(1, request.Events.Count);

    /// <inheritdoc />
    protected override async Task ExecuteAsync(
        NpgsqlConnection connection, IReadOnlyList<GroupMember<Posting, ReportedCosts>> group, List<EventDraft> events, CancellationToken cancellationToken)
    {
        var accepted = new List<GroupMember<Posting, ReportedCosts>>(group.Count);
        foreach (var member in group)
        {
            member.Problem = member.Request.Refusal;
            if (member.Problem is null)
            {
                accepted.Add(member);
            }
        }

        var units = accepted.ConvertAll(m => new UnitOfWork(connection, m.Request.Caller));
        var recorded = await record.AppendTogetherAsync([.. accepted.Select((m, i) => new CostRecording(units[i], m.Request.Events, m.Request.CorrelationId))], cancellationToken);
        for (var i = 0; i < accepted.Count; i++)
        {
            var request = accepted[i].Request;
            accepted[i].Result = new ReportedCosts(request.Events.Count, recorded[i], request.Events.ConvertAll(e => e.EventId));
            events.AddRange(units[i].Events);
        }
    }

    // Before its turn in the group: what one reporter names is looked up beside what others name. A refusal takes its turn all
    // the same, because it is an answer to keep.
    private async Task<Posting> AttributedAsync(IReadOnlyList<CostReport> reports, Caller caller, CancellationToken cancellationToken)
    {
        try
        {
            var known = await ReportedScopes.FindAsync(_database, caller, reports, cancellationToken);
            var events = new List<CostEvent>(reports.Count);
            for (var i = 0; i < reports.Count; i++)
            {
                events.Add(EventOf(reports[i], known.Of(reports[i], At(reports, i))));
            }

            return new Posting(events, null, caller, UnitOfWork.CurrentCorrelation);
        }
        catch (DomainException refusal)
        {
            return new Posting([], refusal, caller, UnitOfWork.CurrentCorrelation);
        }
    }

    private static string At(IReadOnlyList<CostReport> reports, int place) => reports.Count == 1 ? "" : $"[{place}].";

    private CostEvent EventOf(CostReport report, Attribution attribution) => new()
    {
        EventId = report.EventId ?? Uuid7.New(Time),
        At = report.Timestamp ?? Time.GetUtcNow(),
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

    // The name of a field is made only where something is wrong with it: there are fourteen hundred of them in a hundred reports.
    private void Check(IReadOnlyList<CostReport> reports, int place, FieldErrors errors)
    {
        var report = reports[place];
        var isCorrection = report.Corrects is not null;
        Note("timestamp", TimeProblem(report.Timestamp));
        Note("activity_id", TextRules.OptionalName(report.ActivityId));
        Note("session_id", TextRules.OptionalName(report.SessionId));
        Note("module_id", TextRules.OptionalName(report.ModuleId));
        Note("provider", TextRules.OptionalName(report.Provider));
        Note("node_id", TextRules.OptionalName(report.NodeId));
        Note("notes", report.Notes is { Length: > LongestNotes } notes ? $"At the most {LongestNotes} characters; {notes.Length} were given." : TextRules.OptionalLongText(report.Notes));
        Note("usage_units_in", AmountProblem(report.UsageUnitsIn, isCorrection));
        Note("usage_units_out", AmountProblem(report.UsageUnitsOut, isCorrection));
        Note("estimated_cost", AmountProblem(report.EstimatedCost, isCorrection));
        Note("billed_cost", AmountProblem(report.BilledCost, isCorrection));
        Note("currency", report.Currency is { } currency && !Money.IsCurrency(currency) ? $"Three upper-case letters (ISO 4217); '{currency}' was given." : null);
        Note("latency_ms", report.LatencyMs is < 0 ? "Not below zero." : null);
        Note("retries", report.Retries is < 0 ? "Not below zero." : null);
        Note("tokens", TokensProblem(report.Tokens));

        void Note(string field, string? problem)
        {
            if (problem is not null)
            {
                errors.Add(At(reports, place) + field, problem);
            }
        }
    }

    private string? TimeProblem(DateTimeOffset? at) =>
        at is not { } given ? null
        : given < Earliest ? $"Not before {Earliest:yyyy-MM-dd}."
        : given > Time.GetUtcNow() + MostAhead ? "It is more than a day ahead of this host's clock."
        : null;

    private static string? AmountProblem(decimal? amount, bool mayBeNegative) =>
        amount is not { } given ? null
        : given < 0 && !mayBeNegative ? "Not below zero, except in a correction (corrects)."
        : Math.Abs(given) > LargestAmount ? $"At the most {LargestAmount}."
        : decimal.Round(given, MostDecimals) != given ? $"At the most {MostDecimals} decimals: more would be rounded."
        : null;

    private static string? TokensProblem(TokenUsage? tokens) =>
        tokens is { Input: < 0 } or { Output: < 0 } or { CacheRead: < 0 } or { CacheWrite: < 0 } or { Reasoning: < 0 } ? "None of them below zero." : null;

    /// <summary>One reporter's costs, attributed.</summary>
    /// <param name="Events">What is recorded; none if it is refused.</param>
    /// <param name="Refusal">Why it is refused.</param>
    /// <param name="Caller">Who reports.</param>
    /// <param name="CorrelationId">The trace of the request.</param>
    public sealed record Posting(List<CostEvent> Events, DomainException? Refusal, Caller Caller, Guid? CorrelationId);
}
