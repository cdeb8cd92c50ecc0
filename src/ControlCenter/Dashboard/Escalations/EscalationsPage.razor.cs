using ControlCenter.Dashboard.Components;
using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Escalations;
using ControlCenter.Runtime.EventLog;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Escalations;

/// <summary>The inbox: worked with the keyboard, or with a thumb.</summary>
public sealed partial class EscalationsPage
{
    private readonly EscalationInbox _inbox = new();
    private readonly LiveList<EscalationView> _list = new();
    private EscalationSummary _summary = new(0, null, 0);
    private PageHeader? _header;
    private EscalationDetail? _detail;
    private bool _focus;
    private (string Title, EscalationState State, Guid EscalationId)? _last;
    private Guid? _problemOf;
    private EscalationFilter? _listed;
    private bool _busy;

    /// <summary>The one that the address names.</summary>
    [Parameter]
    public Guid? Id { get; set; }

    [SupplyParameterFromQuery]
    private bool Decided { get; set; }

    [SupplyParameterFromQuery]
    private string? State { get; set; }

    [SupplyParameterFromQuery]
    private string? Kind { get; set; }

    private EscalationFilter Filter => Decided
        ? new EscalationFilter(
            WireNames<EscalationState>.TryParse(State, out var state) ? state : null, WireNames<EscalationKind>.TryParse(Kind, out var kind) ? kind : null, Decided: true)
        : new EscalationFilter(EscalationState.Waiting);

    private string Home => Address("/escalations");

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.SubjectType == "escalation" || happened.Record.Kind == "lease.expired";

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        if (_listed != Filter)
        {
            _listed = Filter;
            _list.Reset();
            _inbox.Leave();
        }

        await _list.RefreshAsync(page => Queries.ListAsync(Filter, page, Closed));
        _summary = await Queries.SummaryAsync(Closed);
        var named = Id;
        var wanted = _inbox.Wanted(named) is { } id
            ? _list.Items.FirstOrDefault(e => e.EscalationId == id) ?? await Queries.FindAsync(id, Closed)
            : null;
        _inbox.Show(_list.Items, wanted, named is not null);
        if (_problemOf != _inbox.Selected?.EscalationId)
        {
            Problem = null;
        }
    }

    /// <inheritdoc />
    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        // What had the focus went with the one that was left: it goes to the title of the next, which a screen reader then reads.
        if (_focus && _detail is not null && _inbox.Selected is { } chosen && (Id is null || Id == chosen.EscalationId))
        {
            _focus = false;
            await _detail.FocusAsync();
        }
    }

    private string AddressOf(EscalationView escalation) => Address($"/escalations/{escalation.EscalationId}");

    // The filters stay in the address from one to the next.
    private string Address(string path) => Navigation.GetUriWithQueryParameters(path, new Dictionary<string, object?>(StringComparer.Ordinal)
    {
        ["decided"] = Decided ? "true" : null, ["state"] = Decided ? State : null, ["kind"] = Decided ? Kind : null,
    });

    private void Filtered(string name, string? value) => Navigation.NavigateTo(Navigation.GetUriWithQueryParameters("/escalations", new Dictionary<string, object?>(StringComparer.Ordinal)
    {
        ["decided"] = "true", ["state"] = State, ["kind"] = Kind, [name] = string.IsNullOrEmpty(value) ? null : value,
    }));

    private void Go(int step)
    {
        if (_inbox.Neighbour(step) is { } to)
        {
            Navigation.NavigateTo(AddressOf(to));
            _focus = true;
        }
    }

    private async Task MoreAsync()
    {
        await _list.MoreAsync(page => Queries.ListAsync(Filter, page, Closed));
        _inbox.Show(_list.Items, _inbox.Selected, named: false);
    }

    private async Task DecideAsync(DecideEscalationRequest answer)
    {
        if (_busy)
        {
            return;
        }

        var chosen = _inbox.Selected!;
        _busy = true;
        var done = await DoAsync(caller => Decide.ExecuteAsync(chosen.EscalationId, answer, caller, null, Closed));
        _busy = false;
        if (!done)
        {
            // Somebody was faster, or time was: what became of it is shown where it was asked.
            _problemOf = chosen.EscalationId;
            await RefreshAsync();
            return;
        }

        _last = (chosen.Title, EscalationRules.StateAfter(answer.Verdict), chosen.EscalationId);
        if (_inbox.MoveOn() is { } next)
        {
            Navigation.NavigateTo(AddressOf(next));
            _focus = true;
        }
        else
        {
            Navigation.NavigateTo(Home);
            await RefreshAsync();
            await _header!.FocusAsync();
        }
    }
}
