using System.Text.Json;
using Bunit;
using ControlCenter.Dashboard.Agents;
using ControlCenter.Dashboard.Components;
using ControlCenter.Dashboard.Hosts;
using ControlCenter.Dashboard.Runtimes;
using ControlCenter.Dashboard.Work;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Hosts;
using ControlCenter.Runtime.Orchestration;
using ControlCenter.Runtime.Queries;
using static ControlCenter.Tests.Dashboard.Samples;

namespace ControlCenter.Tests.Dashboard;

public sealed class RuntimeComponentTests : BunitContext
{
    private static readonly DateTimeOffset At = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public RuntimeComponentTests() => JSInterop.Mode = JSRuntimeMode.Loose;

    [Fact]
    public void Each_phase_has_its_time_and_the_one_that_is_waited_for_says_on_what()
    {
        var waiting = Render<PhaseTimeline>(p => p.Add(t => t.Runtime, Runtime(RuntimePhase.Requested) with { WaitsFor = "memory on studio" }));
        waiting.FindAll(".phase.done").Count.ShouldBe(1);
        waiting.FindAll(".phase")[1].TextContent.ShouldContain("memory on studio");

        var ready = Render<PhaseTimeline>(p => p.Add(t => t.Runtime, Runtime(RuntimePhase.Ready) with { GrantedAt = At.AddSeconds(1), ObservedAt = At.AddMilliseconds(1400), ReadyAt = At.AddSeconds(3) }));
        ready.FindAll(".phase.done").Count.ShouldBe(4);
        ready.FindAll(".phase")[2].TextContent.ShouldContain("after 400 ms");

        var ended = Render<PhaseTimeline>(p => p.Add(t => t.Runtime, Runtime(RuntimePhase.Ended) with { End = RuntimeEnd.TimedOut, EndedAt = At.AddSeconds(20) }));
        ended.FindAll(".phase").Count.ShouldBe(5);
        ended.FindAll(".phase")[2].TextContent.ShouldContain("never");
        ended.Find(".phase.bad").TextContent.ShouldContain("Timed out");
    }

    [Fact]
    public void What_was_decided_about_a_task_is_told_with_its_reason_and_everyone_who_was_considered()
    {
        AssignmentView Decided(int id, string outcome) => new(
            Id(id), At, 1, 3, outcome, "coder on studio scored 61: can do code", Id(7), "coder", outcome == "spawned" ? Id(8) : null, "studio", 61,
            [new AssignmentCandidate("coder", "studio", 61, ["+40: can do code"]), new AssignmentCandidate("writer", null, null, ["its one instance is busy"])]);
        var card = Render<AssignmentCard>(p => p.Add(c => c.Assignments, [Decided(1, "spawned"), Decided(2, "waits"), Decided(3, "waits")]));
        card.FindAll(".badge").Count.ShouldBe(2, "earlier ones are folded away");
        card.Find("a").GetAttribute("href").ShouldBe($"/runtimes/{Id(8)}");
        card.Find("details").TextContent.ShouldContain("its one instance is busy");
        card.Find("button").Click();
        card.FindAll(".badge").Count.ShouldBe(3);
    }

    [Theory]
    [InlineData(Role.FounderAdmin, "value:s3cret")]
    [InlineData(Role.ReadOnlyObserver, "value:[hidden]")]
    public void A_value_that_stands_in_a_definition_is_on_no_page_of_whoever_may_not_write_it(Role role, string shown)
    {
        var definition = new AgentDefinition { Name = "coder", Adapter = "process", Environment = new Dictionary<string, string> { ["TOKEN"] = "value:s3cret", ["HOME_OF"] = "env:X" } };
        var view = new DefinitionView(Id(1), "coder", DefinitionSource.Page, null, 1, At, "Founder", null, 0, 0, definition);
        var page = DefinitionsPage.WithoutValuesFor(role, new Page<DefinitionView>([view], null));
        page.Items[0].Definition.Environment.ShouldBe(new Dictionary<string, string> { ["TOKEN"] = shown, ["HOME_OF"] = "env:X" }, ignoreOrder: true);
    }

    [Theory]
    [InlineData("2026-03-04T05:06:00.000Z", "2026-03-04T05:06:00Z")]
    [InlineData("", null)]
    [InlineData("soon", null)]
    public void When_a_task_is_to_be_done_is_taken_as_the_browser_says_it_and_goes_into_the_request(string said, string? due)
    {
        var draft = new TaskDraft { Title = "Move" };
        var when = Render<WhenInput>(p => p.Add(w => w.Label, "To be done by").Bind(w => w.Value, draft.DueAt, value => draft.DueAt = value));
        when.Find("cc-when").Change(said);
        draft.ToRequest().DueAt.ShouldBe(due is null ? null : DateTimeOffset.Parse(due, System.Globalization.CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData(HostState.Online, false, new[] { "Drain", "Remove" })]
    [InlineData(HostState.Draining, false, new[] { "Resume", "Remove" })]
    [InlineData(HostState.Online, true, new[] { "Drain" })]
    [InlineData(HostState.Lost, false, new[] { "Remove" })]
    public void A_host_can_be_told_what_its_state_allows_and_the_local_one_stays(HostState state, bool local, string[] buttons)
    {
        var card = Render<HostCard>(p => p.AddCascadingValue(SignedIn(Role.FounderAdmin)).Add(c => c.Host, new HostDetail(Host(state, local), [], [])));
        card.FindAll("button").Select(b => b.TextContent.Trim()).ShouldBe(buttons);
        card.FindAll("progress")[1].GetAttribute("value").ShouldBe("90");
        card.FindAll("progress")[1].ClassName!.ShouldContain("bad");
        Render<HostCard>(p => p.AddCascadingValue(SignedIn(Role.ReadOnlyObserver)).Add(c => c.Host, new HostDetail(Host(state, local), [], []))).FindAll("button").ShouldBeEmpty();
    }

    [Fact]
    public void The_last_day_of_a_host_is_a_line_with_a_gap_where_it_was_silent()
    {
        HostSample Sample(int minute, decimal cpu) => new(At.AddMinutes(minute), cpu, 0, 0, 0);
        LoadSpark.Path([Sample(0, 0)], s => s.CpuPercent / 100).ShouldBe("");
        LoadSpark.Path([Sample(0, 0), Sample(10, 50), Sample(40, 300)], s => s.CpuPercent / 100).ShouldBe("M0 40 L60 20 M240 0");
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("\u001b[1;31mred\u001b[0m and \u001b]0;title\u0007after", "red and after")]
    [InlineData("10 %\r50 %\r100 %", "100 %")]
    [InlineData("done\r", "done")]
    [InlineData("bell\u0007 back\bspace", "bell backspace")]
    public void Output_where_there_is_no_terminal_is_plain_text(string line, string shown) => TerminalText.Plain(line).ShouldBe(shown);

    [Fact]
    public void A_definition_that_is_opened_and_saved_unchanged_is_the_same()
    {
        var definition = new AgentDefinition
        {
            Name = "coder", Adapter = "claude-code", Description = "Writes code.", Command = ["claude", "--model", "a b"], ModelRoute = "coding", Instructions = "Be brief.",
            Capabilities = ["code", "review"], Tools = ["edit"], HostLabels = ["gpu"], Instances = 3, Limits = new AgentLimits(10, 20, 30, 40, 50, 1, 2),
            Environment = new Dictionary<string, string> { ["TOKEN"] = "file:/run/a=b" }, Workspace = new WorkspaceDefinition("worktree", "/srv/repo", "main", true),
        };
        Written(DefinitionDraft.Of(definition).ToDefinition()).ShouldBe(Written(definition));
        Written(new DefinitionDraft { Name = "x" }.ToDefinition()).ShouldBe(Written(new AgentDefinition { Name = "x", Adapter = "process" }));
    }

    private static string Written(AgentDefinition definition) => JsonSerializer.Serialize(definition, WireJson.Options);

    private static RuntimeView Runtime(RuntimePhase phase) => new(
        Id(1), Id(2), "coder", "coder", "process", Id(3), null, null, null, 0, 2, phase, DesiredState.Run, At, null, null, null, null, null, null, null, null, null, null, null, null,
        0, 0, 0, null, 0, null, null, null, null, null, null);

    private static HostView Host(HostState state, bool local) => new(
        Id(4), "studio", ["gpu"], state, At, local, "1.0", 8, 20, 1000, 900, 1000, 500, At, At, 2, 0);
}
