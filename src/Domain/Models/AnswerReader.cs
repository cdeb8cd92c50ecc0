using System.Text.Json;
using ControlCenter.Domain.Costs;

namespace ControlCenter.Domain.Models;

/// <summary>Reads along with an answer on its way to the caller, and finds out what it used. Keeps nothing of what is said in it.</summary>
public abstract class AnswerReader
{
    private protected const int BytesPerToken = 4;

    /// <summary>What the provider has counted so far.</summary>
    public TokenUsage Usage { get; private protected set; }

    /// <summary>Whether the answer has come to its end, by its own word.</summary>
    public bool IsComplete { get; private protected set; }

    /// <summary>Whether it ended with an error in its midst.</summary>
    public bool HasFailed { get; private protected set; }

    /// <summary>About how many tokens were seen to be written: for a stream that ends without its count.</summary>
    public long OutputSeen { get; private protected set; }

    /// <summary>The reader for an answer.</summary>
    public static AnswerReader For(ModelEndpoint endpoint, bool isStream) => (endpoint, isStream) switch
    {
        (ModelEndpoint.Messages, true) => new MessageStreamReader(),
        (ModelEndpoint.ChatCompletions, true) => new ChatStreamReader(),
        (ModelEndpoint.Responses, true) => new ResponseStreamReader(),
        _ => new WholeAnswerReader(endpoint),
    };

    /// <summary>Reads the next bytes, wherever they are cut.</summary>
    public abstract void Read(ReadOnlySpan<byte> bytes);

    private protected static TokenUsage UsageOf(ModelEndpoint endpoint, JsonElement usage) => endpoint switch
    {
        ModelEndpoint.Messages or ModelEndpoint.CountTokens => new TokenUsage(
            Number(usage, "input_tokens"), Number(usage, "output_tokens"), Number(usage, "cache_read_input_tokens"), Number(usage, "cache_creation_input_tokens")),
        ModelEndpoint.ChatCompletions => WithoutCached(
            Number(usage, "prompt_tokens"), Number(usage, "completion_tokens"), Number(usage, "prompt_tokens_details", "cached_tokens"),
            Number(usage, "completion_tokens_details", "reasoning_tokens")),
        _ => WithoutCached(
            Number(usage, "input_tokens"), Number(usage, "output_tokens"), Number(usage, "input_tokens_details", "cached_tokens"),
            Number(usage, "output_tokens_details", "reasoning_tokens")),
    };

    // OpenAI counts what came from the cache as part of the input, Anthropic beside it: we keep it beside.
    private static TokenUsage WithoutCached(long? input, long? output, long? cached, long? reasoning) =>
        new(input - Math.Min(cached ?? 0, input ?? 0), output, cached, null, reasoning);

    private static long? Number(JsonElement of, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (of.ValueKind != JsonValueKind.Object || !of.TryGetProperty(name, out of))
            {
                return null;
            }
        }

        return of.ValueKind == JsonValueKind.Number && of.TryGetInt64(out var number) && number >= 0 ? number : null;
    }
}

/// <summary>An answer that comes as one JSON object.</summary>
internal sealed class WholeAnswerReader(ModelEndpoint endpoint) : AnswerReader
{
    /// <summary>Reads the whole of it, in one call.</summary>
    public override void Read(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var reader = new Utf8JsonReader(bytes);
            using var answer = JsonDocument.ParseValue(ref reader);
            IsComplete = answer.RootElement.ValueKind == JsonValueKind.Object;
            if (IsComplete && endpoint.IsCharged() && answer.RootElement.TryGetProperty("usage", out var usage))
            {
                Usage = UsageOf(endpoint, usage);
            }
        }
        catch (JsonException)
        {
            IsComplete = false;
        }
    }
}
