using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.EventLog;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Costs;

/// <summary>What providers have billed, and how far the metering was off.</summary>
public sealed partial class InvoicesPage
{
    private InvoiceList _list = new([], []);
    private InvoiceDraft _draft = new();

    [SupplyParameterFromQuery]
    private string? New { get; set; }

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.Kind == "cost.invoice_imported";

    /// <inheritdoc />
    protected override async Task ReadAsync() => _list = await Queries.ListAsync(Closed);

    private void Begin()
    {
        (_draft, Problem) = (new InvoiceDraft(), null);
        SetInAddress("new", "1");
    }

    // First what it would do, then, with the same press again, that.
    private async Task SubmitAsync()
    {
        // The press can overtake the file, which comes over in messages of its own.
        await _draft.Reading;
        if (!_draft.CanImport)
        {
            await DoAsync(async caller => _draft.Checked(await Preview.ExecuteAsync(_draft.ToImport(), caller, Closed)));
            return;
        }

        ReconciledInvoice? imported = null;
        if (await DoAsync(async caller => imported = (await Import.ExecuteAsync(_draft.ToImport(), caller, null, Closed)).Value))
        {
            Navigation.NavigateTo($"/costs/invoices/{imported!.InvoiceId}");
        }
    }
}
