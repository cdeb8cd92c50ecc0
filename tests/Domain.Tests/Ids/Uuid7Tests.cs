using ControlCenter.Domain.Ids;

namespace ControlCenter.Domain.Tests.Ids;

public sealed class Uuid7Tests
{
    [Fact]
    public void An_id_carries_its_clocks_time_and_sorts_by_it()
    {
        var clock = new Clock { Now = new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero) };
        var earlier = Uuid7.New(clock);
        clock.Now += TimeSpan.FromMilliseconds(1);
        var later = Uuid7.New(clock);

        earlier.Version.ShouldBe(7);
        Convert.ToInt64(earlier.ToString("N")[..12], fromBase: 16).ShouldBe(new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero).ToUnixTimeMilliseconds());
        string.CompareOrdinal(earlier.ToString(), later.ToString()).ShouldBeLessThan(0);
        Uuid7.New(clock).ShouldNotBe(later);
    }

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
