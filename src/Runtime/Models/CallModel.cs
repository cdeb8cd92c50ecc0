using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;

namespace ControlCenter.Runtime.Models;

/// <summary>Calls a model on behalf of a caller: routes the call, tries until one answers, and meters what it used, however it ends.</summary>
public sealed class CallModel(AdmitCalls admit, ChooseModules choose, Upstream upstream, Breakers breakers, MeterCalls meter, SampleCalls samples, TimeProvider time)
{
    // The one retry loop in the whole path. A second try at once helps where a connection broke; a third rarely does, and its
    // caller waits.
    private const int MostTriesEach = 2;

    // Candidates are few; this bounds what one call can cost in time.
    private const int MostTries = 6;

    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(200);

    // What is meant by a provider that asks for patience and does not say how much.
    private static readonly TimeSpan DefaultPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestPatience = TimeSpan.FromMinutes(10);

    /// <summary>Calls.</summary>
    /// <returns>An answer that has begun; it is metered when it has been passed on.</returns>
    /// <exception cref="DomainException">There is none; what had been used is metered.</exception>
    public async Task<ModelAnswer> ExecuteAsync(ModelCall call, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.CallModels);
        await admit.RequireAsync(caller, cancellationToken);
        var request = ModelRequest.Read(call.Body);
        return await AnswerAsync(
            new CallUnderWay(Uuid7.New(time), caller, call, request, await meter.AttributeAsync(caller, call, cancellationToken), time), cancellationToken);
    }

    /// <summary>Makes a call beside a caller's, for what that one was for.</summary>
    /// <returns>As <see cref="ExecuteAsync"/> does.</returns>
    /// <exception cref="DomainException">There is none; what had been used is metered.</exception>
    internal async Task<ModelAnswer> BesideAsync(CallUnderWay under, CancellationToken cancellationToken)
    {
        await admit.RequireAsync(under.Caller, cancellationToken);
        return await AnswerAsync(under, cancellationToken);
    }

    private async Task<ModelAnswer> AnswerAsync(CallUnderWay under, CancellationToken cancellationToken)
    {
        try
        {
            return await RouteAsync(under, choose.Execute(under), cancellationToken);
        }
        catch (DomainException refused)
        {
            meter.Refused(under, refused);
            throw;
        }
    }

    private async Task<ModelAnswer> RouteAsync(CallUnderWay under, List<Candidate> candidates, CancellationToken cancellationToken)
    {
        Failure? last = null;
        TimeSpan? closedFor = null;
        var tries = 0;
        foreach (var candidate in candidates)
        {
            if (last is { Kind: FailureKind.ContextLength } && candidate.Module.ContextWindow <= under.Module!.ContextWindow)
            {
                under.Skip(candidate.Module, "no_larger_context");
                continue;
            }

            if (tries >= MostTries || breakers.TryPass(candidate.Module) is { } wait && Closed(wait))
            {
                under.Skip(candidate.Module, tries >= MostTries ? "enough_tried" : "breaker_open");
                continue;
            }

            var (answer, failure, made) = await TryAsync(under, candidate, MostTries - tries, cancellationToken);
            if (answer is not null)
            {
                return new ModelAnswer(under, answer, breakers, meter, samples.Of(under), cancellationToken);
            }

            tries += made;
            last = failure;
            if (!failure!.Kind.IsWorthAFallback())
            {
                break;
            }
        }

        if (last is null)
        {
            var seconds = (int)Math.Ceiling(closedFor!.Value.TotalSeconds);
            throw new UnavailableException(ProblemTypes.BreakerOpen, $"Everything that could serve '{candidates[0].Module.Id}' has failed too often and is left alone for {seconds} s. GET /api/v1/breakers shows it.", seconds);
        }

        return End(under, last);

        bool Closed(TimeSpan wait)
        {
            closedFor = closedFor < wait ? closedFor : wait;
            return true;
        }
    }

    private async Task<(OpenAnswer? Answer, Failure? Failure, int Tries)> TryAsync(CallUnderWay under, Candidate candidate, int mostTries, CancellationToken cancellationToken)
    {
        try
        {
            under.Fallbacks += under.Module is null ? 0 : 1;
            (under.Module, under.Price, under.Status) = (candidate.Module, candidate.Price, null);
            await meter.ReserveAsync(under, cancellationToken);
            for (var tries = 1; ; tries++)
            {
                var startedAt = time.GetTimestamp();
                var (answer, failure) = await upstream.AskAsync(under, candidate.Provider, candidate.Module, cancellationToken);
                under.Status = answer?.Status ?? failure!.Status;
                under.Steps.Add(new RoutingStep(
                    candidate.Module.Id, answer is null ? "failed" : "answered", failure is null ? under.Beside : failure.Kind.Wire(),
                    under.Status, (int)time.GetElapsedTime(startedAt).TotalMilliseconds));
                if (answer is not null)
                {
                    return (answer, null, tries);
                }

                if (tries >= Math.Min(MostTriesEach, mostTries) || !failure!.Kind.IsWorthARetry())
                {
                    Count(candidate.Module, failure!);
                    return (null, failure, tries);
                }

                under.Retries++;
                await Task.Delay(BetweenTries, time, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            breakers.Abandoned(candidate.Module);
            meter.Settle(under, CallEnd.CutByClient, null);
            throw;
        }
        catch (Exception fault)
        {
            // Nothing could be set aside for it; or something went wrong here, which tells nothing of the module.
            breakers.Abandoned(candidate.Module);
            if (fault is not DomainException && under.Reservation is not null)
            {
                under.MayHaveRun = true;
                meter.Settle(under, CallEnd.Failed, null);
            }

            throw;
        }
    }

    private void Count(Module module, Failure failure)
    {
        if (failure.Kind == FailureKind.Throttled)
        {
            var wait = failure.RetryAfter ?? DefaultPatience;
            breakers.Throttled(module, wait > LongestPatience ? LongestPatience : wait);
        }
        else if (failure.Kind.IsFault())
        {
            breakers.Failed(module);
        }
        else
        {
            // It refused the request, so it lives.
            breakers.Succeeded(module);
        }
    }

    // The provider's own words where its caller may be told them: they are in the caller's dialect already.
    private ModelAnswer End(CallUnderWay under, Failure last)
    {
        meter.Settle(under, last.Kind == FailureKind.Throttled ? CallEnd.Throttled : CallEnd.Failed, null);
        var module = under.Module!.Id;
        return last.Told is { } told
            ? new ModelAnswer(under, told)
            : throw (last.Kind switch
            {
                FailureKind.Timeout => new DomainException(ProblemTypes.UpstreamTimeout, $"The provider of '{module}' did not answer in time."),
                FailureKind.Credential => new DomainException(ProblemTypes.UpstreamFailed, $"The provider of '{module}' does not accept the host's credential for it, or the host has none. The founder can see to it under /modules."),
                FailureKind.NoSuchModel => new DomainException(ProblemTypes.UpstreamFailed, $"The provider of '{module}' does not have this model."),
                _ when last.Status is null => new DomainException(ProblemTypes.UpstreamFailed, $"The provider of '{module}' could not be reached, broke off, or gave an answer that is none."),
                _ => new DomainException(ProblemTypes.UpstreamFailed, $"The provider of '{module}' failed with status {last.Status}."),
            });
    }
}
