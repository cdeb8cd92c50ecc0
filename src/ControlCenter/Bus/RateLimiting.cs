using System.Collections.Concurrent;
using System.Globalization;
using System.Threading.Channels;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Limits;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Limits;

namespace ControlCenter.Bus;

/// <summary>The limits of one actor, over everything it does: never per address (bus-api.md, Limits).</summary>
internal sealed class RateLimiting(TimeProvider time)
{
    private const string Requests = "requests";
    private const string PostedEvents = "events";

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

        var decision = Decide(caller, limits => limits.Requests, 1, Requests);
        RateLimitHeaders.Write(response, RateLimits.Requests, decision);
        Require(decision, $"More than {RateLimits.Requests.NormalPerMinute} requests a minute for longer than {RateLimits.Requests.LongestBurst.TotalSeconds:0} s, or more than {RateLimits.Requests.BurstPerMinute} at all.");
    }

    /// <summary>Counts posted events, which come all or not at all. The answer then tells of this limit, which is the closer one.</summary>
    /// <exception cref="DomainException"><c>rate_limited</c>; its words say so where no waiting would let the batch pass.</exception>
    public void Events(Caller caller, int count, HttpResponse response)
    {
        // None at all is for the command to refuse.
        if (caller.Role != Role.AgentRuntime || count == 0)
        {
            return;
        }

        var decision = Decide(caller, limits => limits.Events, count, PostedEvents);
        RateLimitHeaders.Write(response, RateLimits.Events, decision);
        Require(decision, RateLimits.Events.CanEverAdmit(count)
            ? $"More than {RateLimits.Events.NormalPerMinute} events a minute; {count} more were posted."
            : $"{count} events were posted at once, but an agent may post {RateLimits.Events.BurstPerMinute} a minute: this batch can never pass as it is. Post it in parts of at the most {RateLimits.Events.BurstPerMinute}.");
    }

    /// <summary>Goes on from what a former host kept.</summary>
    public void Restore(IEnumerable<(KeptRateLimit Limit, TimeSpan Since)> kept)
    {
        var now = time.GetElapsedTime(_origin);
        foreach (var actor in kept.GroupBy(k => k.Limit.ActorId))
        {
            RequestRateLimiter Limiter(string counted, RateLimits limits) =>
                actor.FirstOrDefault(k => k.Limit.Counted == counted) is { Limit: { } limit } found
                    ? RequestRateLimiter.Restore(limits, limit.Snapshot, found.Since, now)
                    : new RequestRateLimiter(limits);

            // Counts as changed, so that it is written down by this host's clock, or forgotten.
            _actors[actor.Key] = new ActorLimits(Limiter(Requests, RateLimits.Requests), Limiter(PostedEvents, RateLimits.Events)) { Version = 1 };
        }
    }

    /// <summary>What has changed since it was last saved: an actor with no limits in it has nothing left that counts.</summary>
    public IReadOnlyList<ChangedLimits> Changed()
    {
        var changed = new List<ChangedLimits>();
        foreach (var (actor, limits) in _actors)
        {
            lock (limits)
            {
                var now = time.GetElapsedTime(_origin);
                if (limits.Requests.IsIdle(now) && limits.Events.IsIdle(now))
                {
                    changed.Add(new ChangedLimits(actor, limits.Version, []));
                }
                else if (limits.Version != limits.SavedVersion)
                {
                    changed.Add(new ChangedLimits(actor, limits.Version,
                    [
                        new KeptRateLimit(actor, Requests, limits.Requests.Snapshot(now)),
                        new KeptRateLimit(actor, PostedEvents, limits.Events.Snapshot(now)),
                    ]));
                }
            }
        }

        return changed;
    }

    /// <summary>Takes note of what is now in the database. Who has nothing left that counts is forgotten here too.</summary>
    public void Saved(IReadOnlyList<ChangedLimits> saved)
    {
        foreach (var (actor, version, kept) in saved)
        {
            if (!_actors.TryGetValue(actor, out var limits))
            {
                continue;
            }

            lock (limits)
            {
                limits.SavedVersion = version;
                if (kept.Count == 0 && limits.Version == version)
                {
                    limits.Forgotten = true;
                    _actors.TryRemove(actor, out _);
                }
            }
        }
    }

    private RateDecision Decide(Caller caller, Func<ActorLimits, RequestRateLimiter> which, int cost, string what)
    {
        RateDecision? decided;
        do
        {
            decided = DecideBy(_actors.GetOrAdd(caller.ActorId, static _ => new ActorLimits()), which, cost);
        }
        while (decided is null);

        var decision = decided.Value;
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

    /// <summary>Null if these limits were forgotten in the same moment: the actor has new ones.</summary>
    private RateDecision? DecideBy(ActorLimits limits, Func<ActorLimits, RequestRateLimiter> which, int cost)
    {
        lock (limits)
        {
            if (limits.Forgotten)
            {
                return null;
            }

            var decision = which(limits).Decide(time.GetElapsedTime(_origin), cost);
            limits.Version += decision.Allowed ? 1 : 0;
            return decision;
        }
    }

    private static void Require(RateDecision decision, string detail)
    {
        if (!decision.Allowed)
        {
            throw new UnavailableException(ProblemTypes.RateLimited, $"{detail} Come back in {decision.RetryAfterSeconds} s.", decision.RetryAfterSeconds);
        }
    }

    private sealed class ActorLimits(RequestRateLimiter requests, RequestRateLimiter events)
    {
        public ActorLimits()
            : this(new RequestRateLimiter(RateLimits.Requests), new RequestRateLimiter(RateLimits.Events))
        {
        }

        public RequestRateLimiter Requests { get; } = requests;

        public RequestRateLimiter Events { get; } = events;

        public long Version { get; set; }

        public long SavedVersion { get; set; }

        public bool Forgotten { get; set; }
    }
}

/// <summary>What is to be saved of one actor.</summary>
/// <param name="ActorId">Whose.</param>
/// <param name="Version">Grows with everything that it is admitted.</param>
/// <param name="Limits">What its limiters remember; empty if nothing of it counts any more.</param>
internal sealed record ChangedLimits(Guid ActorId, long Version, IReadOnlyList<KeptRateLimit> Limits);

/// <summary>An actor that asked for too much.</summary>
internal sealed record LimitViolation(Caller Caller, string Kind, string What);

/// <summary>
/// Tells a limited caller, with every answer, how much it has left: <c>RateLimit-Limit</c>, <c>-Remaining</c>, <c>-Reset</c>
/// and <c>-Policy</c> (draft-ietf-httpapi-ratelimit-headers-06, the form that clients read).
/// </summary>
internal static class RateLimitHeaders
{
    public static void Write(HttpResponse response, RateLimits limits, RateDecision decision)
    {
        if (response.HasStarted)
        {
            // A tool is called while its answer is already on the way; the request's own limit has been told.
            return;
        }

        var headers = response.Headers;
        headers["RateLimit-Limit"] = decision.Limit.ToString(CultureInfo.InvariantCulture);
        headers["RateLimit-Remaining"] = decision.Remaining.ToString(CultureInfo.InvariantCulture);
        headers["RateLimit-Reset"] = decision.ResetSeconds.ToString(CultureInfo.InvariantCulture);
        headers["RateLimit-Policy"] = ReferenceEquals(limits, RateLimits.Events) ? EventPolicy : RequestPolicy;
    }

    private static readonly string RequestPolicy = PolicyOf(RateLimits.Requests);
    private static readonly string EventPolicy = PolicyOf(RateLimits.Events);

    private static string PolicyOf(RateLimits limits) => limits.BurstPerMinute == limits.NormalPerMinute
        ? string.Create(CultureInfo.InvariantCulture, $"{limits.NormalPerMinute};w=60")
        : string.Create(CultureInfo.InvariantCulture, $"{limits.NormalPerMinute};w=60, {limits.BurstPerMinute};w=60;comment=\"for {limits.LongestBurst.TotalSeconds:0} s\"");
}

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
