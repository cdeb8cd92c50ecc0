using System.Text.Json;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Models;

namespace ControlCenter.Dashboard.Models;

/// <summary>Every model that can be called: how it is, how it has done, what it costs.</summary>
public sealed partial class ModulesPage
{
    private IReadOnlyList<ModuleStanding> _rows = [];
    private bool _changing;

    /// <summary>Calls have no events of their own kind here, and a provider's patience runs out without one.</summary>
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(5);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.SubjectType is "breaker" or "catalogue";

    /// <inheritdoc />
    protected override async Task ReadAsync() => _rows = (await Modules.ListAsync(Closed)).Items;

    private void Begin() => (_changing, Problem) = (true, null);

    private async Task ResetAsync(string id)
    {
        await DoAsync(caller => Reset.ExecuteAsync(id, caller, null, Closed));
        await RefreshAsync();
    }

    // The same text that a file has: what can be done in one way can be done in the other.
    private async Task ChangeAsync(string text)
    {
        _changing = !await DoAsync(async caller =>
        {
            ChangeCatalogueRequest? request;
            try
            {
                request = JsonSerializer.Deserialize<ChangeCatalogueRequest>(text, WireJson.Options);
            }
            catch (JsonException fault)
            {
                throw new DomainException(ProblemTypes.MalformedJson, $"Line {fault.LineNumber + 1}: {fault.Path ?? "$"} is no field of the catalogue, or has a value of the wrong type.");
            }

            await Change.ExecuteAsync(request ?? new ChangeCatalogueRequest(), caller, null, Closed);
        });
        await RefreshAsync();
        StateHasChanged();
    }
}
