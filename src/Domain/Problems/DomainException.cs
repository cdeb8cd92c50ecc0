namespace ControlCenter.Domain.Problems;

/// <summary>A refusal that its caller is told of, by a stable code and in words. Nothing was changed.</summary>
/// <param name="code">One of <see cref="ProblemTypes"/>.</param>
/// <param name="detail">Names the thing, the value, what was expected and what to do.</param>
public class DomainException(string code, string detail) : Exception(detail)
{
    /// <summary>The stable slug.</summary>
    public string Code { get; } = code;

    /// <summary>The HTTP status that goes with the code.</summary>
    public int Status => ProblemTypes.All[Code].Status;

    /// <summary>The code's title.</summary>
    public string Title => ProblemTypes.All[Code].Title;

    /// <summary>Field → messages, for a 400.</summary>
    public IReadOnlyDictionary<string, string[]>? Errors { get; init; }

    /// <summary>When to try again, in seconds, where that is known.</summary>
    public int? RetryAfterSeconds { get; init; }
}

/// <summary>A budget does not allow that (402).</summary>
/// <param name="budget">Which one.</param>
/// <param name="detail">Names it, what it has left and what was wanted.</param>
public sealed class BudgetExhaustedException(Guid budget, string detail) : DomainException(ProblemTypes.BudgetExhausted, detail)
{
    /// <summary>The budget.</summary>
    public Guid BudgetId { get; } = budget;
}

/// <summary>The caller may not do that (403).</summary>
public sealed class ForbiddenException(string detail) : DomainException(ProblemTypes.Forbidden, detail);

/// <summary>There is no such thing (404).</summary>
public sealed class NotFoundException(string subjectType, string id)
    : DomainException(ProblemTypes.NotFound, $"There is no {subjectType} '{id}'.");

/// <summary>The present state does not allow that (409).</summary>
public sealed class ConflictException(string code, string detail) : DomainException(code, detail);

/// <summary>Fields are not as they must be (400).</summary>
public sealed class ValidationException : DomainException
{
    /// <summary>One field.</summary>
    public ValidationException(string field, string message)
        : this(new Dictionary<string, string[]>(StringComparer.Ordinal) { [field] = [message] })
    {
    }

    /// <summary>Several fields.</summary>
    public ValidationException(IReadOnlyDictionary<string, string[]> errors)
        : base(ProblemTypes.ValidationFailed, string.Join(" ", errors.Select(e => $"{e.Key}: {string.Join(' ', e.Value)}"))) => Errors = errors;
}

/// <summary>Not now (429, 503).</summary>
public sealed class UnavailableException : DomainException
{
    /// <summary>Says when to try again.</summary>
    public UnavailableException(string code, string detail, int retryAfterSeconds)
        : base(code, detail) => RetryAfterSeconds = retryAfterSeconds;
}

/// <summary>Gathers what is wrong with a request, so that its caller hears all of it at once.</summary>
public sealed class FieldErrors
{
    private readonly Dictionary<string, string[]> _errors = new(StringComparer.Ordinal);

    /// <summary>Adds a message about a field; null is nothing wrong.</summary>
    public FieldErrors Add(string field, string? message)
    {
        if (message is not null)
        {
            _errors[field] = [message];
        }

        return this;
    }

    /// <summary>Refuses the request if anything is wrong with it.</summary>
    /// <exception cref="ValidationException">Something is.</exception>
    public void ThrowIfAny()
    {
        if (_errors.Count > 0)
        {
            throw new ValidationException(_errors);
        }
    }
}
