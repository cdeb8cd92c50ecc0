using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using ControlCenter.BuiltInAgents;
using ControlCenter.Runtime.Runner.Adapters;
using ControlCenter.TestSupport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Tests.BuiltInAgents;

public sealed class WebhookAgentTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cc-webhook-").FullName;
    private readonly ConcurrentQueue<(JsonNode Body, byte[] Bytes, IHeaderDictionary Headers)> _posts = [];
    private readonly StringWriter _output = new();
    private readonly SemaphoreSlim _posted = new(0);

    // The last word may take as long as a slow machine needs for it.
    private readonly TestClock _clock = new() { HeldFrom = TimeSpan.FromSeconds(5) };

    private WebApplication _remote = null!;
    private Func<HttpContext, int, Task> _answer = (http, _) => Task.FromResult(http.Response.StatusCode = 202);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Address => _remote.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _remote = builder.Build();
        _remote.Run(async http =>
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            _posts.Enqueue((JsonNode.Parse(body.ToArray())!, body.ToArray(), new HeaderDictionary(http.Request.Headers.ToDictionary(h => h.Key, h => h.Value))));
            await _answer(http, _posts.Count);
            _posted.Release();
        });
        await _remote.StartAsync();
        await File.WriteAllTextAsync(Path.Combine(_folder, "start.json"), """{"agent_name":"remote","task":{"title":"A task"}}""");
    }

    public async ValueTask DisposeAsync()
    {
        await _remote.DisposeAsync();
        await _output.DisposeAsync();
        _posted.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task It_is_called_signed_with_its_task_and_its_key()
    {
        using var told = new CancellationTokenSource();
        var running = RunAsync(told.Token, BuiltInLine.Message("told once it is ready"));
        await _posted.WaitAsync(Stop);
        await _posted.WaitAsync(Stop);
        await told.CancelAsync();
        (await running).ShouldBe(0);
        _posts.TryDequeue(out var start).ShouldBeTrue();
        (start.Body["kind"]!.ToString(), start.Body["task"]!["title"]!.ToString(), start.Body["key"]!.ToString()).ShouldBe(("start", "A task", "cck_key-of-a-test"));
        start.Headers["Idempotency-Key"].ToString().ShouldBe("runtime-1-start");
        var signature = start.Headers["Webhook-Signature"].ToString().Split(',');
        signature[1].ShouldBe($"v1={WebhookAgent.Signature(Encoding.UTF8.GetBytes("secret-of-a-test"), signature[0]["t=".Length..], start.Bytes)}");
        _output.ToString().ShouldContain("""{"type":"ready"}""");

        _posts.Last().Body["kind"]!.ToString().ShouldBe("stop", "it is told that it is over");
    }

    [Fact]
    public async Task What_it_streams_back_is_passed_on_and_its_end_is_the_end()
    {
        _answer = (http, _) => http.Response.WriteAsync(
            """
            {"type":"tool_call","id":"1","tool":"search","arguments":"{}"}
            {"type":"tool_result","id":"1"}
            {"type":"turn_end","text":"found"}

            """);
        (await RunAsync(Stop)).ShouldBe(0);
        var interpreter = new HttpAdapter().Interpret();
        _output.ToString().Split('\n').SelectMany(l => interpreter.Read(Runtime.Execution.OutputSource.Out, l)).ShouldBe(
            [new AdapterSignal.Ready(), new AdapterSignal.ToolCalled("search", "{}", "1"), new AdapterSignal.ToolEnded("1"), new AdapterSignal.TurnEnded(false, "found")]);
    }

    [Fact]
    public async Task A_remote_that_was_down_is_called_again_under_the_same_key()
    {
        _answer = (http, times) => Task.FromResult(http.Response.StatusCode = times == 1 ? 503 : 200);
        (await RunAsync(Stop)).ShouldBe(0);
        _posts.Select(p => p.Headers["Idempotency-Key"].ToString()).ShouldBe(["runtime-1-start", "runtime-1-start"]);
    }

    [Fact]
    public async Task Messages_are_passed_on()
    {
        using var told = new CancellationTokenSource();
        var running = RunAsync(told.Token, BuiltInLine.Message("look here"));
        await _posted.WaitAsync(Stop);
        await _posted.WaitAsync(Stop);
        await told.CancelAsync();
        await running;
        _posts.Select(p => (p.Body["kind"]!.ToString(), p.Body["text"]?.ToString())).ShouldContain(("message", "look here"));
    }

    [Fact]
    public async Task It_follows_nobody_elsewhere()
    {
        _answer = (http, _) =>
        {
            http.Response.Redirect("http://169.254.169.254/latest/meta-data", permanent: false, preserveMethod: true);
            return Task.CompletedTask;
        };
        (await RunAsync(Stop)).ShouldBe(1);
        _posts.Count.ShouldBe(1);
        _output.ToString().ShouldContain("answered 307");
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("10.1.2.3", true)]
    [InlineData("::1", true)]
    [InlineData("93.184.216.34", true)]
    [InlineData("169.254.169.254", false)]
    [InlineData("::ffff:169.254.169.254", false)]
    [InlineData("fe80::1", false)]
    [InlineData("fd00:ec2::254", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("224.0.0.1", false)]
    [InlineData("255.255.255.255", false)]
    public void The_metadata_of_a_cloud_is_not_called(string address, bool allowed) => AllowedAddresses.Allows(IPAddress.Parse(address)).ShouldBe(allowed);

    private Task<int> RunAsync(CancellationToken stop, string input = "")
    {
        var environment = new Dictionary<string, string>
        {
            ["CC_WEBHOOK_URL"] = Address, ["CC_WEBHOOK_FILE"] = Path.Combine(_folder, "start.json"), ["WEBHOOK_SECRET"] = "secret-of-a-test",
            ["CC_API_KEY"] = "cck_key-of-a-test", ["CC_RUNTIME_ID"] = "runtime-1", ["CC_BUS_URL"] = "http://127.0.0.1:1",
        };
        return WebhookAgent.RunAsync(new AgentSurroundings(name => environment.GetValueOrDefault(name), TextWriter.Synchronized(_output), new StringReader(input), _clock), stop);
    }
}
