using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Restore;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Recovery;

/// <summary>Chooses the moment, and says what a restore to it would be.</summary>
public sealed partial class RestoreWizardPage
{
    private const int EventsEach = 6;
    private const int MostEarlier = 5;

    private static readonly (string Word, string Value)[] Windows = [("All", ""), ("7 days", "7d"), ("24 h", "24h"), ("1 h", "1h")];

    private static readonly (string Word, TimeSpan Step)[] Steps =
        [("−1 min", TimeSpan.FromMinutes(-1)), ("−1 s", TimeSpan.FromSeconds(-1)), ("+1 s", TimeSpan.FromSeconds(1)), ("+1 min", TimeSpan.FromMinutes(1))];

    private RecoveryState? _state;
    private RecoveryMap? _map;
    private DateTimeOffset? _moment;
    private NearEvents _near = new([], []);
    private RestorePreview? _preview;
    private LostWork? _lost;
    private TimeSpan? _expected;
    private string? _refusal;
    private IReadOnlyList<RestoreView> _earlier = [];
    private (DateTimeOffset Moment, Task Work)? _asking;
    private bool _begun;

    [SupplyParameterFromQuery]
    private string? To { get; set; }

    [SupplyParameterFromQuery]
    private string? Back { get; set; }

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.SubjectType == "restore";

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        _state = await Queries.StateAsync(Closed);
        _earlier = (await Restores.ListAsync(new PageRequest(MostEarlier), Closed)).Items;
        // Where nothing is picked it stands at the latest, and stays there: a moment that moves by itself cannot be chosen.
        _moment = RestoreMoment.Parse(To) ?? _moment ?? _state.Latest;
        if (_moment is not { } moment)
        {
            return;
        }

        var bases = (await Repository.ReadAsync(Closed))?.Bases ?? [];
        _map = RecoveryMap.Of(_state, bases, Time.GetUtcNow(), RestoreMoment.WindowOf(Back), RestoreMoment.EdgeOf(Back, moment, Time.GetUtcNow()));
        _near = await Events.ReadAsync(moment, EventsEach, Closed);
        if (_asking?.Moment != moment)
        {
            // Its storage may be far away: what is known is shown before it has answered.
            (_preview, _lost, _refusal) = (null, null, null);
            _asking = (moment, AskAsync(moment));
        }
    }

    private async Task AskAsync(DateTimeOffset moment)
    {
        RestorePreview? preview = null;
        string? refusal = null;
        try
        {
            preview = await Restores.PreviewAsync(moment, Closed);
        }
        catch (ValidationException refused)
        {
            refusal = string.Join(' ', refused.Errors!.SelectMany(e => e.Value));
        }
        catch (DomainException refused)
        {
            refusal = refused.Message;
        }
        catch (OperationCanceledException) when (Closed.IsCancellationRequested)
        {
            return;
        }

        var lost = preview is null ? null : await Events.LostAsync(moment, Closed);
        var expected = preview is null ? null : RestoreForecast.Of((await Figures.ReadAsync(Closed)).Restores, preview.BaseBytes);
        await InvokeAsync(() =>
        {
            // Another moment may have been picked meanwhile.
            if (_asking?.Moment == moment)
            {
                (_preview, _lost, _expected, _refusal) = (preview, lost, expected, refusal);
                StateHasChanged();
            }
        });
    }

    private void Pick(DateTimeOffset? moment)
    {
        if (moment is { } picked)
        {
            SetInAddress("to", RestoreMoment.Text(picked));
        }
    }

    private async Task BeginAsync()
    {
        Guid? id = null;
        _begun = true;
        if (await DoAsync(async caller => id = (await Restore.ExecuteAsync(new RestoreRequest(_moment), caller, null, Closed)).Value!.RestoreId))
        {
            Navigation.NavigateTo($"/recovery/restores/{id}");
        }

        _begun = false;
    }
}
