using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ControlCenter.Runtime.Storage.Embedded;
using ControlCenter.TestSupport;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Storage;

[Takes(seconds: 30)]
public sealed class EmbeddedPostgresTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _home = Path.Combine("/tmp", $"cc-embedded-{Guid.NewGuid():N}");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_first_start_makes_a_cluster_with_checksums_scram_and_wal_for_replicas_below_the_ephemeral_ports()
    {
        await using var postgres = await StartAsync();
        (await AskAsync(postgres, "show data_checksums")).ShouldBe("on");
        (await AskAsync(postgres, "show password_encryption")).ShouldBe("scram-sha-256");
        (await AskAsync(postgres, "show wal_level")).ShouldBe("replica");
        (await AskAsync(postgres, "show fsync")).ShouldBe("on");
        (await AskAsync(postgres, "select count(*)::text from pg_hba_file_rules where auth_method <> 'scram-sha-256'")).ShouldBe("0");
        postgres.Port.ShouldBeInRange(7432, 32_767);
        File.GetUnixFileMode(Path.Combine(_home, "postgres", "password")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.ReadAllText($"/proc/{postgres.ProcessId}/status").ShouldNotContain("Uid:\t0");
    }

    [Fact]
    public async Task What_was_written_is_there_after_a_clean_stop_and_after_a_kill()
    {
        await using (var first = await StartAsync())
        {
            await AskAsync(first, "create table kept (n int); insert into kept values (1); select 'x'");
        }

        int pid;
        await using (var second = await StartAsync())
        {
            (await AskAsync(second, "select count(*)::text from kept")).ShouldBe("1");
            await AskAsync(second, "insert into kept values (2); select 'x'");
            pid = second.ProcessId;
            await KillAsync(pid);

            // The host notices and starts it again, without being asked.
            NpgsqlConnection.ClearAllPools();
            await Eventually(async () => second.ProcessId != pid && await AskAsync(second, "select count(*)::text from kept") == "2");
            pid = second.ProcessId;
        }

        Directory.Exists($"/proc/{pid}").ShouldBeFalse();
    }

    [Fact]
    public async Task A_server_whose_port_was_taken_while_it_was_away_comes_back_on_its_socket()
    {
        var clock = new WithheldClock();
        await using var postgres = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(_home), NullLogger.Instance, clock, Stop);
        await AskAsync(postgres, "create table kept (n int); insert into kept values (1); select 'x'");
        // The wait before it is started again takes as long as somebody needs for its port.
        var taken = new TaskCompletionSource();
        clock.Until = taken.Task;
        await KillAsync(postgres.ProcessId);
        using var squatter = await TakeAsync(postgres.Port);
        taken.SetResult();
        NpgsqlConnection.ClearAllPools();

        await Eventually(async () => await AskAsync(postgres, "select count(*)::text from kept") == "1");
        (await AskAsync(postgres, "show listen_addresses")).ShouldBe("");
    }

    /// <summary>Listens on a port as soon as its holder has let go of it.</summary>
    private static async Task<TcpListener> TakeAsync(int port)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        patience.CancelAfter(Patience);
        while (true)
        {
            var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                return listener;
            }
            catch (SocketException)
            {
                listener.Dispose();
                patience.Token.ThrowIfCancellationRequested();
                await Task.Yield();
            }
        }
    }

    [Fact]
    public async Task A_folder_that_another_host_holds_is_refused_by_the_name_of_its_process()
    {
        await using var holder = await StartAsync();
        (await Should.ThrowAsync<EmbeddedPostgresException>(StartAsync)).Message.ShouldContain($"process {Environment.ProcessId}");
    }

    [Fact]
    public async Task A_folder_that_a_newer_version_wrote_is_refused_with_both_versions()
    {
        Directory.CreateDirectory(Path.Combine(_home, "postgres", "data"));
        await File.WriteAllTextAsync(Path.Combine(_home, "postgres", "data", "PG_VERSION"), "99\n", Stop);
        var refused = (await Should.ThrowAsync<EmbeddedPostgresException>(StartAsync)).Message;
        refused.ShouldContain("99");
        refused.ShouldContain("newer");
    }

    [Fact]
    public async Task A_cluster_that_was_interrupted_while_it_was_made_is_made_anew()
    {
        Directory.CreateDirectory(Path.Combine(_home, "postgres", "data.new"));
        await File.WriteAllTextAsync(Path.Combine(_home, "postgres", "data.new", "half"), "", Stop);
        await using var postgres = await StartAsync();
        (await AskAsync(postgres, "select 'here'")).ShouldBe("here");
    }

    [Fact]
    public async Task A_home_with_a_long_name_works_though_a_sockets_name_is_short()
    {
        var home = Path.Combine(_home, new string('l', 60), new string('o', 60));
        await using var postgres = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(home), NullLogger.Instance, TimeProvider.System, Stop);
        (await AskAsync(postgres, "select 'here'")).ShouldBe("here");
    }

    [Fact]
    public async Task A_home_whose_name_means_something_to_a_connection_string_or_a_settings_file_works()
    {
        var home = Path.Combine(_home, "o'brien, host=elsewhere; x");
        await using var postgres = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(home), NullLogger.Instance, TimeProvider.System, Stop);
        (await AskAsync(postgres, "select 'here'")).ShouldBe("here");
    }

    [Fact]
    public async Task A_stopped_server_has_shut_down_cleanly_and_leaves_no_process()
    {
        var options = new EmbeddedPostgresOptions(_home) { StopPatience = TimeSpan.FromMinutes(1) };
        var postgres = await EmbeddedPostgres.StartAsync(options, NullLogger.Instance, TimeProvider.System, Stop);
        var (pid, bin) = (postgres.ProcessId, postgres.BinFolder);
        await postgres.StopAsync(Stop);
        await postgres.DisposeAsync();
        await postgres.DisposeAsync();
        Directory.Exists($"/proc/{pid}").ShouldBeFalse();
        File.Exists(Path.Combine(postgres.DataFolder, "postmaster.pid")).ShouldBeFalse();
        (await OutputOfAsync(Path.Combine(bin, "pg_controldata"), postgres.DataFolder)).ShouldMatch("cluster state: +shut down\n");
    }

    [Fact]
    public async Task A_folder_that_a_host_in_another_process_holds_is_refused_by_what_that_host_wrote()
    {
        Directory.CreateDirectory(_home);
        var path = Path.Combine(_home, "host.lock");
        await File.WriteAllTextAsync(path, "process 4242 on elsewhere", Stop);
        using var holder = Start("/usr/bin/flock", path, "/bin/sh", "-c", "echo held; cat");
        (await holder.StandardOutput.ReadLineAsync(Stop)).ShouldBe("held");
        (await Should.ThrowAsync<EmbeddedPostgresException>(StartAsync)).Message.ShouldContain("process 4242 on elsewhere");

        // The lock ends with its holder; what is written in the file holds nobody up.
        holder.StandardInput.Close();
        await holder.WaitForExitAsync(Stop);
        await using var postgres = await StartAsync();
        (await File.ReadAllTextAsync(Path.Combine(_home, "postgres", "port"), Stop)).ShouldBe(postgres.Port.ToString());
    }

    [Fact]
    public async Task A_server_that_a_killed_host_left_behind_is_ended_and_its_data_kept()
    {
        string data, bin;
        await using (var first = await StartAsync())
        {
            await AskAsync(first, "create table kept as select 'here'::text as word; select 'x'");
            (data, bin) = (first.DataFolder, first.BinFolder);
        }

        using var leftover = Start([.. AsOwner, Path.Combine(bin, "postgres"), "-D", data]);
        await Eventually(() => Task.FromResult(File.Exists(Path.Combine(data, "postmaster.pid"))));
        await using var second = await StartAsync();
        (await AskAsync(second, "select word from kept")).ShouldBe("here");
        second.ProcessId.ShouldNotBe(leftover.Id);
        await leftover.WaitForExitAsync(Stop);
    }

    [Fact]
    public async Task A_pid_file_that_names_a_stranger_neither_stops_the_start_nor_harms_the_stranger()
    {
        string data;
        await using (var first = await StartAsync())
        {
            data = first.DataFolder;
        }

        // Of the server's own user: PostgreSQL would take exactly such a process for its predecessor, and refuse.
        using var stranger = Start([.. AsOwner, "/bin/cat"]);
        await File.WriteAllTextAsync(Path.Combine(data, "postmaster.pid"), $"{stranger.Id}\n{data}\n", Stop);
        await using (var second = await StartAsync())
        {
            (await AskAsync(second, "select 'here'")).ShouldBe("here");
        }

        stranger.HasExited.ShouldBeFalse();
        stranger.StandardInput.Close();
        await stranger.WaitForExitAsync(Stop);
    }

    [Fact]
    public async Task A_start_that_is_cancelled_half_way_leaves_no_server_and_no_lock()
    {
        string data;
        await using (var first = await StartAsync())
        {
            data = first.DataFolder;
        }

        using var cancelled = new CancellationTokenSource();
        var start = EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(_home), NullLogger.Instance, new CancelsOnceLaunched(cancelled, Path.Combine(data, "postmaster.pid")), cancelled.Token);
        await Should.ThrowAsync<OperationCanceledException>(() => start);
        Directory.EnumerateDirectories("/proc").ShouldNotContain(process => new FileInfo(Path.Combine(process, "cwd")).LinkTarget == data);
        await using var second = await StartAsync();
        (await AskAsync(second, "select 'here'")).ShouldBe("here");
    }

    [Fact]
    public async Task Roots_home_that_is_closed_to_the_servers_user_gets_its_cluster_elsewhere_and_a_link_to_it()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root runs the server as another user.");
        Directory.CreateDirectory(_home, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var link = Path.Combine(_home, "postgres");
        await using (var first = await StartAsync())
        {
            await AskAsync(first, "create table kept as select 'here'::text as word; select 'x'");
        }

        var place = new FileInfo(link).LinkTarget.ShouldNotBeNull();
        await using (var second = await StartAsync())
        {
            (await AskAsync(second, "select word from kept")).ShouldBe("here");
            second.DataFolder.ShouldStartWith(place);
        }

        Directory.Delete(place, recursive: true);
        (await Should.ThrowAsync<EmbeddedPostgresException>(StartAsync)).Message.ShouldContain(place);
    }

    public void Dispose()
    {
        NpgsqlConnection.ClearAllPools();
        if (Directory.Exists(_home))
        {
            Directory.Delete(_home, recursive: true);
        }
    }

    private Task<EmbeddedPostgres> StartAsync() =>
        EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(_home), NullLogger.Instance, TimeProvider.System, Stop);

    private static async Task<string> AskAsync(EmbeddedPostgres postgres, string sql)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(Stop);
        await using var command = new NpgsqlCommand(sql, connection);
        return (string)(await command.ExecuteScalarAsync(Stop))!;
    }

    private static string[] AsOwner =>
        Environment.IsPrivilegedProcess ? ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] : ["/usr/bin/env"];

    private static Process Start(params string[] command)
    {
        var info = new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        return Process.Start(info)!;
    }

    private static async Task<string> OutputOfAsync(params string[] command)
    {
        using var process = Start(command);
        return await process.StandardOutput.ReadToEndAsync(Stop);
    }

    private static async Task KillAsync(int pid)
    {
        using var kill = Process.Start("/bin/kill", ["-9", pid.ToString()]);
        await kill.WaitForExitAsync(Stop);
    }

    private static async Task Eventually(Func<Task<bool>> condition)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        patience.CancelAfter(Patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (true)
        {
            try
            {
                if (await condition())
                {
                    return;
                }
            }
            catch (NpgsqlException)
            {
                // It is on its way back.
            }

            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    /// <summary>The real clock, but whoever looks at it first is cancelled once there is a server: that is between its launch and the first try to reach it.</summary>
    private sealed class CancelsOnceLaunched(CancellationTokenSource cancelled, string pidFile) : TimeProvider
    {
        public override long GetTimestamp()
        {
            if (!cancelled.IsCancellationRequested)
            {
                SpinWait.SpinUntil(() => File.Exists(pidFile), Patience).ShouldBeTrue();
                cancelled.Cancel();
            }

            return base.GetTimestamp();
        }
    }

    /// <summary>The real clock, but no wait on it begins before it is let.</summary>
    private sealed class WithheldClock : TimeProvider
    {
        public Task Until { get; set; } = Task.CompletedTask;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _ = BeginAsync(timer, dueTime, period);
            return timer;
        }

        private async Task BeginAsync(ITimer timer, TimeSpan dueTime, TimeSpan period)
        {
            await Until;
            timer.Change(dueTime, period);
        }
    }
}
