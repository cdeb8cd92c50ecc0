using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Execution.Definitions;
using ControlCenter.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Execution;

public sealed class LoadDefinitionsTests(HostFixture fixture) : BusTests(fixture)
{
    private DefinitionFolder Folder => Host.Services.GetRequiredService<DefinitionFolder>();

    [Fact]
    public async Task A_file_that_is_put_there_is_a_definition()
    {
        await WriteAsync("first.yaml", "adapter: codex\ncapabilities: [code]");
        var first = await FindAsync("first", d => d is not null);
        (first!.Source, first.Path, first.Version, first.Definition.Adapter).ShouldBe((DefinitionSource.File, "first.yaml", 1, "codex"));
    }

    [Fact]
    public async Task A_file_that_is_changed_is_another_version()
    {
        await WriteAsync("changing.yaml", "adapter: codex");
        await FindAsync("changing", d => d is not null);
        await WriteAsync("changing.yaml", "adapter: codex\ninstances: 3");
        (await FindAsync("changing", d => d!.Version == 2))!.Definition.Instances.ShouldBe(3);
    }

    [Fact]
    public async Task A_bad_file_is_reported_and_what_was_there_stays()
    {
        await WriteAsync("breaking.yaml", "adapter: codex");
        await FindAsync("breaking", d => d is not null);
        await WriteAsync("breaking.yaml", "adapter: codex\ninstance: 3");
        var broken = await FindAsync("breaking", d => d!.Problem is not null);
        broken!.Problem.ShouldBe("Line 2, column 1: There is no field 'instance'.");
        (broken.Version, broken.Definition.Adapter).ShouldBe((1, "codex"));
        (await EventsAsync("agent.definition_refused", "breaking.yaml")).ShouldBe(1);

        await WriteAsync("breaking.yaml", "adapter: codex\ninstances: 3");
        (await FindAsync("breaking", d => d!.Problem is null))!.Version.ShouldBe(2);
    }

    [Fact]
    public async Task A_file_that_was_bad_from_the_first_is_told_of_too()
    {
        await WriteAsync("unborn.yaml", "adapter: tmux");
        await UntilAsync(async () => await EventsAsync("agent.definition_refused", "unborn.yaml") == 1);
        (await FindAsync("unborn", _ => true)).ShouldBeNull();
    }

    [Fact]
    public async Task A_definition_goes_with_its_file_and_comes_back_with_it()
    {
        await WriteAsync("leaving.yml", "adapter: codex");
        await FindAsync("leaving", d => d is not null);
        File.Delete(Path.Combine(Folder.Path, "leaving.yml"));
        await FindAsync("leaving", d => d is null);
        await WriteAsync("leaving.yml", "adapter: codex");
        (await FindAsync("leaving", d => d is not null))!.Version.ShouldBe(2);
    }

    [Fact]
    public async Task A_definition_that_gets_another_name_leaves_none_under_the_old_one()
    {
        await WriteAsync("named.yaml", "name: one-name\nadapter: codex");
        await FindAsync("one-name", d => d is not null);
        await WriteAsync("named.yaml", "name: other-name\nadapter: codex");
        await FindAsync("other-name", d => d is not null);
        await FindAsync("one-name", d => d is null);
    }

    [Fact]
    public async Task Of_two_files_with_one_name_the_second_is_refused_until_the_name_is_free()
    {
        await WriteAsync("twin-a.yaml", "name: twin\nadapter: codex");
        await FindAsync("twin", d => d is not null);
        await WriteAsync("twin-b.yaml", "name: twin\nadapter: model");
        await UntilAsync(async () => await EventsAsync("agent.definition_refused", "twin-b.yaml") == 1);
        (await FindAsync("twin", _ => true))!.Definition.Adapter.ShouldBe("codex");
        File.Delete(Path.Combine(Folder.Path, "twin-a.yaml"));
        await FindAsync("twin", d => d?.Path == "twin-b.yaml" && d.Definition.Adapter == "model");
    }

    [Fact]
    public async Task What_another_host_has_brought_is_not_taken_away()
    {
        await WriteAsync("of-the-first.yaml", "adapter: codex");
        await FindAsync("of-the-first", d => d is not null);
        await using var second = await RunningHost.StartAsync(Stop, Host.ConnectionString);
        var loading = second.Services.GetRequiredService<LoadDefinitions>();
        while (loading.Reading.Condition != Runtime.Hosting.ServiceCondition.Running)
        {
            await loading.NextCycleAsync().WaitAsync(TimeSpan.FromMilliseconds(200), Stop).ContinueWith(_ => { }, TaskScheduler.Default);
        }

        (await FindAsync("of-the-first", _ => true)).ShouldNotBeNull();
    }

    // Put there whole: half a file is a definition too, or a refused one.
    private async Task WriteAsync(string file, string text)
    {
        var path = Path.Combine(Folder.Path, file);
        await File.WriteAllTextAsync(path + ".tmp", text, Stop);
        File.Move(path + ".tmp", path, overwrite: true);
    }

    private async Task<DefinitionView?> FindAsync(string name, Predicate<DefinitionView?> wanted)
    {
        DefinitionView? found = null;
        await UntilAsync(async () => wanted(found = await Host.Services.GetRequiredService<DefinitionQueries>().FindAsync(name, Stop)));
        return found;
    }

    // Each look of the loader is a signal: nothing is waited for by the clock.
    private async Task UntilAsync(Func<Task<bool>> isSo)
    {
        while (true)
        {
            var looked = Host.Services.GetRequiredService<LoadDefinitions>().NextCycleAsync();
            if (await isSo())
            {
                return;
            }

            await looked.WaitAsync(Stop);
        }
    }

    private Task<long> EventsAsync(string kind, string path) =>
        Host.SqlAsync<long>($"select count(*) from events where kind = '{kind}' and data->>'path' = '{path}'", Stop);
}
