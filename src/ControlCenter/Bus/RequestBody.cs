using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Bus;

/// <summary>Reads a request's JSON once, strictly: its type, its size, its text and its fields.</summary>
internal static class RequestBody
{
    /// <summary>bus-api.md: bodies over 1 MiB are refused.</summary>
    public const int MaxBytes = 1024 * 1024;

    /// <summary>
    /// What is taken off the wire all the same: a caller that is still sending when it is refused would see a broken
    /// connection, and not why. Beyond this the connection is cut.
    /// </summary>
    public const int MaxBytesOnTheWire = 8 * MaxBytes;

    private const string IdempotencyHeader = "Idempotency-Key";
    private const int LongestKey = 200;

    /// <summary>Reads the whole body. An absent one is empty.</summary>
    public static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpContext http)
    {
        var reader = http.Request.BodyReader;
        var tooLarge = false;
        while (true)
        {
            var read = await reader.ReadAsync(http.RequestAborted);
            tooLarge |= read.Buffer.Length > MaxBytes;
            if (tooLarge)
            {
                reader.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                {
                    throw new DomainException(ProblemTypes.PayloadTooLarge, $"A body is at the most {MaxBytes} bytes.");
                }

                continue;
            }

            if (read.IsCompleted)
            {
                var bytes = read.Buffer.ToArray();
                reader.AdvanceTo(read.Buffer.End);
                return bytes;
            }

            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <summary>Refuses what does not say that it is JSON.</summary>
    public static void RequireJson(HttpContext http)
    {
        if (!http.Request.HasJsonContentType())
        {
            throw new DomainException(
                ProblemTypes.UnsupportedMediaType, $"The body must be application/json; '{http.Request.ContentType ?? "(nothing)"}' was said.");
        }
    }

    /// <summary>Makes a request record of a body.</summary>
    public static T Parse<T>(ReadOnlyMemory<byte> body)
    {
        RequireUtf8(body.Span);
        try
        {
            return JsonSerializer.Deserialize<T>(body.Span, WireJson.Options) ?? throw new DomainException(ProblemTypes.ValidationFailed, "The body is null; an object was expected.");
        }
        catch (JsonException fault)
        {
            throw Explain(fault, body.Span);
        }
        catch (InvalidOperationException)
        {
            // System.Text.Json's answer to an escaped lone surrogate in a string.
            throw new ValidationException("body", "It has text that is not valid Unicode (a lone surrogate).");
        }
    }

    /// <summary>Refuses bytes that are not UTF-8 (RFC 8259, section 8.1).</summary>
    public static void RequireUtf8(ReadOnlySpan<byte> body)
    {
        if (!Utf8.IsValid(body))
        {
            throw new DomainException(ProblemTypes.MalformedJson, "The body is not valid UTF-8.");
        }
    }

    /// <summary>The request as one that may be repeated, if its caller gave it a key.</summary>
    public static IdempotentRequest? IdempotencyOf(HttpContext http, Guid actor, ReadOnlySpan<byte> body, int successStatus)
    {
        var header = http.Request.Headers[IdempotencyHeader];
        return header.Count == 0 ? null : IdempotencyOf(http, header.ToString(), actor, $"{http.Request.Method} {http.Request.Path}", body, successStatus);
    }

    /// <summary>The same for a key that was given elsewhere.</summary>
    /// <param name="http">Whose credentials seal an answer with a secret in it.</param>
    /// <param name="key">The key.</param>
    /// <param name="actor">Whose key it is.</param>
    /// <param name="asked">What is asked; the same key for something else is a mistake.</param>
    /// <param name="body">With what.</param>
    /// <param name="successStatus">The HTTP status that goes with the result.</param>
    public static IdempotentRequest IdempotencyOf(HttpContext http, string key, Guid actor, string asked, ReadOnlySpan<byte> body, int successStatus)
    {
        if (key.Length is 0 or > LongestKey || key.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            throw new ValidationException(IdempotencyHeader, $"1 to {LongestKey} printable ASCII characters; {key.Length} were given.");
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(asked + "\n"));
        hash.AppendData(body);
        var credentials = http.Request.Headers.Authorization.ToString();
        var sealingKey = new Lazy<byte[]>(() => HKDF.DeriveKey(
            HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(credentials), SHA256.HashSizeInBytes, info: "control-center idempotent answer"u8.ToArray()));
        return new IdempotentRequest(actor, key, hash.GetHashAndReset(), successStatus, sealingKey);
    }

    private static DomainException Explain(JsonException fault, ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            while (reader.Read())
            {
            }
        }
        catch (JsonException syntax)
        {
            return new DomainException(
                ProblemTypes.MalformedJson, $"The body is not JSON: line {syntax.LineNumber + 1}, byte {syntax.BytePositionInLine + 1}.");
        }

        var path = fault.Path is { Length: > 2 } given ? given.TrimStart('$').TrimStart('.') : "body";
        return new ValidationException(path, MessageOf(fault));
    }

    // The serialiser's own words name .NET types; a caller is told in the contract's.
    private static string MessageOf(JsonException fault) =>
        fault.Message.Contains("could not be mapped", StringComparison.Ordinal) ? "There is no such field."
        : fault.Message.Contains("missing required", StringComparison.Ordinal) ? $"Missing: {QuotedNames(fault.Message)}."
        : fault.Message.Contains("Duplicate", StringComparison.OrdinalIgnoreCase) ? "The field stands twice."
        : fault.Message.Contains("doesn't allow setting null values", StringComparison.Ordinal) || fault.Message.Contains("doesn't allow null", StringComparison.Ordinal) ? "It must not be null."
        : "It has the wrong type, or is not one of the values allowed.";

    // "…missing required properties including: 'title', 'kind'."
    private static string QuotedNames(string message) =>
        string.Join(", ", message[message.IndexOf("including", StringComparison.Ordinal)..].Split('\'').Where((_, i) => i % 2 == 1));
}
