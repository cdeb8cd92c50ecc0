using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Jobs;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Jobs;

/// <summary>Which stretches of time are kept whatever the policies say: why, by whom, since when.</summary>
public sealed partial class PinsCard
{
    private IReadOnlyList<IncidentPinView> _pins = [];
    private PinDraft? _draft;
    private bool _showReleased;

    [SupplyParameterFromQuery]
    private string? Pin { get; set; }

    private PinDraft Draft => _draft ??= new PinDraft(Time.GetUtcNow());

    private int Released => _pins.Count(p => p.ReleasedAt is not null);

    private IEnumerable<IncidentPinView> Shown => _pins.Where(p => p.ReleasedAt is null || _showReleased);

    private IncidentPinView? Chosen => _pins.FirstOrDefault(p => p.ReleasedAt is null && p.PinId.ToString() == Pin);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.SubjectType == "incident_pin";

    /// <inheritdoc />
    protected override async Task ReadAsync() => _pins = (await Queries.ListAsync(Closed)).Items;

    private void Open(string what)
    {
        (_draft, Problem) = (null, null);
        SetInAddress("pin", what);
    }

    private void Close()
    {
        (_draft, Problem) = (null, null);
        SetInAddress("pin", null);
    }

    private async Task PinAsync()
    {
        if ((Problem = Draft.Missing) is null && await DoAsync(caller => Pins.ExecuteAsync(Draft.ToRequest(), caller, null, Closed)))
        {
            await DoneAsync();
        }
    }

    private async Task UnpinAsync(Guid pin)
    {
        if (await DoAsync(caller => Pins.ReleaseAsync(pin, caller, Closed)))
        {
            await DoneAsync();
        }
    }

    private Task DoneAsync()
    {
        Close();
        return RefreshAsync();
    }
}
