using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using ControlCenter.Bus;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;

namespace ControlCenter.Events;

/// <summary>
/// One reader's stream. It is a position in the log and nothing more: what is new is copied from the feed's shared
/// frames, what is older comes from the database, and a reader that does not read is cut off and resumes later.
/// </summary>
internal sealed partial class EventStream(
    HttpContext http, FeedScope scope, EventFeed feed, EventReader log, TimeProvider time, ILogger<EventStream> logger, CancellationToken stopping)
    : IDisposable
{
    private const int PageSize = 500;

    // Kestrel's own buffer for a connection: what is written beyond it only waits in memory for the reader.
    private const int FlushAtBytes = 64 * 1024;

    // bus-api.md: a comment line every 15 s keeps proxies open.
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(15);

    // A reader that takes nothing for this long, with Kestrel's buffer for it full, has stopped reading.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    // Reconnects after a restart are spread over this time, so that the host is not met by all of them at once (CB-03).
    private const int RetryMilliseconds = 1_000;
    private const int RetryJitterMilliseconds = 2_000;

    private const string Replaced = "event: replaced\ndata: {\"why\":\"a newer stream of the same actor and channel took its place\"}\n\n";
    private const string Revoked = "event: revoked\ndata: {\"why\":\"the key that opened this stream is no longer good\"}\n\n";

    private readonly CancellationTokenSource _over = new();
    private readonly PipeWriter _body = http.Response.BodyWriter;
    private readonly List<FeedEvent> _page = [];
    private string? _farewell;
    private int _buffered;
    private bool _isCut;

    /// <summary>What has been written for the reader and waits for it to take more.</summary>
    public int BufferedBytes => Volatile.Read(ref _buffered);

    /// <summary>Ends the stream in favour of a new one.</summary>
    public void Replace() => End(Replaced);

    /// <summary>Ends the stream because its key has ended.</summary>
    public void Revoke() => End(Revoked);

    /// <summary>Serves the stream from after <paramref name="after"/>, or from now.</summary>
    public async Task RunAsync(long? after)
    {
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-cache, no-transform";
        http.Response.Headers["X-Accel-Buffering"] = "no";
        http.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpResponseBodyFeature>()?.DisableBuffering();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, _over.Token, stopping);
        try
        {
            var position = after ?? feed.Head;
            Write($"retry: {RetryMilliseconds + Random.Shared.Next(RetryJitterMilliseconds)}\n: connected at {feed.Head.ToString(CultureInfo.InvariantCulture)}\n\n");
            await FlushAsync(ended.Token);
            position = await TellOfResetAsync(position, ended.Token);
            while (true)
            {
                position = await SendWhatIsNewAsync(position, ended.Token);
                if (!await WaitAsync(position, ended.Token))
                {
                    Write(": keep-alive\n\n");
                    await FlushAsync(ended.Token);
                }
            }
        }
        catch (OperationCanceledException) when (_isCut || ended.IsCancellationRequested)
        {
            await SayGoodbyeAsync();
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        CountBuffered(-_buffered);
        _over.Dispose();
    }

    /// <summary>Sends everything in scope after the position, from memory or from the database. Returns how far it came.</summary>
    private async Task<long> SendWhatIsNewAsync(long position, CancellationToken cancellationToken)
    {
        while (position < feed.Head)
        {
            position = feed.Read(position, scope, _page, PageSize, EventReader.PageBytes) ?? await ReadFromDatabaseAsync(position, cancellationToken);
            foreach (var item in _page)
            {
                _body.Write(item.Frame.Span);
                CountBuffered(item.Frame.Length);
                if (_buffered >= FlushAtBytes)
                {
                    await FlushAsync(cancellationToken);
                }
            }

            if (_buffered > 0)
            {
                await FlushAsync(cancellationToken);
            }

            BusMetrics.Delivered.Add(_page.Count);
            _page.Clear();
        }

        return position;
    }

    private async Task<long> ReadFromDatabaseAsync(long position, CancellationToken cancellationToken)
    {
        var page = await log.ReadPageAsync(position, feed.Head, PageSize, cancellationToken);
        var from = await TellOfResetAsync(position, cancellationToken);
        if (from != position)
        {
            // Retention was quicker than this reader: part of the page may be missing.
            return from;
        }

        _page.AddRange(page.Events.Select(r => new FeedEvent(r)).Where(e => e.IsWithin(scope)));
        return page.Through;
    }

    /// <summary>A position that retention has passed is told of, never skipped in silence.</summary>
    private async Task<long> TellOfResetAsync(long position, CancellationToken cancellationToken)
    {
        if (await log.ResetAsync(position, feed.Head, cancellationToken) is not { } reset)
        {
            return position;
        }

        Write($"event: reset\ndata: {JsonSerializer.Serialize(reset, WireJson.Options)}\n\n");
        await FlushAsync(cancellationToken);
        return reset.ResumesAfter;
    }

    /// <summary>True when there is more; false when it is time for a sign of life.</summary>
    private async Task<bool> WaitAsync(long position, CancellationToken cancellationToken)
    {
        try
        {
            await feed.WaitForMoreAsync(position, cancellationToken).WaitAsync(KeepAlive, time, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        var flush = _body.FlushAsync(cancellationToken);
        try
        {
            if (!flush.IsCompletedSuccessfully)
            {
                await flush.AsTask().WaitAsync(Patience, time, cancellationToken);
            }

            CountBuffered(-_buffered);
        }
        catch (TimeoutException)
        {
            BusMetrics.StreamsCut.Add(1);
            LogCut(logger, http.Connection.Id, Patience.TotalSeconds);
            // The request's own token is cancelled on another thread, some time after this.
            _isCut = true;
            http.Abort();
            throw new OperationCanceledException(http.RequestAborted);
        }
    }

    private async Task SayGoodbyeAsync()
    {
        if (_isCut || http.RequestAborted.IsCancellationRequested)
        {
            return;
        }

        Write(_farewell ?? $"retry: {RetryMilliseconds + Random.Shared.Next(RetryJitterMilliseconds)}\nevent: shutdown\ndata: {{\"why\":\"the host is stopping; reconnect with Last-Event-ID\"}}\n\n");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2), time);
        try
        {
            await _body.FlushAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            // It does not read: it will find out by the connection's end.
            http.Abort();
        }
    }

    private void End(string farewell)
    {
        Interlocked.CompareExchange(ref _farewell, farewell, null);
        _ = _over.CancelAsync();
    }

    private void CountBuffered(int bytes)
    {
        Volatile.Write(ref _buffered, _buffered + bytes);
        BusMetrics.StreamBuffered.Add(bytes);
    }

    private void Write(string text) => Encoding.UTF8.GetBytes(text, _body);

    [LoggerMessage(EventId = 2101, Level = LogLevel.Information, Message = "Stream {Connection} was cut: its reader took nothing for {Seconds} s")]
    private static partial void LogCut(ILogger logger, string connection, double seconds);
}
