using System.Collections.Frozen;
using System.Globalization;
using ControlCenter.Domain.Models;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Models;

/// <summary>How far each subscription's windows are used, as it was last seen: calls are routed by it without a query.</summary>
public sealed class SubscriptionWindows
{
    private volatile FrozenDictionary<string, WindowUse[]> _uses = FrozenDictionary<string, WindowUse[]>.Empty;

    /// <summary>A module's windows; none for one without a subscription.</summary>
    public IReadOnlyList<WindowUse> Of(string module) => _uses.GetValueOrDefault(module) ?? [];

    /// <summary>The window that keeps calls away from a module; null if none does.</summary>
    public WindowUse? UsedUp(string module, DateTimeOffset now) =>
        _uses.TryGetValue(module, out var uses) ? Array.Find(uses, u => u.IsUsedUp && u.RoomAt > now) : null;

    internal void Set(FrozenDictionary<string, WindowUse[]> uses) => _uses = uses;
}

/// <summary>Keeps <see cref="SubscriptionWindows"/> what the costs say, whichever host and whoever recorded them.</summary>
public sealed class WatchWindows(SubscriptionWindows windows, ModelCatalogue catalogue, NpgsqlDataSource database, TimeProvider time, ILogger<WatchWindows> logger)
    : SupervisedService("subscription-windows", time, logger)
{
    // So late a window may be seen to be full: the provider's own limit is what holds meanwhile.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // A long window of a busy module takes a while to add up: it is looked at for a twentieth of the time at the most.
    private const int RestPerWork = 20;

    // What was never passed on to the provider took nothing of the window; what an agent reports has no end and did.
    private const string Uses =
        """
        select least(greatest(floor(extract(epoch from @now - e.at) / @slice), 0), @slices - 1)::int as age, count(*)::numeric,
            coalesce(sum(coalesce(e.usage_units_in, 0) + coalesce(e.usage_units_out, 0)), 0)
        from cost_events e
        where e.access_path = 'subscription' and e.corrects is null and e.invoice_id is null and e.module_id = @module
            and e.at > @now - make_interval(hours => @hours) and coalesce(e.call_end, 'completed') not in ('failed', 'throttled')
        group by age
        """;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            var startedAt = Time.GetTimestamp();
            var uses = new Dictionary<string, WindowUse[]>(StringComparer.Ordinal);
            var known = catalogue.Current;
            var now = Time.GetUtcNow();
            foreach (var module in known.Modules)
            {
                if (known.PriceAt(module.Id, now)?.Subscription is { } subscription)
                {
                    uses[module.Id] = await ReadAsync(module.Id, subscription, now, stoppingToken);
                }
            }

            windows.Set(uses.ToFrozenDictionary(StringComparer.Ordinal));
            Beat(string.Create(CultureInfo.InvariantCulture, $"{uses.Count} subscriptions, {uses.Values.Count(w => Array.Exists(w, u => u.IsUsedUp))} used up"));
            var rest = Time.GetElapsedTime(startedAt) * RestPerWork;
            await Task.Delay(rest > Interval ? rest : Interval, Time, stoppingToken);
        }
    }

    private async Task<WindowUse[]> ReadAsync(string module, Subscription subscription, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var uses = new WindowUse[subscription.Windows.Length];
        for (var i = 0; i < uses.Length; i++)
        {
            var window = subscription.Windows[i];
            var slices = new decimal[WindowUse.Slices];
            await using var command = database.CreateCommand(Uses);
            command.Parameters.AddWithValue("now", now.UtcDateTime);
            command.Parameters.AddWithValue("slice", (decimal)(window.Length / WindowUse.Slices).TotalSeconds);
            command.Parameters.AddWithValue("slices", WindowUse.Slices);
            command.Parameters.AddWithValue("hours", window.Hours);
            command.Parameters.AddWithValue("module", module);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                slices[WindowUse.Slices - 1 - reader.GetInt32(0)] = reader.GetDecimal(window.Unit == WindowUnit.Calls ? 1 : 2);
            }

            uses[i] = WindowUse.Of(window, slices, now);
        }

        return uses;
    }
}
