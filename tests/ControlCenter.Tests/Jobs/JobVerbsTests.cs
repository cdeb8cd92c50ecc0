using ControlCenter.CommandLine;
using ControlCenter.Runtime.Health;
using ControlCenter.TestSupport;
using Microsoft.Extensions.DependencyInjection;

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

    private string Folder => Host.Services.GetRequiredService<DataFolder>().Folder;

    private string KeyFile => Path.Combine(Folder, "verbs.key");

    private async Task<string> SaysAsync(int expected, params string[] verb)
    {
        await File.WriteAllTextAsync(KeyFile, _key, Stop);
        using var said = new StringWriter();
        string[] bus = verb.Contains("--bus", StringComparer.Ordinal) ? [] : ["--bus", Host.Address.ToString()];
        (await Devxio.RunAsync([.. verb, .. bus, "--key-file", KeyFile], said, said)).ShouldBe(expected, said.ToString());
        return said.ToString();
    }
}
