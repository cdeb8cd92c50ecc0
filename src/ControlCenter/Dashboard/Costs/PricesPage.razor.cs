using ControlCenter.Domain.Costs;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Models;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Costs;

/// <summary>What was really paid for a unit, and what a corrected price changes.</summary>
public sealed partial class PricesPage
{
    private static readonly PriceRange[] Ranges = [new("7d", TimeSpan.FromDays(7)), new("30d", TimeSpan.FromDays(30)), new("90d", TimeSpan.FromDays(90))];

    private IReadOnlyList<EffectivePrice> _prices = [];
    private RepricePreview? _preview;
    private bool _looking;
    private bool _asking;
    private bool _booking;
    private long _booked;

    [SupplyParameterFromQuery]
    private string? Range { get; set; }

    private PriceRange Chosen => Array.Find(Ranges, r => r.Word == Range) ?? Ranges[1];

    /// <summary>Every use moves these figures a little, and each reading looks at all of them: what was decided about prices is what moves them much.</summary>
    protected override bool Concerns(FeedEvent happened) => happened.Record.Kind is "cost.repriced" or "cost.invoice_imported";

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        var now = Time.GetUtcNow();
        _prices = (await Prices.ListAsync(now - Chosen.Length, now, Closed)).Items;
    }

    private async Task PreviewAsync()
    {
        (_looking, _preview) = (true, null);
        try
        {
            await DoAsync(async caller => _preview = await Reprice.PreviewAsync(null, caller, Closed));
        }
        finally
        {
            _looking = false;
        }
    }

    private async Task BookAsync()
    {
        (_asking, _booking, _booked) = (false, true, 0);
        try
        {
            await DoAsync(BatchesAsync);
        }
        finally
        {
            _booking = false;
        }

        await PreviewAsync();
        await RefreshAsync();
    }

    // Each batch is for good: when the page is left in between, the next look says what is still to be booked.
    private async Task BatchesAsync(Domain.Access.Caller caller)
    {
        string? cursor = null;
        do
        {
            var batch = (await Reprice.ExecuteAsync(new RepriceRequest(null, cursor), caller, null, Closed)).Value!;
            (_booked, cursor) = (_booked + batch.Uses, batch.NextCursor);
            StateHasChanged();
        }
        while (cursor is not null);
    }

    private sealed record PriceRange(string Word, TimeSpan Length);
}
