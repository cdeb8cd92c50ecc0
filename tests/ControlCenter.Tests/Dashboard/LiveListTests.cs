using ControlCenter.Dashboard;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Tests.Dashboard;

public sealed class LiveListTests
{
    private readonly LiveList<int> _list = new(pageSize: 50);
    private int _rows = 2_000;

    [Fact]
    public async Task What_has_been_opened_stays_open_when_the_list_is_brought_up_to_date()
    {
        await _list.RefreshAsync(ReadAsync);
        await _list.MoreAsync(ReadAsync);
        await _list.MoreAsync(ReadAsync);
        _list.Items.Count.ShouldBe(150);
        await _list.RefreshAsync(ReadAsync);
        _list.Items.ShouldBe(Enumerable.Range(0, 150));
        _list.HasMore.ShouldBeTrue();
    }

    [Fact]
    public async Task A_list_that_has_shrunk_shows_what_is_left()
    {
        await _list.RefreshAsync(ReadAsync);
        await _list.MoreAsync(ReadAsync);
        _rows = 30;
        await _list.RefreshAsync(ReadAsync);
        _list.Items.Count.ShouldBe(30);
        _list.HasMore.ShouldBeFalse();
    }

    [Fact]
    public async Task It_grows_to_a_bound_and_says_so()
    {
        await _list.RefreshAsync(ReadAsync);
        while (_list.HasMore)
        {
            await _list.MoreAsync(ReadAsync);
        }

        _list.Items.Count.ShouldBe(1_000);
        _list.IsCut.ShouldBeTrue();
        await _list.RefreshAsync(ReadAsync);
        _list.Items.ShouldBe(Enumerable.Range(0, 1_000));
    }

    private Task<Page<int>> ReadAsync(PageRequest page)
    {
        var start = (int)(page.AfterNumber + 1 ?? 0);
        return Task.FromResult(page.PageOf([.. Enumerable.Range(start, Math.Min(page.Limit + 1, Math.Max(0, _rows - start)))], i => (long)i));
    }
}
