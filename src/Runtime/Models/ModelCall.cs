using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Text;

namespace ControlCenter.Runtime.Models;

/// <summary>What a caller asks of a model, as it came.</summary>
/// <param name="Endpoint">Which call.</param>
/// <param name="Query">The query string with its question mark, or nothing.</param>
/// <param name="Headers">The caller's headers; those that are not the provider's business are left out on the way.</param>
/// <param name="Body">The body, untouched.</param>
/// <param name="Session">The conversation (<c>x-cc-session</c>).</param>
/// <param name="TaskId">The task that it is for (<c>x-cc-task</c>).</param>
public sealed record ModelCall(
    ModelEndpoint Endpoint, string Query, IReadOnlyList<KeyValuePair<string, string>> Headers, ReadOnlyMemory<byte> Body, string? Session, Guid? TaskId);

/// <summary>One candidate, and what became of it.</summary>
/// <param name="Module">Which.</param>
/// <param name="What"><c>answered</c>, <c>failed</c> or <c>skipped</c>.</param>
/// <param name="Why">A word for the reason.</param>
/// <param name="Status">The provider's HTTP status, where it gave one.</param>
/// <param name="TookMs">How long it took.</param>
public sealed record RoutingStep(string Module, string What, string? Why = null, int? Status = null, int? TookMs = null);

/// <summary>One call while it is under way: how it was routed, and what it came to. Holds nothing of what is said.</summary>
internal sealed class CallUnderWay(Guid id, Caller caller, ModelCall call, ModelRequest request, Attribution attribution, TimeProvider time)
{
    private readonly long _startedAt = time.GetTimestamp();

    public Guid Id { get; } = id;

    public Caller Caller { get; } = caller;

    public ModelCall Call { get; } = call;

    public ModelRequest Request { get; } = request;

    public Attribution Attribution { get; } = attribution;

    public DateTimeOffset StartedAt { get; } = time.GetUtcNow();

    public List<RoutingStep> Steps { get; } = [];

    public Module? Module { get; set; }

    public Price? Price { get; set; }

    public Guid? Reservation { get; set; }

    public int Retries { get; set; }

    public int Fallbacks { get; set; }

    public int? Status { get; set; }

    /// <summary>Whether an attempt broke off after it may have been begun: its provider may charge for it.</summary>
    public bool MayHaveRun { get; set; }

    public bool IsSettled { get; set; }

    /// <summary>What it is, beside a caller's call, in words for its cost's notes; null for a caller's own.</summary>
    public string? Beside { get; init; }

    /// <summary>The one module that may serve it; null where the name that is asked for says so.</summary>
    public string? Only { get; init; }

    /// <summary>What it cost; null until it is settled.</summary>
    public CostEvent? Cost { get; set; }

    public int? FirstByteMs { get; private set; }

    public TimeSpan Elapsed => time.GetElapsedTime(_startedAt);

    public void SawFirstByte() => FirstByteMs ??= (int)Elapsed.TotalMilliseconds;

    public void Skip(Module module, string why) => Steps.Add(new RoutingStep(module.Id, "skipped", why));

    /// <summary>What it cost, as it is kept.</summary>
    public CostEvent ToCost(CallEnd end, AnswerReader? read)
    {
        var took = Elapsed;
        var (usage, cost) = Reckon(end, read, took);
        return new CostEvent
        {
            EventId = Id,
            At = StartedAt,
            Attribution = Attribution,
            ModuleId = Module?.Id,
            Provider = Module?.Provider,
            AccessPath = Module?.AccessPath,
            Tokens = usage,
            UsageUnitsIn = usage.Input is null ? null : usage.Input + (usage.CacheRead ?? 0) + (usage.CacheWrite ?? 0),
            UsageUnitsOut = usage.Output,
            EstimatedCost = cost.Cost?.Amount,
            Currency = cost.Cost?.Currency,
            Knowledge = cost.Knowledge,
            PriceId = Price?.Id,
            End = end,
            LatencyMs = (int)Math.Min(int.MaxValue, took.TotalMilliseconds),
            Retries = Retries,
            Fallbacks = Fallbacks,
            Notes = Beside is null ? $"gateway {Call.Endpoint.Wire()}" : $"gateway {Call.Endpoint.Wire()}, {Beside}",
        };
    }

    private (TokenUsage Usage, PricedUsage Cost) Reckon(CallEnd end, AnswerReader? read, TimeSpan took)
    {
        var nothing = new PricedUsage(Price is null ? null : new Money(0, Price.Currency), Price is null ? CostKnowledge.Unknown : CostKnowledge.Exact);
        if (!Call.Endpoint.IsCharged())
        {
            return (default, nothing);
        }

        if (read is null)
        {
            // A provider that refused, or was never reached, has charged nothing. One that was cut off may have: nobody knows.
            return (default, end is CallEnd.Failed or CallEnd.Throttled && !MayHaveRun ? nothing : PricedUsage.Unknown);
        }

        if (read is { IsComplete: true, Usage: { Input: not null, Output: not null } counted })
        {
            return (counted, Pricing.Of(Price, counted, took, isEstimate: MayHaveRun));
        }

        // Only a stream has been seen to write; a whole answer that does not tell its usage leaves nothing to estimate by.
        if (read.OutputSeen == 0 && !read.Usage.IsKnown)
        {
            return (default, PricedUsage.Unknown);
        }

        var estimated = read.Usage with { Input = read.Usage.Input ?? Request.InputEstimate, Output = read.Usage.Output ?? read.OutputSeen };
        return (estimated, Pricing.Of(Price, estimated, took, isEstimate: true));
    }
}
