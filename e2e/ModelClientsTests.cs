using System.ClientModel;
using Anthropic;
using Anthropic.Models.Messages;
using ControlCenter.TestSupport;
using ControlCenter.TestSupport.Models;
using OpenAI;
using OpenAI.Chat;

namespace ControlCenter.E2E;

/// <summary>The published clients of models, unchanged but for their address and key, hold a conversation with a tool in it through the gateway.</summary>
public sealed class ModelClientsTests : IAsyncLifetime
{
    private readonly string _home = Directory.CreateTempSubdirectory("cc-clients-").FullName;
    private RunningHost _host = null!;
    private StandInProvider _provider = null!;
    private string _key = "", _agent = "", _task = "";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await RunningHost.StartAsync(Stop);
        _provider = await StandInProvider.StartAsync();
        await File.WriteAllTextAsync(Path.Combine(_home, "provider.key"), StandInProvider.Key, Stop);
        using var founder = _host.Client();
        var registered = await founder.PostAsync("agents", new { name = "calls-models", kind = "test", capabilities = new[] { "models" } }, Stop);
        (_key, _agent) = (registered["key"], registered["agent_id"]);
        var ticket = await founder.PostAsync("tickets", new { title = "Ask a model", project = "e2e" }, Stop);
        _task = (await founder.PostAsync($"tickets/{ticket["key"]}/tasks", new { title = "Ask", required_capabilities = new[] { "models" }, lease_seconds = 600 }, Stop))["task_id"];
        (await founder.PostAsync("tasks/claim", new { agent_id = _agent }, Stop))["task"].ShouldContain(_task);
        object Provider(string dialect) => new { id = dialect, endpoint = _provider.Endpoint, dialect, credential = $"file:{_home}/provider.key" };
        object Price(string module) => new { module, effective_from = "2020-01-01T00:00:00Z", currency = "USD", input = 1000, output = 2000, cache_read = 100 };
        var answer = await founder.PostAsync("catalogue", new
        {
            providers = new[] { Provider("anthropic"), Provider("openai") },
            modules = new object[]
            {
                new { id = "writer", provider = "anthropic", upstream_model = "calltool-writer" },
                new { id = "speaker", provider = "anthropic", upstream_model = "calltool-speaker" },
                new { id = "chatter", provider = "openai", upstream_model = "calltool-chatter" },
                new { id = "coder", provider = "openai", upstream_model = "calltool-coder" },
            },
            prices = new[] { Price("writer"), Price("speaker"), Price("chatter"), Price("coder") },
        }, Stop);
        answer.IsRefused.ShouldBeFalse(answer.Body?.ToJsonString());
    }

    public async ValueTask DisposeAsync()
    {
        await _provider.DisposeAsync();
        await _host.DisposeAsync();
        Directory.Delete(_home, recursive: true);
    }

    [Fact]
    public async Task The_anthropic_sdk_streams_calls_a_tool_and_hears_the_answer()
    {
        using var client = new AnthropicClient { ApiKey = _key, BaseUrl = _host.Address.ToString().TrimEnd('/') };
        var tools = new List<ToolUnion> { new Tool { Name = "look_up", InputSchema = new InputSchema() } };
        var called = "";
        await foreach (var piece in client.Messages.CreateStreaming(
            new MessageCreateParams { Model = "writer", MaxTokens = 100, Tools = tools, Messages = [new UserMessageParam { Content = "What is the answer?" }] }, Stop))
        {
            if (piece.TryPickContentBlockStart(out var start) && start.ContentBlock.TryPickToolUse(out var use))
            {
                called = use.Name;
            }
        }

        called.ShouldBe("look_up");
        var answer = await client.Messages.Create(
            new MessageCreateParams
            {
                Model = "writer",
                MaxTokens = 100,
                Tools = tools,
                Messages =
                [
                    new UserMessageParam { Content = "What is the answer?" },
                    new AssistantMessageParam { Content = new List<ContentBlockParam> { new ToolUseBlockParam { ID = "toolu_1", Name = "look_up", Input = new Dictionary<string, System.Text.Json.JsonElement>() } } },
                    new UserMessageParam { Content = new List<ContentBlockParam> { new ToolResultBlockParam { ToolUseID = "toolu_1", Content = "42" } } },
                ],
            }, Stop);
        answer.Content[0].TryPickText(out var text).ShouldBeTrue();
        text!.Text.ShouldBe(string.Concat(StandInProvider.Words));
        await ShouldHaveCostAsync("writer", calls: 2);
    }

    [Fact]
    public async Task The_openai_sdk_streams_calls_a_tool_and_hears_the_answer()
    {
        var client = new ChatClient("chatter", new ApiKeyCredential(_key), new OpenAIClientOptions { Endpoint = new Uri(_host.Address, "/v1") });
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 100, Tools = { ChatTool.CreateFunctionTool("look_up") } };
        var called = "";
        await foreach (var piece in client.CompleteChatStreamingAsync([new UserChatMessage("What is the answer?")], options, Stop))
        {
            called += string.Concat(piece.ToolCallUpdates.Select(t => t.FunctionName));
        }

        called.ShouldBe("look_up");
        var call = ChatToolCall.CreateFunctionToolCall("call_1", "look_up", BinaryData.FromString("{}"));
        ChatCompletion answer = await client.CompleteChatAsync([new UserChatMessage("What is the answer?"), new AssistantChatMessage([call]), new ToolChatMessage("call_1", "42")], options, Stop);
        answer.Content[0].Text.ShouldBe(string.Concat(StandInProvider.Words));
        await ShouldHaveCostAsync("chatter", calls: 2);
    }

    [Fact]
    public async Task Claude_code_calls_a_tool_and_completes_its_turn()
    {
        var said = await RunAsync("claude", ["-p", "What is the answer?", "--model", "speaker", "--output-format", "stream-json", "--verbose"], new()
        {
            ["ANTHROPIC_BASE_URL"] = _host.Address.ToString().TrimEnd('/'),
            ["ANTHROPIC_API_KEY"] = _key,
            ["ANTHROPIC_SMALL_FAST_MODEL"] = "speaker",
            ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1",
        });
        said.ShouldContain(string.Concat(StandInProvider.Words), customMessage: said);
        await ShouldHaveCostAsync("speaker", calls: null);
    }

    [Fact]
    public async Task Codex_calls_a_tool_and_completes_its_turn()
    {
        Directory.CreateDirectory(Path.Combine(_home, ".codex"));
        await File.WriteAllTextAsync(Path.Combine(_home, ".codex", "config.toml"),
            $"""
            model = "coder"
            model_provider = "bus"
            [model_providers.bus]
            name = "Control Center"
            base_url = "{new Uri(_host.Address, "/v1")}"
            env_key = "BUS_KEY"
            wire_api = "responses"
            """, Stop);
        var said = await RunAsync("codex", ["exec", "--json", "--skip-git-repo-check", "What is the answer?"], new() { ["BUS_KEY"] = _key, ["CODEX_HOME"] = Path.Combine(_home, ".codex") });
        said.ShouldContain(string.Concat(StandInProvider.Words), customMessage: said);
        await ShouldHaveCostAsync("coder", calls: null);
    }

    /// <summary>Each call is there once, with the provider's tokens, at the price, for the agent and the task that it holds.</summary>
    private async Task ShouldHaveCostAsync(string module, int? calls)
    {
        var answered = calls ?? _provider.Seen.Count(s => s.Path != "/v1/messages/count_tokens" && s.Json["model"]!.ToString().EndsWith(module, StringComparison.Ordinal));
        answered.ShouldBeGreaterThan(1, "a tool is called, and its result is sent back");
        await Patience.UntilAsync(async () => await _host.SqlAsync<long>($"select count(*) from cost_events where module_id = '{module}'", Stop) >= answered, Stop);
        (await _host.SqlAsync<long>(
            $"""
            select count(*) from cost_events where module_id = '{module}' and agent_id = '{_agent}' and task_id = '{_task}' and project = 'e2e' and knowledge = 'exact'
                and call_end = 'completed' and tokens_input = 80 and tokens_cache_read = 20 and tokens_output = 12 and estimated_cost = 0.106
            """, Stop)).ShouldBe(answered);
    }

    private Task<string> RunAsync(string command, string[] arguments, Dictionary<string, string> environment) =>
        NodeProgram.RunAsync("model-clients", command, arguments, _home, environment, Stop);
}
