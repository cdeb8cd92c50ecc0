namespace ControlCenter.Domain.Models;

/// <summary>The wire format that a provider speaks and a client expects.</summary>
public enum Dialect
{
    /// <summary>Anthropic's messages.</summary>
    Anthropic,

    /// <summary>OpenAI's chat completions and responses, and whatever is compatible with them.</summary>
    Openai,
}

/// <summary>The calls that the gateway passes on.</summary>
public enum ModelEndpoint
{
    /// <summary><c>POST /v1/messages</c>.</summary>
    Messages,

    /// <summary><c>POST /v1/messages/count_tokens</c>: costs nothing.</summary>
    CountTokens,

    /// <summary><c>POST /v1/chat/completions</c>.</summary>
    ChatCompletions,

    /// <summary><c>POST /v1/responses</c>.</summary>
    Responses,
}

/// <summary>What there is to know of each endpoint.</summary>
public static class ModelEndpoints
{
    /// <summary>Where it is, here and at a provider.</summary>
    public static string Path(this ModelEndpoint endpoint) => endpoint switch
    {
        ModelEndpoint.Messages => "/v1/messages",
        ModelEndpoint.CountTokens => "/v1/messages/count_tokens",
        ModelEndpoint.ChatCompletions => "/v1/chat/completions",
        _ => "/v1/responses",
    };

    /// <summary>Whose wire format it is.</summary>
    public static Dialect Dialect(this ModelEndpoint endpoint) =>
        endpoint is ModelEndpoint.Messages or ModelEndpoint.CountTokens ? Models.Dialect.Anthropic : Models.Dialect.Openai;

    /// <summary>Whether providers charge for it.</summary>
    public static bool IsCharged(this ModelEndpoint endpoint) => endpoint != ModelEndpoint.CountTokens;
}
