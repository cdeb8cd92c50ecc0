namespace ControlCenter.E2E;

public sealed class FeedClientTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_published_signalr_client_goes_on_after_a_kill_of_the_host_and_sees_every_event_once_and_in_order()
    {
        await using var host = new HostProcess();
        await host.StartAsync(Stop);
        await using var posters = new Posters(host, "feed.test");
        posters.Start(callers: 4);
        using var client = new FeedClient(host.Address);
        await SeesMoreAsync(client, by: 100);
        await host.KillAsync();
        await host.StartAsync(Stop);
        await SeesMoreAsync(client, by: 100);
        await posters.StopAsync();

        var log = await LogAsync(host);
        await Patience.UntilAsync(() => client.Seen.Count >= log.Count, Stop);
        client.Seen.Take(log.Count).ShouldBe(log);
        client.Said.ShouldContain("connected again");
    }

    private static Task SeesMoreAsync(FeedClient client, int by)
    {
        var seen = client.Seen.Count;
        return Patience.UntilAsync(
            () =>
            {
                client.IsRunning.ShouldBeTrue(client.Said);
                return client.Seen.Count > seen + by;
            },
            Stop);
    }

    /// <summary>The places of all events in the log, oldest first.</summary>
    private static async Task<List<long>> LogAsync(HostProcess host)
    {
        var log = new List<long>();
        using var bus = host.Founder;
        for (var cursor = "0"; cursor is not null;)
        {
            var page = (await bus.GetAsync($"events?limit=200&cursor={cursor}", Stop)).Body!;
            log.AddRange(page["items"]!.AsArray().Select(e => (long)e!["seq"]!));
            cursor = page["next_cursor"]?.ToString();
        }

        return log;
    }
}
