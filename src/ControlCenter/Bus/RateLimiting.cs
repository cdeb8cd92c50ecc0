using System.Collections.Concurrent;
using System.Threading.Channels;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Limits;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;

namespace ControlCenter.Bus;

/// <summary>The limits of one actor, over everything it does: never per address (bus-api.md, Limits).</summary>
internal sealed class RateLimiting(TimeProvider time)
{
    private readonly ConcurrentDictionary<Guid, ActorLimits> _actors = new();
    private readonly long _origin = time.GetTimestamp();
    private readonly Channel<LimitViolation> _violations = Channel.CreateBounded<LimitViolation>(
        new BoundedChannelOptions(1_000) { FullMode = BoundedChannelFullMode.DropOldest });

    /// <summary>What is to be told of.</summary>
    public ChannelReader<LimitViolation> Violations => _violations.Reader;

    /// <summary>Counts one request.</summary>
    /// <exception cref="DomainException"><c>rate_limited</c>.</exception>
    public void Request(Caller caller, HttpResponse response)
    {
        if (PermissionMatrix.Allows(caller.Role, Permission.Unthrottled))
        {
            return;
        }

        var decision = Decide(caller, limits => limits.Requests, 1, "requests");
        response.Headers["RateLimit-Limit"] = RateLimits.Requests.BurstPerMinute.ToString(System.Globalization.CultureInfo.InvariantCulture);
        response.Headers["RateLimit-Remaining"] = decision.Remaining.ToString(System.Globalization.CultureInfo.InvariantCulture);
        Require(decision, $"More than {RateLimits.Requests.NormalPerMinute} requests a minute for longer than {RateLimits.Requests.LongestBurst.TotalSeconds:0} s, or more than {RateLimits.Requests.BurstPerMinute} at all.");
    }

    /// <summary>Counts posted events, which come all or not at all.</summary>
    /// <exception cref="DomainException"><c>rate_limited</c>.</exception>
    public void Events(Caller caller, int count)
    {
        if (caller.Role == Role.AgentRuntime)
        {
            Require(Decide(caller, limits => limits.Events, count, "events"), $"More than {RateLimits.Events.NormalPerMinute} events a minute; {count} more were posted.");
        }
    }

    private RateDecision Decide(Caller caller, Func<ActorLimits, RequestRateLimiter> which, int cost, string what)
    {
        var limits = _actors.GetOrAdd(caller.ActorId, static _ => new ActorLimits());
        RateDecision decision;
        lock (limits)
        {
            decision = which(limits).Decide(time.GetElapsedTime(_origin), cost);
        }

        if (decision.Crossed || decision.Throttled)
        {
            _violations.Writer.TryWrite(new LimitViolation(caller, decision.Throttled ? "bus.rate_limited" : "bus.rate_limit_warning", what));
        }

        if (!decision.Allowed)
        {
            BusMetrics.Throttled.Add(cost, new KeyValuePair<string, object?>("what", what));
        }

        return decision;
    }

    private static void Require(RateDecision decision, string detail)
    {
        if (!decision.Allowed)
        {
            throw new UnavailableException(ProblemTypes.RateLimited, $"{detail} Come back in {decision.RetryAfterSeconds} s.", decision.RetryAfterSeconds);
        }
    }

    private sealed class ActorLimits
    {
        public RequestRateLimiter Requests { get; } = new(RateLimits.Requests);

        public RequestRateLimiter Events { get; } = new(RateLimits.Events);
    }
}

/// <summary>An actor that asked for too much.</summary>
internal sealed record LimitViolation(Caller Caller, string Kind, string What);

/// <summary>Tells the log of violated limits, so that the alert feed shows them (CB-15).</summary>
internal sealed class TellOfViolations(RateLimiting limits, Transactions transactions, TimeProvider time, ILogger<TellOfViolations> logger)
    : SupervisedService("limit-violations", time, logger)
{
    public override TimeSpan SilentAfter => Timeout.InfiniteTimeSpan;

    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        await foreach (var violation in limits.Violations.ReadAllAsync(stoppingToken))
        {
            await transactions.RunAsync(violation.Caller, (unit, _) =>
            {
                unit.Record(violation.Kind, ("actor", violation.Caller.ActorId.ToString()), new { Actor = violation.Caller.Name, violation.What });
                return Task.FromResult(true);
            }, stoppingToken);
            Beat($"{violation.Caller.Name}: {violation.Kind}");
        }
    }
}
