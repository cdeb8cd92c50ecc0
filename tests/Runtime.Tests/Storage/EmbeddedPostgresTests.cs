using System.Diagnostics;
using ControlCenter.Runtime.Storage.Embedded;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Storage;

public sealed class EmbeddedPostgresTests : IDisposable
{
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
            await Eventually(async () => await AskAsync(second, "select count(*)::text from kept") == "2");
            second.ProcessId.ShouldNotBe(pid);
            pid = second.ProcessId;
        }

        Directory.Exists($"/proc/{pid}").ShouldBeFalse();
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

    private static async Task KillAsync(int pid)
    {
        using var kill = Process.Start("/bin/kill", ["-9", pid.ToString()]);
        await kill.WaitForExitAsync(Stop);
    }

    private static async Task Eventually(Func<Task<bool>> condition)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        patience.CancelAfter(TimeSpan.FromSeconds(30));
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
}
