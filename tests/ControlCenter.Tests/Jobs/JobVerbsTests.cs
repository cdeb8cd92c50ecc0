using ControlCenter.CommandLine;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.Health;
using ControlCenter.Runtime.Jobs;
using ControlCenter.TestSupport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Tests.Jobs;

/// <summary>Jobs and costs on the command line, asked of a bus that runs.</summary>
public sealed class JobVerbsTests(HostFixture fixture) : BusTests(fixture)
{
    private string _key = RunningHost.FounderKey;

    [Fact]
    public async Task Jobs_are_listed_run_followed_paused_and_resumed_from_the_command_line()
    {
        var list = await SaysAsync(ExitCode.Ok, "jobs");
        list.ShouldContain("NAME");
        list.ShouldContain("check-database");
        list.ShouldContain("every Sunday at 04:00");

        var run = await SaysAsync(ExitCode.Ok, "jobs", "run", "trim-history", "--dry-run", "--wait");
        run.ShouldContain("is queued");
        run.ShouldContain("Security audit");
        run.ShouldContain("succeeded: ");
        (await SaysAsync(ExitCode.Ok, "jobs", "runs", "trim-history")).ShouldContain("succeeded");

        (await SaysAsync(ExitCode.Ok, "jobs", "pause", "check-database")).ShouldContain("is paused since");
        (await SaysAsync(ExitCode.Ok, "jobs")).ShouldContain("paused");
        (await SaysAsync(ExitCode.Ok, "jobs", "resume", "check-database")).ShouldContain("runs next at");
    }

    [Fact]
    public async Task The_sums_of_costs_are_made_anew_from_the_command_line() =>
        (await SaysAsync(ExitCode.Ok, "cost", "rebuild")).ShouldContain("sums were made of");

    [Fact]
    public async Task What_the_bus_refuses_is_said_in_its_words_and_told_apart_by_the_exit_code()
    {
        (await SaysAsync(ExitCode.Damaged, "jobs", "run", "no-such-job")).ShouldContain("no-such-job");
        (await SaysAsync(ExitCode.Usage, "jobs", "run", "check-database", "--dry-run")).ShouldContain("cannot be run dry");
        (await SaysAsync(ExitCode.Usage, "jobs", "run")).ShouldContain("See ./devxio jobs run --help");
        await SaysAsync(ExitCode.Unavailable, "jobs", "--bus", "http://127.0.0.1:1");
        _key = "cck_not-a-key";
        await SaysAsync(ExitCode.NoPermission, "jobs");
        using var said = new StringWriter();
        (await Devxio.RunAsync(["jobs", "--key-file", Path.Combine(Folder, "none")], said, said)).ShouldBe(ExitCode.NoPermission);
        said.ToString().ShouldContain("A key is needed");
    }

    [Fact]
    public async Task A_key_that_cannot_be_read_or_is_none_is_said()
    {
        // Not even root reads it from its start.
        using var said = new StringWriter();
        (await Devxio.RunAsync(["jobs", "--key-file", "/proc/self/mem"], said, said)).ShouldBe(ExitCode.NoPermission);
        said.ToString().ShouldContain("The key in /proc/self/mem cannot be read: ");
        _key = "two\nlines";
        (await SaysAsync(ExitCode.NoPermission, "jobs")).ShouldContain($"{KeyFile} has none in it");
    }

    [Theory]
    [InlineData(200, "text/html", "<h1>Sign in</h1>")]
    [InlineData(403, "text/html", "<h1>No</h1>")]
    [InlineData(200, "application/json", "{\"items\": [")]
    [InlineData(200, "application/json", "{}")]
    [InlineData(200, "application/json", "null")]
    [InlineData(200, "application/json; charset=none", "{}")]
    [InlineData(502, "application/problem+json", "<h1>")]
    [InlineData(400, "application/problem+json", "{\"errors\": [1]}")]
    public async Task What_is_no_bus_is_said_to_be_none(int status, string type, string body)
    {
        await using var other = await StandInAsync(http =>
        {
            (http.Response.StatusCode, http.Response.ContentType) = (status, type);
            return http.Response.WriteAsync(body, Stop);
        });
        (await SaysAsync(ExitCode.Unavailable, "jobs", "--bus", other.Urls.First())).ShouldContain($"answered {status}, but not as a bus does");
    }

    [Fact]
    public async Task A_list_is_waited_for_a_while_and_sums_for_as_long_as_they_take()
    {
        using var asked = new SemaphoreSlim(0);
        var answer = new TaskCompletionSource();
        await using var slow = await StandInAsync(async http =>
        {
            asked.Release();
            await answer.Task.WaitAsync(http.RequestAborted);
            await http.Response.WriteAsJsonAsync(new RebuiltRollups(7, 3), WireJson.Options, Stop);
        });
        var clock = new TestClock();
        using var call = new BusVerbs.BusCall(Devxio.Root.Parse(["cost", "rebuild"]), new Uri(slow.Urls.First()), _key, clock);

        var listed = call.GetAsync<JobList>("jobs", Stop);
        var rebuilt = CostVerbs.RebuildAsync(call, Stop);
        await asked.WaitAsync(Stop);
        await asked.WaitAsync(Stop);
        clock.Advance(TimeSpan.FromDays(1));
        var fault = await Should.ThrowAsync<BusVerbException>(() => listed);
        (fault.ExitCode, fault.Message).ShouldBe((ExitCode.Unavailable, $"{slow.Urls.First()}/ did not answer within 100 s."));
        answer.SetResult();
        (await rebuilt).ShouldBe(ExitCode.Ok);
    }

    private string Folder => Host.Services.GetRequiredService<DataFolder>().Folder;

    private string KeyFile => Path.Combine(Folder, "verbs.key");

    private async Task<WebApplication> StandInAsync(RequestDelegate answers)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var other = builder.Build();
        other.Run(answers);
        await other.StartAsync(Stop);
        return other;
    }

    private async Task<string> SaysAsync(int expected, params string[] verb)
    {
        await File.WriteAllTextAsync(KeyFile, _key, Stop);
        using var said = new StringWriter();
        string[] bus = verb.Contains("--bus", StringComparer.Ordinal) ? [] : ["--bus", Host.Address.ToString()];
        (await Devxio.RunAsync([.. verb, .. bus, "--key-file", KeyFile], said, said)).ShouldBe(expected, said.ToString());
        return said.ToString();
    }
}
