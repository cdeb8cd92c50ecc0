using ControlCenter.Hosting;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Hosting;

public sealed class DeploymentTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task A_start_with_another_version_is_told_of_once_and_one_with_the_same_is_no_news()
    {
        var events = (await Founder.GetAsync("events?kind=runtime.deployed", Stop)).Body!["items"]!.AsArray();
        events.ShouldHaveSingleItem()!["data"]!["version"]!.ToString().ShouldBe(HostVersion.Current);
        events[0]!["data"]!["before"].ShouldBeNull();

        var record = Host.Services.GetRequiredService<RecordDeployment>();
        (await record.ExecuteAsync(HostVersion.Current, Stop)).ShouldBeFalse();
        (await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => record.ExecuteAsync("9.9.9", Stop)))).Count(told => told).ShouldBe(1);
        (await Host.SqlAsync<string>("select data ->> 'before' from events where kind = 'runtime.deployed' order by seq desc limit 1", Stop)).ShouldBe(HostVersion.Current);
    }
}
