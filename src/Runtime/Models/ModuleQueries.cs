using ControlCenter.Domain.Models;

namespace ControlCenter.Runtime.Models;

/// <summary>Everything there is to know of one module.</summary>
/// <param name="Id">Its canonical id.</param>
/// <param name="Module">As the catalogue has it.</param>
/// <param name="Price">What it costs now; null for one that is not called for want of a price.</param>
/// <param name="Breaker">How it is.</param>
/// <param name="Lately">How it has done; null where it was not called.</param>
/// <param name="Windows">How far its subscription's windows are used; none for one without a subscription.</param>
/// <param name="Warnings">What the founder should know before he relies on it.</param>
public sealed record ModuleStanding(
    string Id, Module Module, Price? Price, BreakerView Breaker, ModuleRecord? Lately, IReadOnlyList<WindowStanding> Windows, IReadOnlyList<string> Warnings);

/// <summary>How far a window is used.</summary>
/// <param name="Hours">Its length.</param>
/// <param name="Unit">What it counts.</param>
/// <param name="Limit">How much may be used.</param>
/// <param name="Used">How much is.</param>
/// <param name="UsedShare">The part that is: 1 is all of it.</param>
/// <param name="ExhaustedAt">When it is used up if things go on as of late; null where they do not lead there.</param>
/// <param name="RoomAt">When there is room again, for one that is used up.</param>
/// <param name="FeePerUnit">What one unit has come to at the present use, of the fee that falls to the window: dear while little is used. Null where nothing is.</param>
public sealed record WindowStanding(
    int Hours, WindowUnit Unit, decimal Limit, decimal Used, decimal UsedShare, DateTimeOffset? ExhaustedAt, DateTimeOffset? RoomAt, decimal? FeePerUnit);

/// <summary>The modules, by id.</summary>
public sealed record ModuleList(IReadOnlyList<ModuleStanding> Items, string? NextCursor);

/// <summary>Reads how modules stand.</summary>
public sealed class ModuleQueries(ModelCatalogue catalogue, Breakers breakers, SubscriptionWindows windows, DecisionQueries decisions, TimeProvider time)
{
    /// <summary>What counts as lately.</summary>
    public static readonly TimeSpan Lately = TimeSpan.FromHours(24);

    /// <summary>All of them.</summary>
    public async Task<ModuleList> ListAsync(CancellationToken cancellationToken)
    {
        var records = (await decisions.RecordsAsync(time.GetUtcNow() - Lately, cancellationToken)).ToDictionary(r => r.Module, StringComparer.Ordinal);
        return new ModuleList([.. Now().Select(m => m with { Lately = records.GetValueOrDefault(m.Id) })], null);
    }

    /// <summary>All of them, without how they have done: costs no query.</summary>
    public IEnumerable<ModuleStanding> Now()
    {
        var now = time.GetUtcNow();
        var known = catalogue.Current;
        return known.Modules.Select(m => Of(m, known.PriceAt(m.Id, now), now));
    }

    private ModuleStanding Of(Module module, Price? price, DateTimeOffset now) => new(
        module.Id, module, price, breakers.View(module), null, [.. windows.Of(module.Id).Select(u => Of(u, price?.Subscription))], [.. ModuleWarnings.Of(module, now)]);

    private static WindowStanding Of(WindowUse use, Subscription? subscription) => new(
        use.Window.Hours, use.Window.Unit, use.Window.Limit, use.Used, decimal.Round(use.Share, 6), use.ExhaustedAt, use.RoomAt,
        use.Used > 0 && subscription is not null ? decimal.Round(subscription.FeeFor(use.Window) / use.Used, 12) : null);
}
