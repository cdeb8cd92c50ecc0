using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution.Definitions;

namespace ControlCenter.Runtime.Tests.Execution;

public sealed class DefinitionFileTests
{
    public static TheoryData<string> Samples => [.. Directory.EnumerateFiles(SampleFolder, "*.yaml").Select(p => Path.GetFileName(p))];

    private static string SampleFolder
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(folder!.FullName, "ControlCenter.sln")))
            {
                folder = folder.Parent;
            }

            return Path.Combine(folder.FullName, "docs/agents");
        }
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public async Task Every_sample_is_good(string file) =>
        DefinitionFile.Parse(await File.ReadAllTextAsync(Path.Combine(SampleFolder, file), TestContext.Current.CancellationToken), file).Name.ShouldBe(Path.GetFileNameWithoutExtension(file));

    [Fact]
    public async Task The_samples_show_every_adapter()
    {
        var adapters = await Task.WhenAll(Samples.Select(async s => DefinitionFile.Parse(await File.ReadAllTextAsync(Path.Combine(SampleFolder, s.Data)), s.Data).Adapter));
        adapters.Distinct().ShouldBe(AgentDefinitionRules.Adapters, ignoreOrder: true);
    }

    [Fact]
    public void What_a_file_says_is_taken_and_the_rest_is_as_usual()
    {
        var definition = DefinitionFile.Parse(
            """
            adapter: process
            command: [sleep, 10]
            instances: 2
            limits: { iterations: 7, tokens: 5000000000 }
            environment: { LEVEL: "value:debug" }
            workspace: { keep: true }
            hooks:
              - { on: start, command: [make, deps], timeout_seconds: 120 }
              - { on: end, command: [make, clean], required: false }
            """, "worker.yaml");
        definition.Hooks.Select(h => (h.On, string.Join(' ', h.Command), h.TimeoutSeconds, h.Required)).ShouldBe([("start", "make deps", 120, true), ("end", "make clean", 60, false)]);
        definition.Name.ShouldBe("worker");
        definition.Command.ShouldBe(["sleep", "10"]);
        definition.Instances.ShouldBe(2);
        definition.Limits.ShouldBe(new AgentLimits(Iterations: 7, Tokens: 5_000_000_000));
        definition.Environment["LEVEL"].ShouldBe("value:debug");
        definition.Workspace.ShouldBe(new WorkspaceDefinition(Keep: true));
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("# only a comment", "empty")]
    [InlineData("adapter: process\ncomand: [sh]", "line 2, column 1: there is no field 'comand'.")]
    [InlineData("adapter: process\nlimits:\n  iteration: 3", "line 3, column 3: there is no field 'iteration'.")]
    [InlineData("adapter: codex\ninstances: many", "line 2, column 12: the value is of the wrong type.")]
    [InlineData("adapter: codex\ncapabilities: code", "line 2, column 15: the value is of the wrong type.")]
    [InlineData("adapter: codex\nadapter: model", "line 2, column 1: This field stands twice.")]
    [InlineData("adapter: codex\n---\nadapter: model", "one file is one agent")]
    [InlineData("adapter: &a codex\nname: *a", "line 1, column 10: Anchors, aliases and tags are not taken.")]
    [InlineData("adapter: !!binary codex", "tags are not taken")]
    [InlineData("adapter: [codex", "line 2, column 1: While parsing")]
    [InlineData("adapter: tmux", "adapter: There is no adapter 'tmux'")]
    [InlineData("adapter: process", "command: The adapter 'process' needs one")]
    [InlineData("- adapter", "line 1, column 1")]
    [InlineData("just words", "line 1, column 1")]
    public void A_bad_file_is_refused_with_its_place(string text, string said) =>
        Should.Throw<DefinitionFileException>(() => DefinitionFile.Parse(text, "worker.yaml")).Message.ShouldContain(said);

    [Fact]
    public void A_value_that_may_be_a_secret_is_not_repeated() =>
        Should.Throw<DefinitionFileException>(() => DefinitionFile.Parse("adapter: codex\nlimits: hunter2", "worker.yaml")).Message.ShouldNotContain("hunter2");
}
