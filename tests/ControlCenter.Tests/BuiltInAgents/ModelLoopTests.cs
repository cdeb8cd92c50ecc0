using ControlCenter.BuiltInAgents;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner;
using ControlCenter.Runtime.Runner.Adapters;
using ControlCenter.TestSupport.Models;
using ControlCenter.Tests.Models;

namespace ControlCenter.Tests.BuiltInAgents;

public sealed class ModelLoopTests(GatewayFixture gateway) : IClassFixture<GatewayFixture>, IDisposable
{
    private static int _names;
    private readonly string _folder = Directory.CreateTempSubdirectory("cc-loop-").FullName;
    private readonly StringWriter _output = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _output.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task It_works_on_its_task_asks_for_an_approval_waits_and_completes()
    {
        var module = await gateway.ModuleAsync("/v1/chat/completions", Behaviour.Script, Stop);
        ApprovalScript.For(gateway.Provider, module.Upstream);
        var start = await StartAsync(new AgentDefinition { Name = "loop", Adapter = "model", ModelRoute = module.Id, Instructions = "Be brief." });
        var running = RunAsync(start);
        var escalation = await EscalationAsync(running);
        (await gateway.Founder.PostAsync($"escalations/{escalation}/decision", new { verdict = "approved" }, Stop)).IsRefused.ShouldBeFalse();
        (await running).ShouldBe(0, _output.ToString());

        var task = await gateway.Founder.GetAsync($"tasks/{start.Task!.TaskId}", Stop);
        task["state"].ShouldBe("completed");
        var signals = Signals();
        signals.OfType<AdapterSignal.ToolCalled>().Select(c => c.Tool).ShouldBe(["report_progress", "escalate", "wait_for_decision", "complete_task"]);
        signals.OfType<AdapterSignal.Used>().Count().ShouldBe(4);
        signals[^1].ShouldBe(new AdapterSignal.TurnEnded(false, ""));
        gateway.Provider.Seen.Last(s => s.Json["model"]!.ToString() == module.Upstream).Json["messages"]![0]!["content"]!.ToString().ShouldBe("Be brief.");
    }

    [Fact]
    public async Task A_tool_that_it_may_not_use_is_neither_offered_nor_called()
    {
        var module = await gateway.ModuleAsync("/v1/chat/completions", Behaviour.Script, Stop);
        gateway.Provider.Script(module.Upstream, _ => StandInTurn.Call("create_ticket", new { title = "Not allowed" }));
        await RunAsync(await StartAsync(new AgentDefinition { Name = "loop", Adapter = "model", ModelRoute = module.Id, Tools = ["complete_task"] }));
        var asked = gateway.Provider.Seen.Where(s => s.Json["model"]!.ToString() == module.Upstream).ToList();
        asked[0].Json["tools"]!.AsArray().Count.ShouldBe(1);
        asked[1].Json["messages"]!.AsArray()[^1]!["content"]!.ToString().ShouldBe("There is no tool 'create_ticket' for you.");
    }

    [Fact]
    public async Task It_stops_at_its_limits_and_says_which()
    {
        var module = await gateway.ModuleAsync("/v1/chat/completions", Behaviour.CallTool, Stop);
        (await RunAsync(await StartAsync(new AgentDefinition { Name = "loop", Adapter = "model", ModelRoute = module.Id, Limits = new(Iterations: 1) }))).ShouldBe(1);
        Signals()[^1].ShouldBe(new AdapterSignal.TurnEnded(true, "It has called its model 1 times, which is its limit."));
        (await RunAsync(await StartAsync(new AgentDefinition { Name = "loop", Adapter = "model", ModelRoute = module.Id, Limits = new(Tokens: 100) }))).ShouldBe(1);
        Signals()[^1].ShouldBe(new AdapterSignal.TurnEnded(true, "It has used 112 tokens; its limit is 100."));
    }

    [Fact]
    public async Task What_the_gateway_refuses_ends_its_turn_with_the_reason()
    {
        (await RunAsync(await StartAsync(new AgentDefinition { Name = "loop", Adapter = "model", ModelRoute = "no-such-model" }))).ShouldBe(1);
        Signals()[^1].ShouldBeOfType<AdapterSignal.TurnEnded>().Text!.ShouldContain("There is no model 'no-such-model'");
    }

    [Fact]
    public async Task It_leaves_a_checkpoint_and_another_process_goes_on_with_its_conversation()
    {
        var module = await gateway.ModuleAsync("/v1/chat/completions", Behaviour.Answer, Stop);
        var start = await StartAsync(new AgentDefinition { Name = "loop", Adapter = "model", ModelRoute = module.Id });
        (await RunAsync(start)).ShouldBe(0, "nobody can tell it anything more");
        var checkpoint = (await gateway.Founder.GetAsync($"tasks/{start.Task!.TaskId}", Stop)).Body!.ToJsonString();
        checkpoint.ShouldContain("The answer is forty-two.");

        var session = Signals().OfType<AdapterSignal.SessionKnown>().Single().NativeSessionId;
        await RunAsync(start with { ResumeNativeSessionId = session });
        var messages = gateway.Provider.Seen.Last(s => s.Json["model"]!.ToString() == module.Upstream).Json["messages"]!.AsArray();
        messages.Count.ShouldBe(3, "prompt, answer, and what the new process was told");
        messages[^1]!["content"]!.ToString().ShouldStartWith("Your process ended and was replaced");
    }

    [Fact]
    public async Task A_message_begins_another_turn()
    {
        var module = await gateway.ModuleAsync("/v1/chat/completions", Behaviour.Answer, Stop);
        await RunAsync(await StartAsync(new AgentDefinition { Name = "loop", Adapter = "model", ModelRoute = module.Id }), BuiltInLine.Message("And now?"));
        var asked = gateway.Provider.Seen.Where(s => s.Json["model"]!.ToString() == module.Upstream).SelectMany(s => s.Json["messages"]!.AsArray()).Select(m => m!["content"]!.ToString());
        asked.ShouldContain("And now?");
    }

    private async Task<StartPackage> StartAsync(AgentDefinition definition)
    {
        var name = $"loop-{Interlocked.Increment(ref _names)}";
        var registered = await gateway.Founder.PostAsync("agents", new { name, kind = "model", capabilities = new[] { name } }, Stop);
        var ticket = await gateway.Founder.PostAsync("tickets", new { title = "A ticket" }, Stop);
        await gateway.Founder.PostAsync($"tickets/{ticket["key"]}/tasks", new { title = "A task", required_capabilities = new[] { name }, lease_seconds = 600 }, Stop);
        var claim = (await gateway.Founder.PostAsync("tasks/claim", new { agent_id = registered["agent_id"] }, Stop)).Body!;
        var (task, lease) = (claim["task"]!, claim["lease"]!);
        return new StartPackage(
            Guid.CreateVersion7(), 1, Guid.Parse(registered["agent_id"]), name, registered["key"], definition, Guid.CreateVersion7(), null,
            new StartTask(
                Guid.Parse(task["task_id"]!.ToString()), Guid.Parse(ticket["ticket_id"]), ticket["key"], "A task", null, 1, 3, Guid.Parse(lease["lease_id"]!.ToString()),
                (long)lease["fencing_token"]!, DateTimeOffset.UnixEpoch, null),
            null, 0);
    }

    // As the runner does, but in this process: files, environment, input.
    private async Task<int> RunAsync(StartPackage start, string input = "")
    {
        var surroundings = new LaunchSurroundings(_folder, _folder, gateway.Host.Address, ["false"]);
        var plan = new ModelAdapter().Plan(start, surroundings);
        plan.Files.Values.ShouldAllBe(text => !text.Contains(start.Key));
        foreach (var (path, text) in plan.Files)
        {
            await File.WriteAllTextAsync(path, text, Stop);
        }

        var (environment, _) = AgentEnvironment.Of(start, plan, surroundings, _ => null);
        _output.GetStringBuilder().Clear();
        return await ModelLoop.RunAsync(new AgentSurroundings(name => environment.GetValueOrDefault(name), TextWriter.Synchronized(_output), new StringReader(input), TimeProvider.System), Stop);
    }

    private List<AdapterSignal> Signals()
    {
        var interpreter = new ModelAdapter().Interpret();
        return [.. _output.ToString().Split('\n').SelectMany(line => interpreter.Read(OutputSource.Out, line))];
    }

    private async Task<string> EscalationAsync(Task<int> running)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!running.IsCompleted)
        {
            if ((await gateway.Founder.GetAsync("escalations?state=waiting", Stop)).Body!["items"]!.AsArray() is [{ } first, ..])
            {
                return first["escalation_id"]!.ToString();
            }

            await timer.WaitForNextTickAsync(Stop);
        }

        throw new ShouldAssertException($"It ended before it asked: {_output}");
    }
}
