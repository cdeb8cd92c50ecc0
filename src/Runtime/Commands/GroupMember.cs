using ControlCenter.Domain.Problems;

namespace ControlCenter.Runtime.Commands;

/// <summary>One caller's request in a group, and what it comes to.</summary>
/// <typeparam name="TRequest">What is asked.</typeparam>
/// <typeparam name="TResult">What is answered.</typeparam>
public abstract class GroupMember<TRequest, TResult>(TRequest request, IdempotentRequest? idempotency)
{
    /// <summary>What is asked.</summary>
    public TRequest Request { get; } = request;

    /// <summary>How its answer is found again, if its caller may repeat it.</summary>
    public IdempotentRequest? Idempotency { get; } = idempotency;

    /// <summary>The answer; none may be an answer too.</summary>
    public TResult? Result { get; set; }

    /// <summary>Why it was refused.</summary>
    public DomainException? Problem { get; set; }
}
