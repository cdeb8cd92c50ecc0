using System.Text.Json;
using ControlCenter.Domain.Problems;

namespace ControlCenter.Domain.Models;

/// <summary>
/// What the gateway has to know of a request's body, found without making it anew: all that it does not know itself goes to
/// the provider byte for byte.
/// </summary>
public sealed class ModelRequest
{
    // English has about four bytes to a token and code about three: the estimate is meant to be too high rather than too low.
    private const int BytesPerToken = 3;

    // The providers scale images down: about 1,600 tokens each at the most for most models, under 5,000 for all.
    private const int TokensPerImage = 5_000;

    // Shorter than this, a text that looks like encoded bytes is counted as text: it makes no difference.
    private const int ShortestImage = 16 * 1024;

    // What a call may write if neither its caller nor the catalogue sets a bound.
    private const int DefaultMaxOutput = 32_000;

    private readonly ReadOnlyMemory<byte> _body;
    private Range _model;
    private Range? _streamOptions;
    private int _afterBrace;
    private long _textBytes;
    private int _images;

    private ModelRequest(ReadOnlyMemory<byte> body) => _body = body;

    /// <summary>The model that is asked for.</summary>
    public string Model { get; private set; } = "";

    /// <summary>Whether the answer is to come piece by piece.</summary>
    public bool IsStreaming { get; private set; }

    /// <summary>The most tokens that the caller wants, if it said.</summary>
    public long? MaxOutput { get; private set; }

    /// <summary>Answers that are asked for at once (OpenAI's <c>n</c>).</summary>
    public int Choices { get; private set; } = 1;

    /// <summary>Whether the caller asks a chat stream to end with its usage.</summary>
    public bool IncludesUsage { get; private set; }

    /// <summary>About how many tokens go in; rather too many.</summary>
    public long InputEstimate => (_textBytes / BytesPerToken) + (_images * (long)TokensPerImage);

    /// <summary>Looks through a body.</summary>
    /// <exception cref="DomainException">It is not a JSON object with a model in it.</exception>
    public static ModelRequest Read(ReadOnlyMemory<byte> body)
    {
        var request = new ModelRequest(body);
        try
        {
            request.Look();
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException or FormatException)
        {
            // The words are not repeated: they may be the prompt's.
            throw new DomainException(ProblemTypes.MalformedJson, "The body is not the JSON object that this call takes.");
        }

        return request.Model.Length > 0 ? request : throw new ValidationException("model", "Say which model is asked for.");
    }

    /// <summary>The most tokens that the answer can have.</summary>
    public long OutputBound(Module module) => (MaxOutput ?? module.MaxOutput ?? DefaultMaxOutput) * Choices;

    /// <summary>The body for a module: its provider's name for the model, and, where <paramref name="askForUsage"/>, the wish to be told the usage.</summary>
    public ReadOnlyMemory<byte>[] BodyFor(Module module, bool askForUsage)
    {
        var name = JsonSerializer.SerializeToUtf8Bytes(module.UpstreamModel);
        var changes = new List<(Range At, byte[] With)> { (_model, name) };
        if (askForUsage)
        {
            changes.Add(_streamOptions is { } options
                ? (options, WithUsage(_body.Span[options]))
                : (_afterBrace.._afterBrace, "\"stream_options\":{\"include_usage\":true},"u8.ToArray()));
        }

        var parts = new List<ReadOnlyMemory<byte>>();
        var from = 0;
        foreach (var (at, with) in changes.OrderBy(c => c.At.Start.Value))
        {
            parts.Add(_body[from..at.Start]);
            parts.Add(with);
            from = at.End.Value;
        }

        parts.Add(_body[from..]);
        return [.. parts];
    }

    private static byte[] WithUsage(ReadOnlySpan<byte> options)
    {
        var fields = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(options) ?? [];
        fields["include_usage"] = JsonSerializer.SerializeToElement(true);
        return JsonSerializer.SerializeToUtf8Bytes(fields);
    }

    private void Look()
    {
        var reader = new Utf8JsonReader(_body.Span);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException();
        }

        _afterBrace = (int)reader.BytesConsumed;
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 1)
            {
                LookAtField(ref reader);
            }
            else if (reader.TokenType == JsonTokenType.String)
            {
                Count(reader.ValueSpan);
            }
        }
    }

    private void LookAtField(ref Utf8JsonReader reader)
    {
        var field = reader.GetString();
        switch (field)
        {
            case "model":
                reader.Read();
                Model = reader.GetString() ?? "";
                _model = (int)reader.TokenStartIndex..(int)reader.BytesConsumed;
                break;
            case "stream":
                reader.Read();
                IsStreaming = reader.TokenType == JsonTokenType.True;
                break;
            case "max_tokens" or "max_completion_tokens" or "max_output_tokens":
                reader.Read();
                MaxOutput = reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var most) && most >= 0 ? most : MaxOutput;
                break;
            case "n":
                reader.Read();
                Choices = reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var choices) && choices > 0 ? choices : 1;
                break;
            case "stream_options":
                reader.Read();
                var start = (int)reader.TokenStartIndex;
                IncludesUsage = ReadsIncludeUsage(ref reader);
                _streamOptions = start..(int)reader.BytesConsumed;
                break;
            default:
                break;
        }
    }

    private static bool ReadsIncludeUsage(ref Utf8JsonReader reader)
    {
        using var options = JsonDocument.ParseValue(ref reader);
        return options.RootElement.ValueKind == JsonValueKind.Object
            && options.RootElement.TryGetProperty("include_usage", out var wanted) && wanted.ValueKind == JsonValueKind.True;
    }

    private void Count(ReadOnlySpan<byte> text)
    {
        if (text.Length >= ShortestImage && IsEncoded(text))
        {
            _images++;
        }
        else
        {
            _textBytes += text.Length;
        }
    }

    // Base 64, with or without the head of a data URL: no spaces in its first thousand characters, which no prose is without.
    private static bool IsEncoded(ReadOnlySpan<byte> text) => !text.Slice(64, 960).ContainsAny(" \n\\<{"u8);
}
