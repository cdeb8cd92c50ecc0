using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;

namespace ControlCenter.Runtime.Models;

/// <summary>Says for whom each call is, and keeps how it was routed.</summary>
public sealed class MeterCalls(RecordDecisions decisions)
{
    /// <summary>For whom a call is.</summary>
    internal static Task<Attribution> AttributeAsync(Caller caller, ModelCall call, CancellationToken cancellationToken) =>
        Task.FromResult(new Attribution(caller.ActorId, caller.OnlyFor, call.Session));

    /// <summary>Sets aside what a call may cost.</summary>
    internal static Task ReserveAsync(CallUnderWay under, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Keeps what a call came to.</summary>
    internal Task SettleAsync(CallUnderWay under, CallEnd end, Domain.Models.AnswerReader? read)
    {
        decisions.Keep(under, end, null);
        return Task.CompletedTask;
    }

    /// <summary>Keeps why a call was refused.</summary>
    internal void Refused(CallUnderWay under, DomainException refused) => decisions.Keep(under, null, refused.Code);
}
