using ControlCenter.TestSupport;

namespace ControlCenter.Tests;

/// <summary>A host for the tests of one class.</summary>
public sealed class HostFixture : IAsyncLifetime
{
    public RunningHost Host { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Host = await RunningHost.StartAsync(CancellationToken.None);

    public ValueTask DisposeAsync() => Host.DisposeAsync();
}

/// <summary>What tests of the bus have in common: a host, a founder, and short words for long requests.</summary>
public abstract class BusTests(HostFixture fixture) : IClassFixture<HostFixture>, IDisposable
{
    // Far beyond what any of them takes: a test that waits for what never comes fails by name, and does not hold up the rest.
    private readonly CancellationTokenSource _patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

    private static int _names;
    private bool _started;

    protected RunningHost Host { get; } = fixture.Host;

    protected BusClient Founder { get; } = fixture.Host.Client();

    protected CancellationToken Stop
    {
        get
        {
            if (!_started)
            {
                _started = true;
                _patience.CancelAfter(TimeSpan.FromMinutes(3));
            }

            return _patience.Token;
        }
    }

    public void Dispose()
    {
        _patience.Dispose();
        GC.SuppressFinalize(this);
    }

    protected async Task<TestAgent> AgentAsync(params string[] capabilities)
    {
        var answer = await Founder.PostAsync("agents", new { name = $"agent-{Interlocked.Increment(ref _names)}", kind = "test", capabilities }, Stop);
        answer.Status.ShouldBe(System.Net.HttpStatusCode.Created);
        return new TestAgent(Host.Client(answer["key"]), answer["agent_id"], answer["key"]);
    }

    protected async Task<string> TicketAsync() => (await Founder.PostAsync("tickets", new { title = "A ticket" }, Stop))["key"];

    /// <summary>Plans a task that only agents of this test can take.</summary>
    protected async Task<string> TaskAsync(string ticket, object? more = null, string capability = "any")
    {
        var fields = System.Text.Json.JsonSerializer.SerializeToNode(more ?? new { })!.AsObject();
        fields["title"] ??= "A task";
        fields["required_capabilities"] ??= new System.Text.Json.Nodes.JsonArray(capability);
        var answer = await Founder.PostAsync($"tickets/{ticket}/tasks", fields, Stop);
        answer.Status.ShouldBe(System.Net.HttpStatusCode.Created, answer.Body?.ToJsonString());
        return answer["task_id"];
    }

    /// <summary>Lets a lease run out now, by the clock that decides about it: the database's.</summary>
    protected Task ExpireAsync(Held held) =>
        Host.SqlAsync<int>($"with e as (update leases set expires_at = clock_timestamp() - interval '1 ms' where id = '{held.LeaseId}' returning 1) select count(*)::int from e", Stop);
}

/// <summary>An agent of a test.</summary>
public sealed record TestAgent(BusClient Bus, string Id, string Key)
{
    public async Task<Held?> ClaimAsync(CancellationToken stop, int waitSeconds = 0)
    {
        var answer = await Bus.PostAsync("tasks/claim", new { agent_id = Id, wait_seconds = waitSeconds }, stop);
        return answer.Body is null
            ? null
            : new Held(answer.Body["task"]!["task_id"]!.ToString(), answer.Body["lease"]!["lease_id"]!.ToString(), (long)answer.Body["lease"]!["fencing_token"]!, answer);
    }

    public Task<BusAnswer> WriteAsync(Held held, string verb, CancellationToken stop, object? more = null)
    {
        var fields = System.Text.Json.JsonSerializer.SerializeToNode(more ?? new { })!.AsObject();
        fields["lease_id"] = held.LeaseId;
        fields["fencing_token"] = held.FencingToken;
        return Bus.PostAsync($"tasks/{held.TaskId}/{verb}", fields, stop);
    }
}

/// <summary>A task that an agent holds.</summary>
public sealed record Held(string TaskId, string LeaseId, long FencingToken, BusAnswer Claim);
