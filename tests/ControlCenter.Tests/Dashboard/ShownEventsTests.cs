using ControlCenter.Dashboard.Events;
using ControlCenter.Domain.Events;

namespace ControlCenter.Tests.Dashboard;

public sealed class ShownEventsTests
{
    private const int PageSize = 3;

    private readonly ShownEvents _events = new();

    [Fact]
    public async Task What_is_heard_while_it_reads_is_on_top_of_what_is_found_and_nothing_is_there_twice()
    {
        var found = new TaskCompletionSource<List<EventRecord>>();
        var reading = _events.ReadAsync(() => found.Task, PageSize);
        _events.Hear(Of(3, 4, 5));
        _events.Items.ShouldBeEmpty();
        found.SetResult([.. Of(3, 2, 1)]);
        await reading;
        Shown().ShouldBe([5, 4, 3, 2, 1]);
        _events.HasOlder.ShouldBeTrue();
        _events.Fresh.ShouldBe(0);
    }

    [Fact]
    public async Task Nothing_moves_for_who_has_paused_and_what_was_heard_comes_when_he_says_so()
    {
        await ReadAsync(2, 1);
        _events.IsPaused = true;
        _events.Hear(Of(3, 4));
        Shown().ShouldBe([2, 1]);
        _events.Fresh.ShouldBe(2);
        _events.ShowFresh();
        Shown().ShouldBe([4, 3, 2, 1]);
    }

    [Fact]
    public async Task What_was_heard_before_it_reads_anew_was_for_another_filter()
    {
        await ReadAsync(2, 1);
        _events.IsPaused = true;
        _events.Hear(Of(3));
        _events.Miss();
        await ReadAsync(7);
        (_events.Fresh, _events.HasMissed).ShouldBe((0, false));
        Shown().ShouldBe([7]);
    }

    [Fact]
    public async Task A_reading_that_fails_leaves_what_is_shown_and_nothing_comes_on_top_of_it_until_one_succeeds()
    {
        await ReadAsync(2, 1);
        await Should.ThrowAsync<TimeoutException>(() => _events.ReadAsync(() => throw new TimeoutException(), PageSize));
        _events.Hear(Of(30));
        Shown().ShouldBe([2, 1]);
        _events.HasMissed.ShouldBeTrue();
        await ReadAsync(30, 29, 28);
        Shown().ShouldBe([30, 29, 28]);
        _events.HasMissed.ShouldBeFalse();
    }

    [Fact]
    public async Task Who_follows_again_while_it_reads_misses_nothing()
    {
        await ReadAsync(1);
        _events.IsPaused = true;
        var found = new TaskCompletionSource<List<EventRecord>>();
        var reading = _events.ReadAsync(() => found.Task, PageSize);
        _events.Hear(Of(3));
        _events.IsPaused = false;
        _events.ShowFresh();
        found.SetResult([.. Of(2, 1)]);
        await reading;
        Shown().ShouldBe([3, 2, 1]);
    }

    [Fact]
    public async Task Older_ones_are_there_once_however_often_they_are_asked_for()
    {
        await ReadAsync(6, 5, 4);
        var last = _events.Items[^1];
        _events.AddOlder(last, [.. Of(3, 2, 1)], PageSize);
        _events.AddOlder(last, [.. Of(3, 2, 1)], PageSize);
        Shown().ShouldBe([6, 5, 4, 3, 2, 1]);
        await ReadAsync(9);
        _events.AddOlder(last, [.. Of(3)], PageSize);
        Shown().ShouldBe([9]);
        _events.HasOlder.ShouldBeFalse();
    }

    [Fact]
    public async Task It_holds_no_more_than_it_may_and_says_that_there_is_more()
    {
        await ReadAsync(1);
        _events.HasOlder.ShouldBeFalse();
        _events.Hear(Of([.. Enumerable.Range(2, ShownEvents.Most + 10).Select(i => (long)i)]));
        _events.Items.Count.ShouldBe(ShownEvents.Most);
        Shown().ShouldBe(Enumerable.Range(12, ShownEvents.Most).Reverse().Select(i => (long)i), "and in between none is missing");
        _events.HasOlder.ShouldBeTrue();
    }

    private Task ReadAsync(params long[] found) => _events.ReadAsync(() => Task.FromResult(Of(found).ToList()), PageSize);

    private static IEnumerable<EventRecord> Of(params long[] seqs) => seqs.Select(s => new EventRecord { Seq = s, Kind = "a.test" });

    private IEnumerable<long> Shown() => _events.Items.Select(e => e.Seq);
}
