using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Execution.Transcripts;
using ControlCenter.Runtime.Health;
using ControlCenter.Runtime.Storage;
using ControlCenter.TestSupport;
using ControlCenter.Tests.Work;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Execution;

/// <summary>What agents put out is taken once, kept, and read by whoever may look.</summary>
public sealed class TranscriptTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task Lines_are_taken_once_in_their_order_however_often_they_are_handed_over()
    {
        var (host, runtime, bus) = await RunningAsync();
        (await HandOverAsync(bus, host, runtime, 0, Lines(0, 3))).ShouldBe(3);
        (await HandOverAsync(bus, host, runtime, 0, Lines(0, 3))).ShouldBe(3);
        (await HandOverAsync(bus, host, runtime, 1, Lines(1, 4))).ShouldBe(5);
        (await HandOverAsync(bus, host, runtime, 9, Lines(9, 1))).ShouldBe(5, "there is a gap before it");
        var range = await ReadAsync(runtime, 1, 3);
        range["items"]!.AsArray().Select(i => $"{i!["number"]} {i["source"]} {i["text"]}").ShouldBe(["1 out line 1", "2 out line 2", "3 out line 3"]);
        range["next_line"]!.GetValue<long>().ShouldBe(4);
        range["lines"]!.GetValue<long>().ShouldBe(5);
    }

    [Fact]
    public async Task Nothing_is_taken_from_another_host_or_under_another_token()
    {
        var (host, runtime, bus) = await RunningAsync();
        var other = await Host.HostAsync(Stop);
        (await Host.Client(other.Key).PostAsync($"hosts/{host.Id}/output", Batch(runtime, 0, Lines(0, 1)), Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await HandOverAsync(Host.Client(other.Key), other, runtime, 0, Lines(0, 1))).ShouldBeNull();
        (await HandOverAsync(bus, host, runtime with { Token = 6 }, 0, Lines(0, 1))).ShouldBeNull();
        (await bus.GetAsync($"runtimes/{runtime.Id}/output", Stop)).Status.ShouldBe(HttpStatusCode.Forbidden, "a host runs agents and reads nothing");
        (await ReadAsync(runtime, 0, 10))["lines"]!.GetValue<long>().ShouldBe(0);
        (await Founder.GetAsync($"runtimes/{Guid.CreateVersion7()}/output", Stop)).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_line_is_at_the_most_16384_characters()
    {
        var (host, runtime, bus) = await RunningAsync();
        (await bus.PostAsync($"hosts/{host.Id}/output", Batch(runtime, 0, [new string('x', 16_385)]), Stop)).Status.ShouldBe(HttpStatusCode.BadRequest);
        (await HandOverAsync(bus, host, runtime, 0, [new string('ü', 16_384)])).ShouldBe(1);
    }

    [Fact]
    public async Task Whoever_waits_for_more_is_woken_by_it()
    {
        var (host, runtime, bus) = await RunningAsync();
        var waiting = Founder.GetAsync($"runtimes/{runtime.Id}/output?from_line=0&wait_seconds=60", Stop);
        await HandOverAsync(bus, host, runtime, 0, Lines(0, 1));
        (await waiting).Body!["items"]!.AsArray().Count.ShouldBe(1);
    }

    [Fact]
    public async Task What_was_written_and_never_committed_is_taken_away_by_the_next_append()
    {
        var (host, runtime, bus) = await RunningAsync();
        await HandOverAsync(bus, host, runtime, 0, Lines(0, 100));
        await File.AppendAllTextAsync(PathOf(runtime), "{\"at\":\"2026-01-01T00:00:00Z\",\"source\":\"out\",\"text\":\"never committed\"}\n{\"half", Stop);
        (await HandOverAsync(bus, host, runtime, 100, Lines(100, 100))).ShouldBe(200);
        (await AllAsync(runtime)).ShouldBe(Lines(0, 200));
    }

    [Fact]
    public async Task Lines_that_the_disk_did_not_keep_are_marked_in_their_place_and_the_rest_keeps_its_numbers()
    {
        var (host, runtime, bus) = await RunningAsync();
        await HandOverAsync(bus, host, runtime, 0, Lines(0, 200));
        await using (var file = File.OpenWrite(PathOf(runtime)))
        {
            file.SetLength(file.Length / 2);
        }

        (await HandOverAsync(bus, host, runtime, 200, Lines(200, 200))).ShouldBe(400);
        var all = await AllAsync(runtime);
        all.Count.ShouldBe(400);
        all[..99].ShouldBe(Lines(0, 99));
        all[110..200].ShouldAllBe(l => l.Contains("is lost"));
        all[200..].ShouldBe(Lines(200, 200));
    }

    [Fact]
    public async Task A_lost_index_is_made_anew()
    {
        var (host, runtime, bus) = await RunningAsync();
        await HandOverAsync(bus, host, runtime, 0, Lines(0, 300));
        var index = await File.ReadAllBytesAsync(PathOf(runtime) + ".index", Stop);
        File.Delete(PathOf(runtime) + ".index");
        (await ReadAsync(runtime, 299, 1))["items"]![0]!["text"]!.ToString().ShouldBe("line 299");
        await HandOverAsync(bus, host, runtime, 300, Lines(300, 1));
        (await File.ReadAllBytesAsync(PathOf(runtime) + ".index", Stop)).ShouldBe(index);
    }

    [Fact]
    public async Task A_bus_that_cannot_write_takes_nothing_and_takes_it_later()
    {
        var (host, runtime, bus) = await RunningAsync();
        var folder = Path.GetDirectoryName(PathOf(runtime))!;
        Directory.CreateDirectory(Path.GetDirectoryName(folder)!);
        await File.WriteAllTextAsync(folder, "in the way", Stop);
        var refused = await bus.PostAsync($"hosts/{host.Id}/output", Batch(runtime, 0, Lines(0, 2)), Stop);
        refused.Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        refused.Code.ShouldBe("storage_unavailable");
        refused.Headers.RetryAfter.ShouldNotBeNull();
        File.Delete(folder);
        (await HandOverAsync(bus, host, runtime, 0, Lines(0, 2))).ShouldBe(2);
    }

    [Fact]
    public async Task A_transcript_is_closed_with_its_hash_once_its_runtime_is_over_and_all_of_it_is_here_and_a_change_shows()
    {
        var (host, runtime, bus) = await RunningAsync();
        await HandOverAsync(bus, host, runtime, 0, Lines(0, 5));
        (await ProofAsync(runtime))["state"]!.ToString().ShouldBe("open");
        await Host.RunAsync("update runtimes set phase = 'ended', ended_at = clock_timestamp(), end_kind = 'exited', output_lines = 6 where id = @id", Stop, ("id", runtime.Id));
        var keeper = Host.Services.GetRequiredService<KeepTranscripts>();
        await keeper.NextCycleAsync().WaitAsync(Stop);
        await keeper.NextCycleAsync().WaitAsync(Stop);
        (await ProofAsync(runtime))["state"]!.ToString().ShouldBe("open", "its host has one more line");

        (await HandOverAsync(bus, host, runtime, 5, Lines(5, 1))).ShouldBe(6);
        await LeaseTests.Eventually(async () => (await ProofAsync(runtime))["state"]!.ToString() == "intact");
        (await ProofAsync(runtime))["sha256"]!.ToString().ShouldBe(Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(PathOf(runtime), Stop))));
        (await HandOverAsync(bus, host, runtime, 6, Lines(6, 1))).ShouldBeNull("it is closed");
        (await ReadAsync(runtime, 0, 10))["ended"]!.GetValue<bool>().ShouldBeTrue();

        var text = await File.ReadAllTextAsync(PathOf(runtime), Stop);
        await File.WriteAllTextAsync(PathOf(runtime), text.Replace("line 3", "line X"), Stop);
        (await ProofAsync(runtime))["state"]!.ToString().ShouldBe("altered");
        File.Delete(PathOf(runtime));
        (await ProofAsync(runtime))["state"]!.ToString().ShouldBe("missing");
    }

    [Fact]
    public async Task Any_range_of_a_long_transcript_is_read_without_reading_what_is_before_it()
    {
        const int Count = 200_000;
        var (host, runtime, bus) = await RunningAsync();
        for (var line = 0; line < Count; line += 4_000)
        {
            await HandOverAsync(bus, host, runtime, line, Lines(line, 4_000));
        }

        var queries = Host.Services.GetRequiredService<TranscriptQueries>();
        await queries.ReadAsync(runtime.Id, Count - 100, 100, Stop);
        var since = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < 50; i++)
        {
            var first = (i * 7_919L) % (Count - 100);
            (await queries.ReadAsync(runtime.Id, first, 100, Stop))!.Items.Select(l => l.Text).ShouldBe(Lines((int)first, 100));
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{TimeProvider.System.GetElapsedTime(since).TotalMilliseconds / 50:0.00} ms a range");
        new FileInfo(PathOf(runtime) + ".index").Length.ShouldBe(8L * Count / 64);
    }

    [Fact]
    public async Task Output_past_its_time_goes_and_what_it_was_stays_provable()
    {
        var old = await ClosedAsync("60 days", "ended");
        var young = await ClosedAsync("20 days", "ended");
        var uncertain = await ClosedAsync("60 days", "uncertain");
        var pinned = await ClosedAsync("200 days", "ended");
        await Founder.PostAsync("retention/pins", new { title = "an outage", from = DateTimeOffset.UtcNow.AddDays(-201), to = DateTimeOffset.UtcNow.AddDays(-199) }, Stop);
        var was = await ProofAsync(old);

        (await TrimAsync()).ShouldBe(1);
        (await Host.Services.GetRequiredService<KeepTranscripts>().SweepAsync(Stop)).ShouldBe(1);
        File.Exists(PathOf(old)).ShouldBeFalse();
        Directory.Exists(Path.GetDirectoryName(PathOf(old))).ShouldBeFalse();
        var proof = await ProofAsync(old);
        proof["state"]!.ToString().ShouldBe("removed");
        (proof["sha256"]!.ToString(), (long)proof["lines"]!).ShouldBe((was["sha256"]!.ToString(), 5));
        (await AllAsync(old)).ShouldHaveSingleItem().ShouldStartWith("(5 lines were here; they were removed on");
        (await Host.Services.GetRequiredService<TranscriptQueries>().FindAsync(old.Id, "line", Stop)).Lines.ShouldBeEmpty();
        foreach (var stays in new[] { young, uncertain, pinned })
        {
            (await ProofAsync(stays))["state"]!.ToString().ShouldBe("intact");
        }
    }

    [Fact]
    public async Task A_pin_keeps_the_output_of_all_that_ran_in_its_time_also_of_what_outlasted_it()
    {
        var across = await ClosedAsync("400 days", "ended", lasted: "4 hours");
        var before = await ClosedAsync("402 days", "ended", lasted: "4 hours");
        var middle = DateTimeOffset.UtcNow.AddDays(-400).AddHours(-2);
        await Founder.PostAsync("retention/pins", new { title = "an hour of an outage", from = middle.AddMinutes(-30), to = middle.AddMinutes(30) }, Stop);
        (await TrimAsync()).ShouldBe(1);
        (await Host.Services.GetRequiredService<KeepTranscripts>().SweepAsync(Stop)).ShouldBe(1);
        (await ProofAsync(before))["state"]!.ToString().ShouldBe("removed");
        (await ProofAsync(across))["state"]!.ToString().ShouldBe("intact");
    }

    [Fact]
    public async Task A_file_that_the_disk_refuses_holds_up_no_other_and_goes_once_it_can()
    {
        var (stuck, other) = (await ClosedAsync("60 days", "ended"), await ClosedAsync("60 days", "ended"));
        var index = PathOf(stuck) + ".index";
        File.Delete(index);
        Directory.CreateDirectory(index);
        (await TrimAsync()).ShouldBe(2);
        var keeper = Host.Services.GetRequiredService<KeepTranscripts>();
        (await keeper.SweepAsync(Stop)).ShouldBe(1);
        File.Exists(PathOf(other)).ShouldBeFalse();
        Directory.Delete(index);
        (await keeper.SweepAsync(Stop)).ShouldBe(1, "what of it was left is found again");
        Directory.Exists(Path.GetDirectoryName(PathOf(stuck))).ShouldBeFalse();
    }

    [Fact]
    public async Task A_transcript_that_the_disk_refuses_keeps_no_other_from_being_closed()
    {
        var (host, runtime, bus) = await RunningAsync();
        await HandOverAsync(bus, host, runtime, 0, Lines(0, 5));
        File.Delete(PathOf(runtime));
        Directory.CreateDirectory(PathOf(runtime));
        await EndAsync(runtime, "90 days", "1 minute");
        (await ProofAsync(await ClosedAsync("60 days", "active")))["state"]!.ToString().ShouldBe("intact");
        (await ProofAsync(runtime))["state"]!.ToString().ShouldBe("open");
    }

    [Fact]
    public async Task A_folder_that_a_removal_left_behind_goes_with_the_next()
    {
        var left = Path.Combine(Path.GetDirectoryName(Path.GetDirectoryName(PathOf((await RunningAsync()).Runtime)))!, Guid.CreateVersion7().ToString());
        Directory.CreateDirectory(left);
        (await Host.Services.GetRequiredService<KeepTranscripts>().SweepAsync(Stop)).ShouldBe(0);
        Directory.Exists(left).ShouldBeFalse();
    }

    private static List<string> Lines(int first, int count) => [.. Enumerable.Range(first, count).Select(i => $"line {i}")];

    private static object[] Batch(RuntimeRow runtime, long first, IReadOnlyList<string> lines) =>
        [new { runtime_id = runtime.Id, fencing_token = runtime.Token, first_line = first, lines = lines.Select(l => new { at = "2026-01-01T00:00:00Z", source = "out", text = l }) }];

    private async Task<(HostRow Host, RuntimeRow Runtime, BusClient Bus)> RunningAsync()
    {
        var host = await Host.HostAsync(Stop);
        var runtime = await Host.RuntimeAsync(host, await Host.DefinitionAsync(Stop), await AgentAsync(), Stop);
        return (host, runtime, Host.Client(host.Key));
    }

    // One of a runtime that ended so long ago.
    private async Task<RuntimeRow> ClosedAsync(string ago, string session, string lasted = "1 minute")
    {
        var (host, runtime, bus) = await RunningAsync();
        await HandOverAsync(bus, host, runtime, 0, Lines(0, 5));
        await EndAsync(runtime, ago, lasted);
        await Host.RunAsync("update sessions set state = @state where id = @id", Stop, ("id", runtime.Session), ("state", session));
        await LeaseTests.Eventually(async () => (await ProofAsync(runtime))["state"]!.ToString() == "intact");
        return runtime;
    }

    private Task EndAsync(RuntimeRow runtime, string ago, string lasted) => Host.RunAsync(
        """
        update runtimes set phase = 'ended', ended_at = clock_timestamp() - @ago::interval, requested_at = clock_timestamp() - @ago::interval - @lasted::interval,
            end_kind = 'exited', output_lines = 5 where id = @id
        """,
        Stop, ("id", runtime.Id), ("ago", ago), ("lasted", lasted));

    private async Task<int> TrimAsync()
    {
        // The keeper's own first sweep is over then, and takes nothing of this.
        await Host.Services.GetRequiredService<KeepTranscripts>().NextCycleAsync().WaitAsync(Stop);
        var history = Host.Services.GetServices<RetainedHistory>().OfType<OldTranscripts>().Single();
        return await Host.Services.GetRequiredService<Transactions>().RunAsync(Caller.Host, (unit, ct) => history.RemoveAsync(unit, 30, 100, ct), Stop);
    }

    private async Task<long?> HandOverAsync(BusClient bus, HostRow host, RuntimeRow runtime, long first, IReadOnlyList<string> lines)
    {
        var answer = await bus.PostAsync($"hosts/{host.Id}/output", Batch(runtime, first, lines), Stop);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Body?.ToJsonString());
        return answer.Body![0]!["next_line"]?.GetValue<long>();
    }

    private async Task<JsonNode> ReadAsync(RuntimeRow runtime, long first, int limit) =>
        (await Founder.GetAsync($"runtimes/{runtime.Id}/output?from_line={first}&limit={limit}", Stop)).Body!;

    private async Task<List<string>> AllAsync(RuntimeRow runtime) => [.. (await ReadAsync(runtime, 0, 2_000))["items"]!.AsArray().Select(i => i!["text"]!.ToString())];

    private async Task<JsonNode> ProofAsync(RuntimeRow runtime) => (await Founder.GetAsync($"runtimes/{runtime.Id}/output/proof", Stop)).Body!;

    private string PathOf(RuntimeRow runtime) =>
        Path.Combine(Host.Services.GetRequiredService<DataFolder>().Folder, "transcripts", runtime.Session.ToString(), $"{runtime.Id}.ndjson");
}
