using System.Collections.Concurrent;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Hosting;
using Microsoft.AspNetCore.Http.Features;

namespace ControlCenter.Access;

/// <summary>Ends what stays open beyond a request (streams, hub connections, pages) when the key that it was opened with is no longer good.</summary>
/// <remarks>It looks when a revocation is heard of, and in any case every <see cref="LookEvery"/>: a key can also run out, and word of another host can be lost.</remarks>
internal sealed partial class EndRevokedAccess(CallerDirectory directory, TimeProvider time, ILogger<EndRevokedAccess> logger)
    : SupervisedService("revoked-access", time, logger)
{
    // As long as a key is remembered for requests: what is open ends no later than a new request is refused.
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<Watched, Guid> _open = new();
    private TaskCompletionSource _doubted = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override TimeSpan SilentAfter => LookEvery * 3;

    /// <summary>Has <paramref name="end"/> called once when the key is no longer good, until the result is disposed.</summary>
    public IDisposable Watch(Guid keyId, Action end)
    {
        var watched = new Watched(this, end);
        _open[watched] = keyId;
        if (!directory.IsStillRemembered(keyId))
        {
            // Revoked, it may be, after it let this in and before this was here to be found by the look that followed.
            Volatile.Read(ref _doubted).TrySetResult();
        }

        return watched;
    }

    /// <summary>Cuts a request off, which may wait for long, when its key is no longer good, until the result is disposed.</summary>
    public IDisposable Watch(HttpContext http) => Watch(http.Features.GetRequiredFeature<KeyHolder>().KeyId, http.Abort);

    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            // The signals first, the look second: a revocation between the two wakes the wait.
            var (forgotten, doubted) = (directory.Forgotten, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            Interlocked.Exchange(ref _doubted, doubted).TrySetResult();
            var ended = await EndAsync(stoppingToken);
            Beat($"{_open.Count} open, {ended} ended");
            await ((Task)Task.WhenAny(forgotten, doubted.Task)).WaitAsync(LookEvery, Time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            stoppingToken.ThrowIfCancellationRequested();
        }
    }

    private async Task<int> EndAsync(CancellationToken cancellationToken)
    {
        var open = _open.ToArray();
        if (open.Length == 0)
        {
            return 0;
        }

        var good = await directory.FindInForceAsync([.. open.Select(o => o.Value).Distinct()], cancellationToken);
        var ended = 0;
        foreach (var (watched, _) in open.Where(o => !good.Contains(o.Value)))
        {
            try
            {
                watched.End();
                ended++;
            }
#pragma warning disable CA1031 // One that cannot be ended (it is going away by itself) must not keep the others open.
            catch (Exception fault)
#pragma warning restore CA1031
            {
                LogNotEnded(Logger, fault);
            }
        }

        return ended;
    }

    [LoggerMessage(EventId = 2201, Level = LogLevel.Warning, Message = "Something that was open by a revoked key could not be ended; it is tried again with the next look")]
    private static partial void LogNotEnded(ILogger logger, Exception fault);

    private sealed class Watched(EndRevokedAccess among, Action end) : IDisposable
    {
        private readonly Lock _gate = new();
        private bool _over;

        public void End()
        {
            // Within the lock, so that nothing is ended after it has been let go of.
            lock (_gate)
            {
                if (!_over)
                {
                    end();
                }
            }

            Dispose();
        }

        public void Dispose()
        {
            lock (_gate)
            {
                _over = true;
            }

            among._open.TryRemove(this, out _);
        }
    }
}
