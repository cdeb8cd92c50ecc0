using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Queries;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Access;

/// <summary>Who did, or tried to do, what: newest first, with filters and page in the address.</summary>
public sealed partial class AuditPage
{
    /// <summary>What the host writes, and its families, to choose from.</summary>
    private static readonly string[] Actions =
    [
        "access.", "access.refused", "access.revoked", "actor.created", "admission.changed", "escalation.decided", "key.", "key.created", "key.rotated",
        "sign_in.", "sign_in.refused", "sign_in.succeeded",
    ];

    private Page<AuditView> _page = new([], null);
    private bool _refused;

    [SupplyParameterFromQuery]
    private string? Actor { get; set; }

    [SupplyParameterFromQuery]
    private string? Action { get; set; }

    [SupplyParameterFromQuery]
    private string? Outcome { get; set; }

    [SupplyParameterFromQuery]
    private string? Cursor { get; set; }

    private AuditFilter Filter => Guid.TryParse(Actor, out var id)
        ? new AuditFilter(ActorId: id, Action: Action, Outcome: ParsedOutcome)
        : new AuditFilter(ActorName: Actor, Action: Action, Outcome: ParsedOutcome);

    private AuditOutcome? ParsedOutcome => WireNames<AuditOutcome>.TryParse(Outcome, out var outcome) ? outcome : null;

    /// <summary>What is newest changes; an older page stays as it is, so that nobody's place moves.</summary>
    protected override bool Concerns(FeedEvent happened) =>
        Cursor is null
        && (happened.Record.Kind.StartsWith("security.", StringComparison.Ordinal) || happened.Record.Kind is "escalation.decided" or "admission.changed");

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        var caller = await Callers.CallerAsync();
        _refused = !PermissionMatrix.Allows(caller.Role, Permission.ReadAudit);
        if (_refused)
        {
            return;
        }

        try
        {
            _page = await Queries.ListAsync(Filter, new PageRequest(Cursor: Cursor), caller, Closed);
        }
        catch (ValidationException)
        {
            // An address that was cut short: the newest page is there.
            _page = await Queries.ListAsync(Filter, new PageRequest(), caller, Closed);
        }
    }

    private void SetFilter(string name, string? value) => Navigation.NavigateTo(AddressWith(name, value), replace: true);

    // Another filter is another list: it begins at its newest.
    private string AddressWith(string name, string? value) => Navigation.GetUriWithQueryParameters(new Dictionary<string, object?>(StringComparer.Ordinal)
    {
        ["cursor"] = null,
        [name] = string.IsNullOrWhiteSpace(value) ? null : value.Trim(),
    });
}
