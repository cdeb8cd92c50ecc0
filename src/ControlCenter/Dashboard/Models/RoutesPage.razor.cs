using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Models;
using ControlCenter.Runtime.Queries;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Models;

/// <summary>Which modules a name leads to, how others would do in their place, and why recent calls went where they went.</summary>
public sealed partial class RoutesPage
{
    private readonly LiveList<DecisionRow> _decisions = new();
    private IReadOnlyList<Domain.Models.Route> _routes = [];
    private Dictionary<string, ModuleStanding> _modules = [];
    private IReadOnlyList<ShadowStanding> _shadows = [];

    /// <summary>The module whose calls are shown; all unless said.</summary>
    [SupplyParameterFromQuery(Name = "module")]
    public string? Module { get; set; }

    /// <summary>Whether calls that went straight are left out.</summary>
    [SupplyParameterFromQuery(Name = "troubled")]
    public bool Troubled { get; set; }

    /// <summary>Decisions are kept beside the log, not in it.</summary>
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(2);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.SubjectType is "breaker" or "catalogue";

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        _routes = Catalogue.Current().Routes;
        _modules = Modules.Now().ToDictionary(m => m.Id, StringComparer.Ordinal);
        _shadows = (await Shadows.ListAsync(Closed)).Items;
        await _decisions.RefreshAsync(PageAsync);
    }

    private Task<Page<DecisionRow>> PageAsync(PageRequest page) =>
        Decisions.ListAsync(string.IsNullOrEmpty(Module) ? null : Module, Troubled, page, Closed);
}
