using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.EventLog;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Costs;

/// <summary>What currencies are worth in each other, and from when on.</summary>
public sealed partial class RatesPage
{
    private IReadOnlyList<CurrencyRate> _rates = [];
    private RateDraft _draft = new();

    [SupplyParameterFromQuery]
    private string? New { get; set; }

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.Kind == "cost.rate_set";

    /// <inheritdoc />
    protected override void OnInitialized()
    {
        base.OnInitialized();
        _draft = NewDraft();
    }

    /// <inheritdoc />
    protected override async Task ReadAsync() => _rates = (await Rates.ListAsync(Closed)).Items;

    private RateDraft NewDraft() => new() { EffectiveOn = DateOnly.FromDateTime(Time.GetUtcNow().UtcDateTime) };

    private void Begin()
    {
        (_draft, Problem) = (NewDraft(), null);
        SetInAddress("new", "1");
    }

    private async Task AddAsync()
    {
        if (await DoAsync(caller => Set.ExecuteAsync(_draft.ToRate(), caller, null, Closed)))
        {
            SetInAddress("new", null);
            await RefreshAsync();
        }
    }
}

/// <summary>A rate while it is being written.</summary>
public sealed class RateDraft
{
    public string Currency { get; set; } = "";

    public string Quote { get; set; } = "";

    public DateOnly EffectiveOn { get; set; }

    public decimal Rate { get; set; }

    public string Source { get; set; } = "";

    /// <summary>The request.</summary>
    public CurrencyRate ToRate() => new(Currency.Trim(), Quote.Trim(), EffectiveOn, Rate, Source.Trim());
}
