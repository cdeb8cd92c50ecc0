using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Health;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Hooks;
using ControlCenter.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>The founder's program, a real one, and what it is told.</summary>
public sealed class HookTests : IDisposable
{
    private const string Keeps = """cat >> "$d/told"; echo "$CC_EVENT" >> "$d/kinds"; env | cut -d= -f1 | sort > "$d/environment" """;

    private readonly string _folder = Directory.CreateTempSubdirectory("cc-hook-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task It_is_told_of_what_it_is_to_hear_of_as_it_is_in_the_log_and_of_nothing_else()
    {
        await using var host = await StartAsync(await TestCluster.CreateDatabaseAsync(Stop), Keeps);
        await host.RecordAsync("backup.started", ("backup", "1"), new { Kind = "base" });
        await host.RecordAsync("backup.succeeded", ("backup", "1"), new { Kind = "base", Seconds = 3 });
        await host.RecordAsync("alert.raised", ("budget", "x"), new { Title = "money" });
        await host.RecordAsync("alert.raised", ("recovery", "log-lag"), new { Title = "late" });
        await host.RecordAsync("alert.cleared", ("recovery", "log-lag"), new { Title = "late" });
        await host.RecordAsync("backup.database_replaced", ("restore", ""), new { To = "then" });
        await host.ToldAsync(4);

        var told = (await File.ReadAllLinesAsync(In("told"), Stop)).Select(l => JsonDocument.Parse(l).RootElement).ToDictionary(e => e.GetProperty("kind").GetString()!);
        told.Keys.ShouldBe(["backup.succeeded", "alert.raised", "alert.cleared", "backup.database_replaced"], ignoreOrder: true);
        told["backup.succeeded"].GetProperty("data").GetProperty("seconds").GetInt32().ShouldBe(3);
        told["backup.succeeded"].GetProperty("at").GetDateTimeOffset().ShouldBe(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(5));
        (await File.ReadAllLinesAsync(In("kinds"), Stop)).ShouldBe(told.Keys, ignoreOrder: true);
        // PWD and what else its own shell puts there is not the host's.
        (await File.ReadAllLinesAsync(In("environment"), Stop)).Except(["PWD", "OLDPWD", "SHLVL", "_"]).ShouldBe(["CC_EVENT", "PATH"]);
        (await host.StateAsync()).ShouldSatisfyAllConditions(s => s.Problem.ShouldBeNull(), s => s.Waiting.ShouldBe(0), s => s.At.ShouldNotBeNull());
    }

    [Fact]
    public async Task One_that_hangs_is_killed_with_what_it_started_and_the_next_event_is_told_all_the_same()
    {
        var clock = new TestClock();
        await using var host = await StartAsync(
            await TestCluster.CreateDatabaseAsync(Stop), """if [ "$CC_EVENT" = backup.failed ]; then echo "waits for a pager" >&2; sleep 1000 & echo $! > "$d/pid"; mv "$d/pid" "$d/child"; wait; fi""", clock);
        await host.RecordAsync("backup.failed", ("backup", "1"), new { Problem = "full" });
        await BackedUpCluster.UntilAsync(() => Task.FromResult(File.Exists(In("child"))), Stop);
        clock.Advance(TimeSpan.FromSeconds(30));
        await host.ToldAsync(1);
        (await host.StateAsync()).Problem.ShouldBe("It had not ended after 30 s and was killed; it said last: waits for a pager.");
        var child = (await File.ReadAllTextAsync(In("child"), Stop)).Trim();
        await BackedUpCluster.UntilAsync(() => Task.FromResult(!IsRunning(child)), Stop);

        await host.RecordAsync("backup.succeeded", ("backup", "2"), new { });
        await host.ToldAsync(2);
        (await host.StateAsync()).ShouldSatisfyAllConditions(s => s.Event.ShouldBe("backup.succeeded"), s => s.Problem.ShouldBeNull());
        (await host.EventsAsync("backup.hook_failed")).ShouldBe(1);
        host.Services.GetRequiredService<CallRecoveryHook>().Reading.ShouldSatisfyAllConditions(r => r.Faults.ShouldBe(0), r => r.Condition.ShouldBe(ServiceCondition.Running));
    }

    [Fact]
    public async Task Several_that_take_all_of_their_time_are_no_silence()
    {
        await using var host = await StartAsync(await TestCluster.CreateDatabaseAsync(Stop), """[ "$CC_EVENT" = backup.succeeded ] || exec sleep 1000""");
        await host.ExecuteAsync("insert into recovery_hook_calls (event_seq, kind, message) values (1, 'backup.succeeded', '{}'), (2, 'backup.failed', '{}')");
        await BackedUpCluster.UntilAsync(() => host.ScalarAsync<bool>("select began_at is not null from recovery_hook_calls where event_seq = 2"), Stop);
        host.Services.GetRequiredService<CallRecoveryHook>().Reading.Detail.ShouldBe("1 told");
    }

    [Fact]
    public async Task One_that_fails_is_told_of_once_with_its_last_words_and_one_that_is_gone_too()
    {
        await using var host = await StartAsync(await TestCluster.CreateDatabaseAsync(Stop), """echo "no such pager" >&2; exit 7""");
        await host.RecordAsync("backup.restore_drill.passed", ("restore_drill", "1"), new { });
        await host.ToldAsync(1);
        (await host.StateAsync()).Problem.ShouldBe("It ended with code 7; it said last: no such pager.");
        File.Delete(In("hook"));
        await host.RecordAsync("backup.restore_drill.failed", ("restore_drill", "2"), new { });
        await host.ToldAsync(2);
        (await host.StateAsync()).Problem.ShouldNotBeNull().ShouldStartWith("It could not be started: ");
        (await host.EventsAsync("backup.hook_failed")).ShouldBe(2);
        (await host.ScalarAsync<string>("select data->>'event' from events where kind = 'backup.hook_failed' order by seq limit 1")).ShouldBe("backup.restore_drill.passed");
        host.Services.GetRequiredService<CallRecoveryHook>().Reading.Faults.ShouldBe(0);
    }

    [Fact]
    public async Task What_was_being_told_when_its_host_ended_is_told_again_by_the_next_and_what_came_between_too()
    {
        var database = await TestCluster.CreateDatabaseAsync(Stop);
        const string Script = """[ -e "$d/go" ] || { : > "$d/hangs"; exec sleep 1000; }; cat >> "$d/told" """;
        await using (var first = await StartAsync(database, Script))
        {
            await first.RecordAsync("backup.failed", ("backup", "1"), new { });
            await BackedUpCluster.UntilAsync(() => Task.FromResult(File.Exists(In("hangs"))), Stop);
            await first.RecordAsync("backup.failed", ("backup", "2"), new { });
        }

        await File.WriteAllTextAsync(In("go"), "", Stop);
        await using var second = await StartAsync(database, script: null);
        await second.ToldAsync(2);
        (await File.ReadAllLinesAsync(In("told"), Stop)).Select(l => JsonDocument.Parse(l).RootElement.GetProperty("subject").GetString()).ShouldBe(["backup:1", "backup:2"]);
        (await second.EventsAsync("backup.hook_failed")).ShouldBe(0);
    }

    [Fact]
    public async Task Before_a_database_is_replaced_it_is_told_at_once_and_nobody_waits_for_it()
    {
        await WriteAsync("""cat > "$d/heard"; while [ ! -e "$d/go" ]; do sleep 0.02; done; mv "$d/heard" "$d/told" """);
        new TellReplacing(new RecoveryHook(In("hook")), TimeProvider.System, NullLogger<TellReplacing>.Instance).Begin(Guid.Empty, DateTimeOffset.UnixEpoch, "the founder");
        // It ends by this alone: whoever waited for it would not have come here.
        await File.WriteAllTextAsync(In("go"), "", Stop);
        await BackedUpCluster.UntilAsync(() => Task.FromResult(File.Exists(In("told"))), Stop);
        var told = JsonDocument.Parse(await File.ReadAllTextAsync(In("told"), Stop)).RootElement;
        told.GetProperty("kind").GetString().ShouldBe("backup.restore_replacing");
        told.GetProperty("data").GetProperty("by").GetString().ShouldBe("the founder");
    }

    [Fact]
    public async Task What_a_host_without_a_program_put_aside_is_told_by_one_that_has_it_unless_it_is_news_no_more()
    {
        var database = await TestCluster.CreateDatabaseAsync(Stop);
        await using (var without = await HookHost.StartAsync(database, null, null))
        {
            await without.ExecuteAsync("insert into recovery_hook_calls (event_seq, kind, message, queued_at) values (-2, 'backup.failed', '{}', now() - interval '25 hours')");
            await without.ExecuteAsync("insert into recovery_hook_calls (event_seq, kind, message, queued_at, ended_at) values (-1, 'backup.failed', '{}', now() - interval '32 days', now() - interval '31 days')");
            (await without.StateAsync()).Waiting.ShouldBe(0);
            await without.RecordAsync("backup.failed", ("backup", "1"), new { });
            await BackedUpCluster.UntilAsync(async () => (await without.StateAsync()).Waiting == 1, Stop);
            (await without.ScalarAsync<long>("select count(*) from recovery_hook_calls")).ShouldBe(1, "also where nobody is ever told it does not grow");
            await without.ExecuteAsync("insert into recovery_hook_calls (event_seq, kind, message, queued_at) values (0, 'backup.succeeded', '{}', now() - interval '25 hours')");
        }

        await using var with = await StartAsync(database, Keeps);
        await with.ToldAsync(1);
        (await File.ReadAllLinesAsync(In("kinds"), Stop)).ShouldBe(["backup.failed"]);
    }

    [Fact]
    public async Task One_that_leaves_somebody_behind_who_holds_its_pipes_is_over_and_the_host_s_ends_of_them_are_closed()
    {
        await WriteAsync("""exec 3<&0; sleep 1000 <&3 3<&- & echo $! > "$d/child"; exit 0""");
        // More than a pipe takes: it is never read.
        (await HookProcess.RunAsync(In("hook"), "backup.failed", new string('x', 200_000), TimeSpan.FromSeconds(30), TimeProvider.System, Stop)).Failure.ShouldBeNull();
        using var child = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(In("child"), Stop), CultureInfo.InvariantCulture));
        try
        {
            string?[] held = [.. new[] { "0", "1", "2" }.Select(fd => new FileInfo($"/proc/{child.Id}/fd/{fd}").LinkTarget)];
            held.ShouldAllBe(pipe => pipe!.StartsWith("pipe:", StringComparison.Ordinal));
            new DirectoryInfo("/proc/self/fd").EnumerateFileSystemInfos().Select(f => f.LinkTarget).Intersect(held).ShouldBeEmpty();
        }
        finally
        {
            child.Kill();
        }
    }

    private static bool IsRunning(string pid) => File.Exists($"/proc/{pid}/cmdline") && File.ReadAllBytes($"/proc/{pid}/cmdline").Length > 0;

    private string In(string name) => Path.Combine(_folder, name);

    private async Task WriteAsync(string script)
    {
        await File.WriteAllTextAsync(In("hook"), $"#!/bin/sh\nd='{_folder}'\n{script}\n", Stop);
        File.SetUnixFileMode(In("hook"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private async Task<HookHost> StartAsync(string database, string? script, TimeProvider? time = null)
    {
        if (script is not null)
        {
            await WriteAsync(script);
        }

        return await HookHost.StartAsync(database, In("hook"), time);
    }

    /// <summary>A host as far as the program is concerned.</summary>
    private sealed class HookHost(ServiceProvider services, IReadOnlyList<SupervisedService> running) : IAsyncDisposable
    {
        public IServiceProvider Services => services;

        public static async Task<HookHost> StartAsync(string database, string? program, TimeProvider? time)
        {
            var settings = new RecoverySettings("/nowhere", "/nowhere/repository", "/nowhere/password") { IsBesideData = true, Hook = new RecoveryHook(program) };
            var services = new ServiceCollection().AddLogging().AddSingleton(time ?? TimeProvider.System).AddSingleton(new DataFolder("/nowhere")).AddRuntime(database).AddRecovery(settings).BuildServiceProvider();
            List<SupervisedService> running = [services.GetRequiredService<EventTail>(), services.GetRequiredService<QueueBackupEvents>(), services.GetRequiredService<QueueRecoveryAlerts>()];
            if (services.GetService<CallRecoveryHook>() is { } calls)
            {
                running.Add(calls);
            }

            foreach (var service in running)
            {
                await service.StartAsync(Stop);
            }

            return new HookHost(services, running);
        }

        public Task RecordAsync(string kind, (string Type, string Id) subject, object data) =>
            services.GetRequiredService<Transactions>().RunAsync(Caller.Host, (unit, _) =>
            {
                unit.Record(kind, subject, data);
                return Task.FromResult(true);
            }, Stop);

        public Task ToldAsync(int calls) => BackedUpCluster.UntilAsync(async () => await ScalarAsync<long>("select count(*) from recovery_hook_calls where ended_at is not null") == calls, Stop);

        public Task<HookState> StateAsync() => HookQueries.StateAsync(services.GetRequiredService<NpgsqlDataSource>(), Stop);

        public Task<long> EventsAsync(string kind) => ScalarAsync<long>($"select count(*) from events where kind = '{kind}'");

        public async Task ExecuteAsync(string sql)
        {
            await using var command = services.GetRequiredService<NpgsqlDataSource>().CreateCommand(sql);
            await command.ExecuteNonQueryAsync(Stop);
        }

        public async Task<T> ScalarAsync<T>(string sql)
        {
            await using var command = services.GetRequiredService<NpgsqlDataSource>().CreateCommand(sql);
            return (T)(await command.ExecuteScalarAsync(Stop))!;
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var service in running.Reverse())
            {
                await service.StopAsync(CancellationToken.None);
            }

            await services.DisposeAsync();
        }
    }
}
