using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Limits;

namespace ControlCenter.Bus;

/// <summary>Writes down what the limiters remember while they change, and once more when the host stops; takes it up again at the start (CB-12).</summary>
internal sealed class KeepRateLimits(RateLimiting limits, KeptRateLimits kept, TimeProvider time, ILogger<KeepRateLimits> logger)
    : SupervisedService("limit-upkeep", time, logger)
{
    // What a kill -9 forgets at the most: of a minute's window a thirtieth.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    // The host's own stop must not wait for a database that has gone.
    private static readonly TimeSpan LastPatience = TimeSpan.FromSeconds(5);

    /// <summary>Takes up what was kept, before the doors open: the services start before they do.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        limits.Restore(await kept.LoadAsync(cancellationToken));
        await base.StartAsync(cancellationToken);
    }

    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await SaveAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The doors are closed by now: nothing is admitted after this.
            using var patience = new CancellationTokenSource(LastPatience, Time);
            await SaveAsync(patience.Token);
        }
    }

    private async Task SaveAsync(CancellationToken cancellationToken)
    {
        var changed = limits.Changed();
        if (changed.Count > 0)
        {
            await kept.SaveAsync(
                [.. changed.SelectMany(c => c.Limits)], [.. changed.Where(c => c.Limits.Count == 0).Select(c => c.ActorId)], cancellationToken);
            limits.Saved(changed);
        }

        Beat($"{changed.Count} actors' limits kept");
    }
}
