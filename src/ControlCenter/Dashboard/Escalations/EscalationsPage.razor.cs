using ControlCenter.Domain.Escalations;
using ControlCenter.Runtime.Escalations;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Queries;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Escalations;

/// <summary>The inbox: worked with the keyboard, or with a thumb.</summary>
public sealed partial class EscalationsPage
{
    private readonly EscalationInbox _inbox = new();
    private EscalationSummary _summary = new(0, null, 0);
    private Guid? _writtenFor;
    private string _comment = "";
    private string? _option;
    private bool _busy;

    /// <summary>The one that the address names.</summary>
    [Parameter]
    public Guid? Id { get; set; }

    [SupplyParameterFromQuery]
    private bool Decided { get; set; }

    private EscalationFilter Filter => Decided ? new EscalationFilter(Decided: true) : new EscalationFilter(EscalationState.Waiting);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.SubjectType == "escalation" || happened.Record.Kind == "lease.expired";

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        var named = Id is { } id ? await Queries.FindAsync(id, Closed) : null;
        var page = await Queries.ListAsync(Filter, new PageRequest(100), Closed);
        _summary = await Queries.SummaryAsync(Closed);
        _inbox.Show(page.Items, page.NextCursor, named);
        if (_writtenFor != _inbox.Selected?.EscalationId)
        {
            // What is half written belongs to the question that it was written for.
            (_writtenFor, _comment, _option, Problem) = (_inbox.Selected?.EscalationId, "", null, null);
        }
    }

    private static StatusLook KindLook(EscalationKind kind) => kind switch
    {
        EscalationKind.Approval => new("accent", "check", "Approval"),
        EscalationKind.Question => new("info", "question", "Question"),
        _ => new("warn", "flag", "Intervention"),
    };

    private string AddressOf(EscalationView escalation) => $"/escalations/{escalation.EscalationId}{(Decided ? "?decided=true" : "")}";

    private void Go(int step)
    {
        if (_inbox.Neighbour(Id is null && step > 0 ? 0 : step) is { } to)
        {
            Navigation.NavigateTo(AddressOf(to));
        }
    }

    private async Task MoreAsync()
    {
        var page = await Queries.ListAsync(Filter, new PageRequest(100, _inbox.NextCursor), Closed);
        _inbox.Append(page.Items, page.NextCursor);
    }

    private async Task DecideAsync(Verdict verdict)
    {
        var chosen = _inbox.Selected!;
        var next = _inbox.AfterDecision();
        _busy = true;
        var answer = new DecideEscalationRequest(verdict, string.IsNullOrWhiteSpace(_comment) ? null : _comment.Trim(), _option, chosen.ActionHash);
        var done = await DoAsync(caller => Decide.ExecuteAsync(chosen.EscalationId, answer, caller, null, Closed));
        _busy = false;
        if (done)
        {
            Navigation.NavigateTo(next is null ? "/escalations" : AddressOf(next));
        }
        else
        {
            var refused = Problem;
            await ReadAsync();
            Problem = refused;
        }
    }
}
