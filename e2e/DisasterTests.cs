using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;

namespace ControlCenter.E2E;

/// <summary>The machine is gone, and nothing is left but the repository and its password.</summary>
[Collection(nameof(AloneOnTheMachine))]
public sealed class DisasterTests : IAsyncLifetime
{
    private const int Callers = 4;
    private const int EventsInAPost = 5;

    // Five hundred events a second in all.
    private static readonly TimeSpan PostEvery = TimeSpan.FromMilliseconds(1000.0 * Callers * EventsInAPost / 500);

    // design.md: at the most a minute of answered writes.
    private static readonly TimeSpan MostLost = TimeSpan.FromSeconds(60);

    private readonly BackedUpHost _backedUp = new();
    private readonly ConcurrentBag<(long First, long Last, DateTimeOffset At)> _answered = [];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private HostProcess Host => _backedUp.Host;

    public async ValueTask InitializeAsync() => await Host.StartAsync(Stop);

    public ValueTask DisposeAsync() => _backedUp.DisposeAsync();

    [Fact]
    public async Task Everything_is_killed_and_the_data_folder_deleted_under_load_and_the_repository_alone_brings_it_back()
    {
        var (task, agent, lease, token) = await HeldTaskAsync();
        await _backedUp.TakeBaseAsync(Stop);
        using (var posting = CancellationTokenSource.CreateLinkedTokenSource(Stop))
        {
            var began = DateTimeOffset.UtcNow;
            var callers = Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => PostAsync(posting.Token)));
            await _backedUp.ShippedAsync(began + TimeSpan.FromSeconds(8), Stop);
            // Between two shipments: the worst moment is just before the next.
            var shipped = DateTimeOffset.UtcNow;
            await Patience.UntilAsync(() => _answered.Max(a => a.At) > shipped + TimeSpan.FromSeconds(7), Stop);
            await _backedUp.KillAllAsync();
            await posting.CancelAsync();
            await callers;
        }

        var killedAt = DateTimeOffset.UtcNow;
        Directory.Delete(Host.Home, recursive: true);
        var (exitCode, output) = await _backedUp.RestoreAsync(Stop, "--into", Host.Home);
        var restoredIn = DateTimeOffset.UtcNow - killedAt;
        exitCode.ShouldBe(0, output);
        output.ShouldNotContain("\nFAILED", Case.Sensitive);
        await Host.StartAsync(Stop);

        var kept = await KeptAsync();
        var last = kept.Max();
        var lost = _answered.Where(a => a.Last > last).ToList();
        _answered.Where(a => a.Last <= last).SelectMany(a => Enumerable.Range(0, (int)(a.Last - a.First) + 1).Select(i => a.First + i)).Except(kept).ShouldBeEmpty("one before the last that is there is missing");
        var seconds = lost.Count == 0 ? TimeSpan.Zero : _answered.Max(a => a.At) - lost.Min(a => a.At);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{_answered.Count * EventsInAPost} events were answered; {lost.Count * EventsInAPost} of the last {seconds.TotalSeconds:0.0} s are lost; restored in {restoredIn.TotalSeconds:0.0} s, {(DateTimeOffset.UtcNow - killedAt).TotalSeconds:0.0} s until the bus was read"));
        seconds.ShouldBeLessThan(MostLost);

        await GoesOnAsync(task, agent, lease, token);
        if (lost.Count > 0)
        {
            // A reader that saw the lost time is told so, and reads on from the last event that both have.
            using var stream = await Host.Founder.StreamAsync("", Stop, lost.Max(a => a.Last));
            var reset = await stream.NextAsync(m => m.Event is not null, Stop);
            reset.Event.ShouldBe("reset");
            ((long)reset.Data!["resumes_after"]!).ShouldBeGreaterThanOrEqualTo(last);
            ((long)reset.Data!["resumes_after"]!).ShouldBeLessThanOrEqualTo(lost.Min(a => a.First));
        }
    }

    [Fact]
    public async Task A_restore_to_a_chosen_second_takes_the_running_database_s_place_and_the_bus_comes_back_on_it()
    {
        await Host.Founder.PostAsync("tickets", new { title = "Before the base" }, Stop);
        await _backedUp.TakeBaseAsync(Stop);
        await Host.Founder.PostAsync("tickets", new { title = "First" }, Stop);
        var (leaver, watcher) = (await LetInAsync("leaver"), await LetInAsync("watcher"));
        var between = DateTimeOffset.UtcNow;
        await Host.Founder.PostAsync("tickets", new { title = "Second" }, Stop);
        (await Host.Founder.PostAsync($"actors/{leaver.Id}/revoke", null, Stop)).IsRefused.ShouldBeFalse();
        var rotated = (await Host.Founder.PostAsync($"actors/{watcher.Id}/rotate-key", null, Stop))["key"];
        await _backedUp.ShippedAsync(DateTimeOffset.UtcNow, Stop);

        var plan = (await Host.Founder.GetAsync(BackedUpHost.PlanTo(between), Stop)).Body!;
        ((long)plan["events_lost"]!).ShouldBeGreaterThan(0);
        ((bool)plan["can_replace"]!).ShouldBeTrue();
        ((long)plan["needed_bytes"]!).ShouldBeGreaterThan((long)plan["base_bytes"]!);
        (await Host.Founder.PostAsync("restores", new { to = DateTimeOffset.UtcNow.AddDays(-1) }, Stop)).Status.ShouldBe(HttpStatusCode.BadRequest);

        var asked = await Host.Founder.PostAsync("restores", new { to = between }, Stop);
        asked.Status.ShouldBe(HttpStatusCode.Accepted, asked.Body?.ToJsonString());
        var path = $"restores/{asked["restore_id"]}";
        (await Host.Founder.PostAsync("restores", new { to = between }, Stop)).Status.ShouldBe(HttpStatusCode.Conflict);
        await Patience.UntilAsync(async () => (await Host.Founder.GetAsync(path, Stop))["state"] is "restored" or "failed", Stop);
        var restored = (await Host.Founder.GetAsync(path, Stop)).Body!;
        ((bool?)restored["passed"]).ShouldBe(true, restored.ToJsonString());
        restored["steps"]!.AsArray().Count.ShouldBeGreaterThan(3);
        (await Host.Founder.PostAsync($"{path}/replace", new { confirm = "yes" }, Stop)).Status.ShouldBe(HttpStatusCode.BadRequest);
        var process = Host.ProcessId;

        (await Host.Founder.PostAsync($"{path}/replace", new { confirm = restored["confirmation"]!.ToString() }, Stop)).Status.ShouldBe(HttpStatusCode.Accepted);
        JsonNode? replaced = null;
        await Patience.UntilAsync(async () => (replaced = await QuietlyAsync(path))?["state"]?.ToString() == "replaced", Stop);
        Host.IsRunning.ShouldBeTrue(Host.Output);
        Host.ProcessId.ShouldBe(process);
        (await TitlesAsync()).ShouldBe(["Before the base", "First"], ignoreOrder: true);
        // Who gets in does not go back in time.
        foreach (var (key, status) in new[] { (leaver.Key, HttpStatusCode.Unauthorized), (watcher.Key, HttpStatusCode.Unauthorized), (rotated, HttpStatusCode.OK) })
        {
            (await Host.Client(key).GetAsync("tickets", Stop)).Status.ShouldBe(status);
        }

        File.Exists(Path.Combine(replaced!["put_aside"]!.ToString(), "data", "PG_VERSION")).ShouldBeTrue();
        // Its history is a new one: without a base of its own nothing of it could be restored.
        await Patience.UntilAsync(
            async () => (await Host.Founder.GetAsync("backups", Stop)).Body!["items"]!.AsArray().Any(b => b!["state"]!.ToString() == "succeeded" && b["reason"]?.ToString().StartsWith("a restored", StringComparison.Ordinal) == true),
            Stop);
        await Host.Founder.PostAsync("tickets", new { title = "Third" }, Stop);
        await _backedUp.ShippedAsync(DateTimeOffset.UtcNow, Stop);
        (await Host.Founder.SendAsync(HttpMethod.Delete, path, null, null, Stop)).Status.ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task With_the_bus_stopped_the_command_line_replaces_its_database_after_the_words_are_said()
    {
        await _backedUp.TakeBaseAsync(Stop);
        await Host.Founder.PostAsync("tickets", new { title = "First" }, Stop);
        var between = DateTimeOffset.UtcNow;
        await Host.Founder.PostAsync("tickets", new { title = "Second" }, Stop);
        await _backedUp.ShippedAsync(DateTimeOffset.UtcNow, Stop);

        var to = between.ToString("o", CultureInfo.InvariantCulture);
        var running = await _backedUp.RestoreAsync(Stop, "--to", to, "--replace", "--confirm", "whatever");
        running.ExitCode.ShouldNotBe(0);
        running.Output.ShouldContain("Another host");
        (await Host.TerminateAsync(Stop)).ExitCode.ShouldBe(0);

        var unsaid = await _backedUp.RestoreAsync(Stop, "--to", to, "--replace");
        unsaid.ExitCode.ShouldBe(64, unsaid.Output);
        var words = $"replace {Path.GetFileName(Host.Home)}";
        unsaid.Output.ShouldContain($"--confirm \"{words}\"");
        var said = await _backedUp.RestoreAsync(Stop, "--to", to, "--replace", "--confirm", words);
        said.ExitCode.ShouldBe(0, said.Output);
        await Host.StartAsync(Stop);
        (await TitlesAsync()).ShouldBe(["First"]);
        (await Host.Founder.GetAsync("restores", Stop)).Body!["items"]![0]!["state"]!.ToString().ShouldBe("replaced");
    }

    private async Task<(string Id, string Key)> LetInAsync(string name)
    {
        var actor = await Host.Founder.PostAsync("actors", new { name, role = "read_only_observer" }, Stop);
        actor.IsRefused.ShouldBeFalse(actor.Body?.ToJsonString());
        return (actor["actor_id"], actor["key"]);
    }

    private async Task<(string Task, string Agent, string Lease, long Token)> HeldTaskAsync()
    {
        var ticket = await Host.Founder.PostAsync("tickets", new { title = "Survives" }, Stop);
        var task = await Host.Founder.PostAsync($"tickets/{ticket["key"]}/tasks", new { title = "Interrupted", lease_seconds = 600 }, Stop);
        var agent = await Host.Founder.PostAsync("agents", new { name = "survivor", kind = "test" }, Stop);
        var claim = (await Host.Founder.PostAsync("tasks/claim", new { agent_id = agent["agent_id"] }, Stop)).Body!;
        var (lease, token) = (claim["lease"]!["lease_id"]!.ToString(), (long)claim["lease"]!["fencing_token"]!);
        (await Host.Founder.PostAsync($"tasks/{task["task_id"]}/checkpoint", new { lease_id = lease, fencing_token = token, state = new { step = 3 } }, Stop)).IsRefused.ShouldBeFalse();
        return (task["task_id"], agent["agent_id"], lease, token);
    }

    // Whoever held it then is refused; it is claimed again as its next attempt, from where it was.
    private async Task GoesOnAsync(string task, string agent, string lease, long token)
    {
        (await Host.Founder.PostAsync($"tasks/{task}/progress", new { lease_id = lease, fencing_token = token, percent = 50 }, Stop)).Code.ShouldBe("lease_lost");
        var again = (await Host.Founder.PostAsync("tasks/claim", new { agent_id = agent }, Stop)).Body!;
        again["task"]!["task_id"]!.ToString().ShouldBe(task);
        ((int)again["task"]!["attempt"]!).ShouldBe(2);
        ((int)again["task"]!["checkpoint"]!["step"]!).ShouldBe(3);
        ((long)again["lease"]!["fencing_token"]!).ShouldBeGreaterThan(token + 1_000_000);
    }

    private async Task PostAsync(CancellationToken cancellationToken)
    {
        using var bus = Host.Founder;
        using var timer = new PeriodicTimer(PostEvery);
        var events = Enumerable.Range(0, EventsInAPost).Select(i => new { kind = "disaster.test", data = new { i } }).ToArray();
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                var answer = await bus.PostAsync("events", events, cancellationToken);
                if (answer.Status == HttpStatusCode.Created)
                {
                    _answered.Add(((long)answer.Body!["first_seq"]!, (long)answer.Body["last_seq"]!, DateTimeOffset.UtcNow));
                }
            }
        }
        catch (Exception gone) when (gone is HttpRequestException or OperationCanceledException)
        {
            // It was killed.
        }
    }

    private async Task<HashSet<long>> KeptAsync()
    {
        var kept = new HashSet<long>();
        for (var cursor = "0"; cursor is not null;)
        {
            var page = (await Host.Founder.GetAsync($"events?kind=disaster.test&limit=200&cursor={cursor}", Stop)).Body!;
            kept.UnionWith(page["items"]!.AsArray().Select(e => (long)e!["seq"]!));
            cursor = page["next_cursor"]?.ToString();
        }

        return kept;
    }

    private async Task<List<string>> TitlesAsync() =>
        [.. (await Host.Founder.GetAsync("tickets", Stop)).Body!["items"]!.AsArray().Select(t => t!["title"]!.ToString())];

    // The bus is away while it starts on the other database.
    private async Task<JsonNode?> QuietlyAsync(string path)
    {
        try
        {
            return await Host.Founder.GetAsync(path, Stop) is { IsRefused: false } answer ? answer.Body : null;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
