using ControlCenter.Domain.Access;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Execution.Transcripts;
using ControlCenter.Runtime.Queries;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Agents;

/// <summary>What agents are made of, and what is wrong with their files.</summary>
public sealed partial class DefinitionsPage
{
    private readonly LiveList<DefinitionView> _list = new();
    private DefinitionDraft? _draft;
    private bool _isNew;
    private DefinitionView? _starting, _removing, _replaying;
    private string? _message, _tools;
    private int _days = 30;
    private ReplayedTools? _replayed;

    /// <summary>Only this one.</summary>
    [SupplyParameterFromQuery(Name = "name")]
    public string? Name { get; set; }

    private IEnumerable<DefinitionView> Shown => _list.Items.Where(d => string.IsNullOrEmpty(Name) || d.Name == Name);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) =>
        happened.Record.Kind.StartsWith("agent.definition", StringComparison.Ordinal) || happened.Record.Kind is "runtime.requested" or "runtime.ended";

    /// <inheritdoc />
    protected override Task ReadAsync() => _list.RefreshAsync(PageAsync);

    private async Task<Page<DefinitionView>> PageAsync(PageRequest page) =>
        WithoutValuesFor((await Callers.CallerAsync()).Role, await Queries.ListAsync(page, Closed));

    // What a page does not have it cannot show, whatever is put on it later.
    internal static Page<DefinitionView> WithoutValuesFor(Role role, Page<DefinitionView> page) => PermissionMatrix.Allows(role, Permission.ManageDefinitions)
        ? page : page with { Items = [.. page.Items.Select(d => d with { Definition = d.Definition.WithoutValues() })] };

    private void Begin(DefinitionView? definition) => (_draft, _isNew, Problem) = (definition is null ? new DefinitionDraft() : DefinitionDraft.Of(definition.Definition), definition is null, null);

    private void BeginStart(DefinitionView definition) => (_starting, _message, Problem) = (definition, null, null);

    private void BeginReplay(DefinitionView definition) =>
        (_replaying, _replayed, _tools, Problem) = (definition, null, string.Join(", ", definition.Definition.Tools), null);

    private Task ReplayAsync() => DoAsync(async caller => _replayed = await Replay.ExecuteAsync(
        _replaying!.Name, new ReplayToolsRequest(_tools?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [], _days), caller, Closed));

    private async Task SaveAsync()
    {
        if (await DoAsync(caller => Save.ExecuteAsync(_draft!.ToDefinition(), DefinitionSource.Page, null, caller, Closed)))
        {
            _draft = null;
            await RefreshAsync();
        }
    }

    private async Task StartAsync()
    {
        RequestedRuntime? started = null;
        if (await DoAsync(async caller => started = (await Start.ExecuteAsync(
            new RequestRuntimeRequest(_starting!.Name, Message: string.IsNullOrWhiteSpace(_message) ? null : _message.Trim()), caller, null, Closed)).Value))
        {
            Navigation.NavigateTo($"/runtimes/{started!.RuntimeId}");
        }
    }

    private async Task RemoveAsync()
    {
        if (await DoAsync(caller => Remove.ExecuteAsync(_removing!.Name, DefinitionSource.Page, caller, Closed)))
        {
            _removing = null;
            await RefreshAsync();
        }
    }
}
