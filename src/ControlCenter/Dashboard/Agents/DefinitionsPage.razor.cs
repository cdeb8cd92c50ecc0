using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Queries;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Agents;

/// <summary>What agents are made of, and what is wrong with their files.</summary>
public sealed partial class DefinitionsPage
{
    private readonly LiveList<DefinitionView> _list = new();
    private DefinitionDraft? _draft;
    private bool _isNew;
    private DefinitionView? _starting, _removing;
    private string? _message;

    /// <summary>Only this one.</summary>
    [SupplyParameterFromQuery(Name = "name")]
    public string? Name { get; set; }

    private IEnumerable<DefinitionView> Shown => _list.Items.Where(d => string.IsNullOrEmpty(Name) || d.Name == Name);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) =>
        happened.Record.Kind.StartsWith("agent.definition", StringComparison.Ordinal) || happened.Record.Kind is "runtime.requested" or "runtime.ended";

    /// <inheritdoc />
    protected override Task ReadAsync() => _list.RefreshAsync(PageAsync);

    private Task<Page<DefinitionView>> PageAsync(PageRequest page) => Queries.ListAsync(page, Closed);

    private void Begin(DefinitionView? definition) => (_draft, _isNew, Problem) = (definition is null ? new DefinitionDraft() : DefinitionDraft.Of(definition.Definition), definition is null, null);

    private void BeginStart(DefinitionView definition) => (_starting, _message, Problem) = (definition, null, null);

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
