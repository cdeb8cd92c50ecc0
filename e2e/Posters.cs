using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using ControlCenter.TestSupport;

namespace ControlCenter.E2E;

/// <summary>Callers that post events as bus-api.md asks of them: each with a key of its own, repeated with it when they are told to come back or the host is away.</summary>
public sealed class Posters(HostProcess host, string kind) : IAsyncDisposable
{
    private readonly CancellationTokenSource _ended = new();
    private readonly ConcurrentQueue<string> _taken = [];
    private Task _posting = Task.CompletedTask;
    private volatile bool _givenUp;

    /// <summary>The events that were answered 201.</summary>
    public IReadOnlyCollection<string> Taken => _taken;

    /// <summary>Every other answer.</summary>
    public ConcurrentQueue<BusAnswer> Refusals { get; } = [];

    /// <summary>Begins to post: events of at least so many bytes, which no compression makes small.</summary>
    public void Start(int callers, int bytes = 0) => _posting = Task.WhenAll(Enumerable.Range(0, callers).Select(_ => PostAsync(RandomNumberGenerator.GetHexString(bytes))));

    /// <summary>Ends: every event that was begun has been answered 201.</summary>
    public async Task StopAsync()
    {
        await _ended.CancelAsync();
        await _posting;
    }

    /// <summary>Reads the log back over the bus until it tells of all that was taken, and compares: nothing missing, nothing twice.</summary>
    public async Task ShouldAllBeKeptOnceAsync(CancellationToken cancellationToken)
    {
        List<string> kept = [];
        await Patience.UntilAsync(async () => (kept = await KeptAsync(cancellationToken)).Count >= _taken.Count, cancellationToken);
        kept.Count.ShouldBe(_taken.Count);
        _taken.Except(kept).ShouldBeEmpty();
    }

    /// <summary>All events of the kind, by the name that their caller gave them.</summary>
    private async Task<List<string>> KeptAsync(CancellationToken cancellationToken)
    {
        var kept = new List<string>();
        var bus = host.Founder;
        for (var cursor = "0"; cursor is not null;)
        {
            var page = (await bus.GetAsync($"events?kind={kind}&limit=200&cursor={cursor}", cancellationToken)).Body!;
            kept.AddRange(page["items"]!.AsArray().Select(e => e!["data"]!["name"]!.ToString()));
            cursor = page["next_cursor"]?.ToString();
        }

        return kept;
    }

    public async ValueTask DisposeAsync()
    {
        // A test that has failed does not wait for answers that may never come.
        _givenUp = true;
        await StopAsync();
        _ended.Dispose();
    }

    private async Task PostAsync(string padding)
    {
        using var bus = host.Founder;
        while (!_ended.IsCancellationRequested)
        {
            var name = Guid.NewGuid().ToString();
            while (await TryAsync(bus, name, padding) is { } wait)
            {
                if (_givenUp)
                {
                    return;
                }

                await Task.Delay(wait);
            }

            _taken.Enqueue(name);
        }
    }

    /// <summary>Posts once; null if that was answered 201, and how long to wait if it is to be tried again.</summary>
    private async Task<TimeSpan?> TryAsync(BusClient bus, string name, string padding)
    {
        try
        {
            var answer = await bus.PostAsync("events", new { kind, data = new { name, padding } }, CancellationToken.None, idempotencyKey: name);
            if (answer.Status == HttpStatusCode.Created)
            {
                return null;
            }

            Refusals.Enqueue(answer);
            return answer.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(1);
        }
        catch (HttpRequestException) when (!_ended.IsCancellationRequested)
        {
            // The host is not there just now. Whoever stops the callers sees to it that it is.
            return TimeSpan.FromMilliseconds(50);
        }
    }
}
