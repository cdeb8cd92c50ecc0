using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlCenter.Runtime.Runner.Processes;
using ControlCenter.TestSupport;

namespace ControlCenter.Tests.Runner;

/// <summary>Two machines and a bus that only one of them can reach.</summary>
[Takes(seconds: 35)]
public sealed class TwoHostsTests(HostFixture fixture) : BusTests(fixture)
{
    // It goes on counting whether the bus hears it or not, as an agent would that edits files: what it does outside the bus is to end too.
    private const string Counts =
        """
        step=$(jq -r '.step // 0' "$CC_CHECKPOINT_FILE" 2>/dev/null || echo 0)
        from=$step
        say() {
          curl -sS --fail -o /dev/null --max-time "$3" -H "Authorization: Bearer $CC_API_KEY" -H 'Content-Type: application/json' \
            -d "{\"lease_id\":\"$CC_LEASE_ID\",\"fencing_token\":$CC_FENCING_TOKEN,$2}" "$CC_BUS_URL/api/v1/tasks/$CC_TASK_ID/$1"
        }
        until [ -e "$GATE" ]; do
          step=$((step + 1))
          echo "$step" >>"$STEPS/$CC_RUNTIME_ID"
          say checkpoint "\"state\":{\"step\":$step}" 5
          sleep 0.3
        done
        until say complete "\"result\":{\"from\":$from}" 60; do sleep 1; done
        """;

    // Of the 45 s of a lease so many are taken to have passed already when the cable is cut, on both sides: the rest goes by on the real clock.
    private const int Passed = 25;

    // The clock of the machine that is cut off: its agents' leases run out by it.
    private readonly TestClock _clock = new();

    private readonly string _word = $"two-hosts-{Guid.NewGuid():N}";
    private readonly string _folder = Directory.CreateTempSubdirectory("cc-two-hosts-").FullName;

    [Fact]
    public async Task One_that_is_cut_off_loses_its_work_to_the_other_and_takes_work_again_when_it_is_back()
    {
        await DefineAsync();
        await using var near = await JoinAsync("near", usedMb: 2_000, _clock);
        await using var far = await JoinAsync("far", usedMb: 5_000);
        await UntilAsync(async () => ((int?)(await HostAsync(near))["memory_used_mb"], (int?)(await HostAsync(far))["memory_used_mb"]) == (2_000, 5_000));
        var ticket = await TicketAsync();

        // Each goes where the most room is.
        var first = await PlanAsync(ticket);
        var cut = await RunningAsync(first, on: near);
        Use("near", 8_000);
        await UntilAsync(async () => (int)(await HostAsync(near))["memory_used_mb"]! == 8_000);
        var second = await PlanAsync(ticket);
        await RunningAsync(second, on: far);
        await UntilAsync(() => Task.FromResult(StepsOf(cut) > 2));
        await UntilAsync(async () => await Host.SqlAsync<long>($"select count(*) from checkpoints where task_id = '{first}'", Stop) > 0);

        var (pid, key) = ((int)cut["pid"]!, ProcessTable.VariableOf((int)cut["pid"]!, "CC_API_KEY")!);
        var held = (await Founder.GetAsync($"tasks/{first}", Stop)).Body!["attempts"]!.AsArray().Single()!;
        near.Cable.Cut();
        _clock.Advance(TimeSpan.FromSeconds(Passed));
        await Host.SqlAsync<int>($"with e as (update hosts set last_report_at = last_report_at - interval '{Passed} s' where id = '{near.Id}' returning 1) select count(*)::int from e", Stop);

        // By its own clock it holds its agent still before the bus gives the task to another.
        await UntilAsync(async () => (await HostAsync(near))["state"]!.ToString() == "lost");
        (ProcessTable.Find(pid) is null or { IsStopped: true } or { HasEnded: true }).ShouldBeTrue();
        var steps = StepsOf(cut);
        var taken = await RunningAsync(first, on: far);
        await UntilAsync(() => Task.FromResult(ProcessTable.Find(pid) is null or { HasEnded: true }));
        StepsOf(cut).ShouldBe(steps);
        var late = await Host.Client(key).PostAsync(
            $"tasks/{first}/checkpoint", new { lease_id = held["lease_id"]!.ToString(), fencing_token = (long)held["fencing_token"]!, state = new { step = -1 } }, Stop);
        late.IsRefused.ShouldBeTrue(late.Body?.ToJsonString());

        // It is back, has nothing of before, and is given work again.
        near.Cable.Mend();
        Use("near", 1_000);
        await UntilAsync(async () => (await HostAsync(near)) is var host && host["state"]!.ToString() == "online" && (int)host["memory_used_mb"]! == 1_000);
        await UntilAsync(() => Task.FromResult(!Directory.EnumerateDirectories(Path.Combine(near.Folder, "runtimes")).Any()));
        (await ReadAsync((string)cut["runtime_id"]!))["end"]!.ToString().ShouldBe("lost");
        var third = await PlanAsync(ticket);
        await RunningAsync(third, on: near);

        await File.WriteAllTextAsync(Path.Combine(_folder, "gate"), "", Stop);
        foreach (var task in new[] { first, second, third })
        {
            await UntilAsync(async () => (await Founder.GetAsync($"tasks/{task}", Stop)).Body!["state"]!.ToString() == "completed");
            (await Host.SqlAsync<long>($"select count(*) from events where kind = 'task.completed' and task_id = '{task}'", Stop)).ShouldBe(1);
        }

        var attempts = (await Founder.GetAsync($"tasks/{first}", Stop)).Body!["attempts"]!.AsArray().OrderBy(a => (long)a!["fencing_token"]!).ToList();
        attempts.Count.ShouldBe(2);
        ((DateTimeOffset)attempts[0]!["ended_at"]!).ShouldBeLessThanOrEqualTo((DateTimeOffset)attempts[1]!["granted_at"]!);
        ((int)(await Founder.GetAsync($"tasks/{first}", Stop)).Body!["result"]!["from"]!).ShouldBeInRange(1, steps);
        StepsOf(taken).ShouldBeGreaterThan(0);
        Directory.Delete(_folder, recursive: true);
    }

    private async Task DefineAsync()
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(new
        {
            name = _word, adapter = "process", command = new[] { "sh", "-c", Counts }, capabilities = new[] { _word }, host_labels = new[] { _word }, instances = 3,
            environment = new { GATE = $"value:{_folder}/gate", STEPS = $"value:{_folder}" },
        });
        var saved = await Founder.SendAsync(HttpMethod.Put, $"agent-definitions/{_word}", body, null, Stop);
        saved.IsRefused.ShouldBeFalse(saved.Body?.ToJsonString());
    }

    private async Task<Machine> JoinAsync(string name, int usedMb, TimeProvider? time = null)
    {
        Use(name, usedMb);
        return await Machine.JoinAsync(
            Host, Founder, Stop, Supervised.Quick with { SystemRoot = Path.Combine(_folder, name), CutOffGrace = TimeSpan.FromSeconds(3) }, _word, time);
    }

    // Both run on one machine: what each has of memory is what it is told.
    private void Use(string name, int usedMb)
    {
        var proc = Directory.CreateDirectory(Path.Combine(_folder, name, "proc")).FullName;
        Write("stat", "cpu  10 0 10 80 0 0 0 0\n");
        Write("meminfo", string.Create(CultureInfo.InvariantCulture, $"MemTotal: {10_000 * 1024} kB\nMemAvailable: {(10_000 - usedMb) * 1024} kB\n"));

        void Write(string file, string text)
        {
            var unfinished = Path.Combine(proc, $"{file}.tmp");
            File.WriteAllText(unfinished, text);
            File.Move(unfinished, Path.Combine(proc, file), overwrite: true);
        }
    }

    private int StepsOf(JsonNode runtime) =>
        Path.Combine(_folder, (string)runtime["runtime_id"]!) is var file && File.Exists(file) ? File.ReadAllLines(file).Length : 0;

    private async Task<string> PlanAsync(string ticket) => await TaskAsync(ticket, new { max_attempts = 3 }, _word);

    private async Task<JsonNode> RunningAsync(string task, Machine on)
    {
        JsonNode? found = null;
        await UntilAsync(async () =>
            (found = (await Founder.GetAsync($"runtimes?task={task}&host={on.Id}&phase=ready", Stop)).Body!["items"]!.AsArray().FirstOrDefault()) is not null);
        return found!;
    }

    private async Task<JsonNode> HostAsync(Machine machine) => (await Founder.GetAsync($"hosts/{machine.Id}", Stop)).Body!["host"]!;

    private async Task<JsonNode> ReadAsync(string runtime) => (await Founder.GetAsync($"runtimes/{runtime}", Stop)).Body!["runtime"]!;

    private async Task UntilAsync(Func<Task<bool>> isSo, [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(isSo))] string what = "")
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        try
        {
            while (!await isSo())
            {
                await timer.WaitForNextTickAsync(Stop);
            }
        }
        catch (OperationCanceledException fault)
        {
            throw new TimeoutException($"It did not come to be: {what}", fault);
        }
    }
}
