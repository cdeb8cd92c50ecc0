using System.Text;

namespace ControlCenter.Domain.Models;

/// <summary>What kind of failure a provider's was: each has its own way on.</summary>
public enum FailureKind
{
    /// <summary>The provider could not: a 5xx, a broken connection, an answer that is none.</summary>
    Error,

    /// <summary>It did not answer in time.</summary>
    Timeout,

    /// <summary>It asked to be called later.</summary>
    Throttled,

    /// <summary>The input is longer than the model takes.</summary>
    ContextLength,

    /// <summary>It does not want to answer this.</summary>
    ContentPolicy,

    /// <summary>It does not accept the credential that the host has for it, or has none.</summary>
    Credential,

    /// <summary>It does not have this model.</summary>
    NoSuchModel,

    /// <summary>The request itself is wrong: no other module would take it either.</summary>
    Refused,
}

/// <summary>How providers' failures are told apart, and what each leads to.</summary>
public static class UpstreamFailure
{
    // Anthropic's "overloaded": a wait for capacity, and so no fault.
    private const int Overloaded = 529;

    /// <summary>What kind of failure an error status is.</summary>
    /// <param name="status">HTTP status, 400 or more.</param>
    /// <param name="body">The provider's own words; looked at here, and never kept.</param>
    public static FailureKind Of(int status, ReadOnlySpan<byte> body) => status switch
    {
        401 or 403 => FailureKind.Credential,
        404 => FailureKind.NoSuchModel,
        408 => FailureKind.Error,
        429 or Overloaded => FailureKind.Throttled,
        413 => FailureKind.ContextLength,
        >= 500 => FailureKind.Error,
        _ => OfWords(Encoding.UTF8.GetString(body[..Math.Min(body.Length, 4096)])),
    };

    /// <summary>Whether the same module may be asked again at once.</summary>
    public static bool IsWorthARetry(this FailureKind kind) => kind == FailureKind.Error;

    /// <summary>Whether another module may do better.</summary>
    public static bool IsWorthAFallback(this FailureKind kind) => kind != FailureKind.Refused;

    /// <summary>Whether it speaks against the module, so that its breaker counts it.</summary>
    public static bool IsFault(this FailureKind kind) => kind is FailureKind.Error or FailureKind.Timeout or FailureKind.Credential or FailureKind.NoSuchModel;

    private static FailureKind OfWords(string words) =>
        Has(words, "context_length_exceeded") || Has(words, "prompt is too long") || Has(words, "maximum context length") || Has(words, "exceed context limit") ? FailureKind.ContextLength
        : Has(words, "content_policy") || Has(words, "content_filter") || Has(words, "content filtering policy") ? FailureKind.ContentPolicy
        : FailureKind.Refused;

    private static bool Has(string words, string part) => words.Contains(part, StringComparison.OrdinalIgnoreCase);
}
