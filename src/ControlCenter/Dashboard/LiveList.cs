using ControlCenter.Runtime.Queries;

namespace ControlCenter.Dashboard;

/// <summary>A list that is paged through and brought up to date in place: what somebody has opened stays open.</summary>
/// <typeparam name="T">A read model.</typeparam>
internal sealed class LiveList<T>(int pageSize = PageRequest.DefaultLimit)
{
    // What is kept up to date at the most. Who needs more narrows the filter: no one reads a list of a thousand rows that moves.
    private const int MostItems = 1_000;

    /// <summary>What is listed.</summary>
    public IReadOnlyList<T> Items { get; private set; } = [];

    /// <summary>Whether there is more, and room to show it.</summary>
    public bool HasMore => _next is not null && Items.Count < MostItems;

    /// <summary>Whether there is more than is shown here at all.</summary>
    public bool IsCut => _next is not null && Items.Count >= MostItems;

    private string? _next;

    /// <summary>Reads what is open, from the start.</summary>
    public async Task RefreshAsync(Func<PageRequest, Task<Page<T>>> read)
    {
        var open = Math.Max(Items.Count, pageSize);
        var items = new List<T>(open);
        string? cursor = null;
        do
        {
            var page = await read(new PageRequest(Math.Clamp(open - items.Count, 1, PageRequest.MostItems), cursor));
            items.AddRange(page.Items);
            cursor = page.NextCursor;
        }
        while (cursor is not null && items.Count < open);
        (Items, _next) = (items, cursor);
    }

    /// <summary>Reads one page more.</summary>
    public async Task MoreAsync(Func<PageRequest, Task<Page<T>>> read)
    {
        if (_next is null)
        {
            return;
        }

        var page = await read(new PageRequest(pageSize, _next));
        (Items, _next) = ([.. Items, .. page.Items], page.NextCursor);
    }

    /// <summary>Closes what was opened: the list is another one.</summary>
    public void Reset() => (Items, _next) = ([], null);
}
