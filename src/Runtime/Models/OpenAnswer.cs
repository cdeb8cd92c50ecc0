using System.Buffers;
using ControlCenter.Domain.Models;

namespace ControlCenter.Runtime.Models;

/// <summary>A provider's answer on its way: the bytes pass as they arrive, and are read along.</summary>
internal sealed class OpenAnswer(
    HttpResponseMessage response, IReadOnlyList<KeyValuePair<string, string>> headers, CallUnderWay under, Provider provider, CancellationTokenSource patience,
    CancellationTokenSource either, bool isStream, bool withholdsUsage) : IAsyncDisposable
{
    // One TLS record, which is the most that arrives at once.
    private const int ChunkBytes = 16 * 1024;

    private readonly ChatUsage? _withheld = withholdsUsage ? new ChatUsage() : null;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
    private Stream? _stream;
    private int _first;

    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; } = headers;

    public int Status { get; } = (int)response.StatusCode;

    /// <summary>Whether it comes piece by piece.</summary>
    public bool IsStream { get; } = isStream;

    /// <summary>Whether it has begun, and looks like an answer.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>What reads along.</summary>
    public AnswerReader Reader { get; } = AnswerReader.For(under.Call.Endpoint, isStream);

    /// <summary>A whole answer; empty for a stream.</summary>
    public ReadOnlyMemory<byte> Whole { get; private set; }

    /// <summary>Waits for its beginning: a stream's first bytes, or all of an answer that is whole. Until then another module may still be asked.</summary>
    /// <returns>False if it is no answer.</returns>
    public async Task<bool> BeginAsync(int longest)
    {
        _stream = await response.Content.ReadAsStreamAsync(either.Token);
        if (!IsStream)
        {
            return HasBegun = await ReadWholeAsync(longest);
        }

        _first = await _stream.ReadAsync(_buffer, either.Token);
        under.SawFirstByte();
        Reader.Read(_buffer.AsSpan(0, _first));
        return HasBegun = _first > 0 && !Reader.HasFailed && LooksLikeEvents(_buffer.AsSpan(0, _first));
    }

    /// <summary>Passes a stream on, piece by piece.</summary>
    /// <returns>Whether it came to its end.</returns>
    /// <exception cref="OperationCanceledException">The caller has gone, or the provider was silent for too long.</exception>
    public async Task<bool> PassOnAsync(Func<ReadOnlyMemory<byte>, ValueTask> write)
    {
        var idle = TimeSpan.FromSeconds(provider.IdleTimeoutSeconds);
        await WriteAsync(_buffer.AsMemory(0, _first), write);
        while (true)
        {
            patience.CancelAfter(idle);
            var read = await _stream!.ReadAsync(_buffer, either.Token);
            if (read == 0)
            {
                break;
            }

            Reader.Read(_buffer.AsSpan(0, read));
            await WriteAsync(_buffer.AsMemory(0, read), write);
        }

        if (_withheld is { Rest.IsEmpty: false })
        {
            await write(_withheld.Rest);
        }

        return Reader.IsComplete;
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync()
    {
        // Disposing of a response that has not been read to its end closes its connection: the provider stops there.
        response.Dispose();
        either.Dispose();
        patience.Dispose();
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        return ValueTask.CompletedTask;
    }

    private async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, Func<ReadOnlyMemory<byte>, ValueTask> write)
    {
        var passed = _withheld is null ? bytes : _withheld.Pass(bytes.Span);
        if (!passed.IsEmpty)
        {
            await write(passed);
        }
    }

    // Whoever asked for a stream and got none is given the whole answer, if it is one.
    private async Task<bool> ReadWholeAsync(int longest)
    {
        var whole = new ArrayBufferWriter<byte>((int)Math.Clamp(response.Content.Headers.ContentLength ?? ChunkBytes, ChunkBytes, longest));
        while (await _stream!.ReadAsync(whole.GetMemory(ChunkBytes), either.Token) is var read && read > 0)
        {
            under.SawFirstByte();
            whole.Advance(read);
            if (whole.WrittenCount > longest)
            {
                return false;
            }
        }

        Whole = whole.WrittenMemory;
        Reader.Read(Whole.Span);
        return Reader.IsComplete;
    }

    private static bool LooksLikeEvents(ReadOnlySpan<byte> bytes)
    {
        var line = bytes.TrimStart("\r\n"u8);
        return line.IsEmpty || line[0] == (byte)':' || line.StartsWith("data:"u8) || line.StartsWith("event:"u8) || line.StartsWith("id:"u8) || line.StartsWith("retry:"u8);
    }
}
