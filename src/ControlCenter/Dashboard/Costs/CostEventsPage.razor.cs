using System.Globalization;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Queries;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Costs;

/// <summary>The events behind a number: newest first, with filter and page in the address.</summary>
public sealed partial class CostEventsPage
{
    private Page<CostEventView> _page = new([], null);
    private CostEventFilter? _filter;

    [SupplyParameterFromQuery]
    private string? By { get; set; }

    [SupplyParameterFromQuery]
    private string? Key { get; set; }

    [SupplyParameterFromQuery]
    private string? From { get; set; }

    [SupplyParameterFromQuery]
    private string? To { get; set; }

    [SupplyParameterFromQuery]
    private string? Cursor { get; set; }

    /// <summary>What is newest changes; an older page stays as it is, so that nobody's place moves.</summary>
    protected override bool Concerns(FeedEvent happened) => Cursor is null && happened.Record.Kind == "cost.recorded";

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        _filter = new CostEventFilter(WireNames<RollupDimension>.TryParse(By, out var by) ? by : null, Key, Parsed(From), Parsed(To));
        try
        {
            _page = await Queries.ListAsync(_filter, new PageRequest(Cursor: Cursor), Closed);
        }
        catch (ValidationException)
        {
            // An address that was cut short: nothing fits it.
            _page = new Page<CostEventView>([], null);
        }
    }

    private static DateTimeOffset? Parsed(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;

    private static string Units(decimal? units) => units is { } known ? known.ToString("#,0.##", CultureInfo.InvariantCulture) : "–";

    private static StatusLook LookOf(CostEventView e) =>
        e.Corrects is not null || e.InvoiceId is not null ? new("info", "undo", "Correction")
        : e.Knowledge switch
        {
            CostKnowledge.Exact => new("good", "check", "Exact"),
            CostKnowledge.Estimated => new("", "circle", "Estimated"),
            _ => new("warn", "question", "Unknown"),
        };
}
