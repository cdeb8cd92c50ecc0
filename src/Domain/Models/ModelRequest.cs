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

    // A document is read page by page: some thousand tokens for some ten thousand bytes.
    private const int BytesPerDocumentToken = 20;

    // Shorter than this, encoded bytes are counted as text: it makes no difference.
    private const int ShortestEncoded = 16 * 1024;

    // What a call may write if neither its caller nor the catalogue sets a bound.
    private const int DefaultMaxOutput = 32_000;

    // More than any model writes, and at no price that the catalogue takes more than a budget can hold.
    private const long MostOutput = 1_000_000_000;

    private readonly ReadOnlyMemory<byte> _body;
    private Range _model;
    private Range? _streamOptions;
    private int _afterBrace;
    private int _lastName;
    private bool _mayAskForUsage = true;
    private long _textBytes;
    private long _documentBytes;
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
    public long InputEstimate => (_textBytes / BytesPerToken) + (_documentBytes / BytesPerDocumentToken) + (_images * (long)TokensPerImage);

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
    public long OutputBound(Module module)
    {
        var each = Math.Min(MaxOutput ?? module.MaxOutput ?? DefaultMaxOutput, module.MaxOutput ?? MostOutput);
        return each > MostOutput / Choices ? MostOutput : each * Choices;
    }

    /// <summary>The body for a module: its provider's name for the model, and, where <paramref name="askForUsage"/>, the wish to be told the usage.</summary>
    public ReadOnlyMemory<byte>[] BodyFor(Module module, bool askForUsage)
    {
        var name = JsonSerializer.SerializeToUtf8Bytes(module.UpstreamModel);
        var changes = new List<(Range At, byte[] With)> { (_model, name) };
        if (askForUsage && _mayAskForUsage)
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
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName when reader.CurrentDepth == 1:
                    _lastName = (int)reader.TokenStartIndex;
                    LookAtField(ref reader);
                    break;
                case JsonTokenType.PropertyName:
                    // The names within a tool's schema are read by the model as well.
                    _lastName = (int)reader.TokenStartIndex;
                    _textBytes += reader.ValueSpan.Length;
                    break;
                case JsonTokenType.String:
                    Count(reader.ValueSpan);
                    break;
                case JsonTokenType.Number:
                    _textBytes += reader.ValueSpan.Length;
                    break;
                default:
                    break;
            }
        }
    }

    private void LookAtField(ref Utf8JsonReader reader)
    {
        var field = reader.GetString();
        switch (field)
        {
            case "model":
                // Of two, the provider may take the one that was not replaced: another model, at the price of this one.
                RefuseASecond(Model.Length > 0);
                reader.Read();
                Model = reader.GetString() ?? "";
                _model = (int)reader.TokenStartIndex..(int)reader.BytesConsumed;
                break;
            case "stream":
                reader.Read();
                IsStreaming = reader.TokenType == JsonTokenType.True;
                break;
            // Which of them counts is the provider's choice: the largest is set aside.
            case "max_tokens" or "max_completion_tokens" or "max_output_tokens":
                reader.Read();
                MaxOutput = reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var most) && most >= 0 ? Math.Max(most, MaxOutput ?? 0) : MaxOutput;
                break;
            case "n":
                reader.Read();
                Choices = reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var choices) && choices > 0 ? Math.Max(choices, Choices) : Choices;
                break;
            case "stream_options":
                RefuseASecond(_streamOptions is not null);
                reader.Read();
                var start = (int)reader.TokenStartIndex;

                // What is neither an object nor nothing is the provider's to refuse, as it was sent.
                _mayAskForUsage = reader.TokenType is JsonTokenType.StartObject or JsonTokenType.Null;
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

    private static void RefuseASecond(bool hasOne)
    {
        if (hasOne)
        {
            throw new JsonException();
        }
    }

    private void Count(ReadOnlySpan<byte> text)
    {
        if (text.Length < ShortestEncoded || !IsWhereBytesAre())
        {
            _textBytes += text.Length;
        }
        else if (text[..64].IndexOf("JVBERi"u8) >= 0)
        {
            // How "%PDF-" begins in base 64.
            _documentBytes += text.Length;
        }
        else
        {
            _images++;
        }
    }

    // By the name that it stands under, and not by its looks: prose can be made to look like encoded bytes, and would be set aside as one image.
    private bool IsWhereBytesAre()
    {
        var name = _body.Span[(_lastName + 1)..];
        return name.StartsWith("data\""u8) || name.StartsWith("url\""u8) || name.StartsWith("image_url\""u8) || name.StartsWith("file_data\""u8);
    }
}
