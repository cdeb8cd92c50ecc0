using ControlCenter.Domain.Access;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Hosts;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Dashboard.Hosts;

/// <summary>The machines that run agents, with their load.</summary>
public sealed partial class HostsPage
{
    private IReadOnlyList<HostDetail> _hosts = [];
    private bool _adding;
    private CreatedHost? _added;
    private HostView? _removing;
    private string _name = "";
    private string? _labels;

    /// <summary>A report that changes nothing has no event: the load is looked up.</summary>
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(5);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.Kind.StartsWith("runtime.", StringComparison.Ordinal);

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        var hosts = new List<HostDetail>();
        foreach (var host in (await Queries.ListAsync(new PageRequest(PageRequest.MostItems), Closed)).Items)
        {
            if (await Queries.FindAsync(host.HostId, Closed) is { } detail)
            {
                hosts.Add(detail);
            }
        }

        _hosts = [.. hosts.OrderByDescending(h => h.Host.IsLocal).ThenBy(h => h.Host.Name, StringComparer.Ordinal)];
    }

    private void Begin() => (_adding, _added, _name, _labels, Problem) = (true, null, "", null, null);

    private async Task AddAsync()
    {
        var labels = _labels?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (await DoAsync(async caller => _added = (await Create.ExecuteAsync(new CreateHostRequest(_name, labels), caller, null, Closed)).Value))
        {
            await RefreshAsync();
        }
    }

    private async Task RemoveAsync()
    {
        if (await DoAsync(caller => Leave.RemoveAsync(_removing!.HostId, caller, Closed)))
        {
            _removing = null;
            await RefreshAsync();
        }
    }

    private async Task DoAndReadAsync(Func<Caller, Task> command)
    {
        if (await DoAsync(command))
        {
            await RefreshAsync();
        }
    }
}
