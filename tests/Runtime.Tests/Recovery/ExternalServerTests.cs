using System.Diagnostics;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Storage.Embedded;
using ControlCenter.TestSupport;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>A PostgreSQL that is not ours (<c>CC_DATABASE</c>): settings in another folder, as Debian keeps them, and a user of ours who may replicate and is no superuser.</summary>
[Takes(seconds: 25)]
public sealed class ExternalServerTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_database_of_another_server_is_backed_up_and_restored_as_one_that_a_host_starts_on()
    {
        var home = Directory.CreateTempSubdirectory("cc-external-").FullName;
        File.SetUnixFileMode(home, (UnixFileMode)0b111_101_101);
        var server = await ExternalServer.StartAsync(home, Stop);
        await using var cluster = await BackedUpCluster.StartAsync(home, server, server.ConnectionString, null, Stop);
        await cluster.MarkAsync("before the base", Stop);
        await cluster.TakeBaseAsync(Stop);
        var between = await cluster.MarkAsync("first", Stop);
        await cluster.MarkAsync("second", Stop);
        await cluster.Dump.ExecuteAsync(null, Caller.Host, null, Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldBeEmpty();

        var plan = RestorePlan.Of(await RepositoryIndex.ReadAsync(cluster.Restic, Stop), between);
        var folder = Path.Combine(home, "restored");
        var restored = await cluster.Restore.ExecuteAsync(plan, folder, null, null, Stop);
        restored.Damage.ShouldBe("");
        DrillRules.Compare(restored.Manifest.Tables, restored.Tables).Where(t => t.Table != "marker").ShouldAllBe(t => t.Found != null);
        await using var own = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(folder), NullLogger.Instance, TimeProvider.System, Stop);
        await using var connection = new NpgsqlConnection(own.ConnectionString + ";Pooling=false");
        await connection.OpenAsync(Stop);
        await using var markers = new NpgsqlCommand("select array_agg(name order by at) from marker", connection);
        ((string[])(await markers.ExecuteScalarAsync(Stop))!).ShouldBe(["before the base", "first"]);
    }

    private sealed class ExternalServer(Process process, string connectionString) : IAsyncDisposable
    {
        public string ConnectionString { get; } = connectionString;

        public static async Task<ExternalServer> StartAsync(string home, CancellationToken cancellationToken)
        {
            var binaries = await ServerBinaries.FindAsync(null, cancellationToken);
            var owner = Environment.IsPrivilegedProcess ? "postgres" : null;
            var (data, etc, run) = (Path.Combine(home, "data"), Path.Combine(home, "etc"), Path.Combine(home, "run"));
            foreach (var folder in new[] { data, etc, run })
            {
                Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                await RunAsync("/bin/chown", [owner is null ? Environment.UserName : owner, folder], null, cancellationToken);
            }

            await RunAsync(binaries.PathOf("initdb"), ["--pgdata", data, "--username", "dba", "--auth", "trust", "--locale", "C.UTF-8", "--encoding", "UTF8", "--no-sync"], owner, cancellationToken);
            foreach (var file in new[] { "postgresql.conf", "pg_hba.conf", "pg_ident.conf" })
            {
                File.Move(Path.Combine(data, file), Path.Combine(etc, file));
            }

            var info = ServerCommand.StartInfo(
                binaries.PathOf("postgres"),
                [
                    "-D", data, "-c", $"config_file={etc}/postgresql.conf", "-c", $"hba_file={etc}/pg_hba.conf", "-c", $"ident_file={etc}/pg_ident.conf", "-c", "listen_addresses=",
                    "-c", $"unix_socket_directories={run}", "-c", "max_connections=140", "-c", "max_slot_wal_keep_size=1GB", "-c", "logging_collector=off",
                ],
                owner);
            info.RedirectStandardError = true;
            var process = Process.Start(info)!;
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            var dba = new NpgsqlConnectionStringBuilder { Host = run, Username = "dba", Database = "postgres", Pooling = false };
            await BackedUpCluster.UntilAsync(() => AnswersAsync(dba.ConnectionString, cancellationToken), cancellationToken);
            await using var connection = new NpgsqlConnection(dba.ConnectionString);
            await connection.OpenAsync(cancellationToken);
            foreach (var sql in new[] { "create role cc_app login replication", "create database cc_data owner cc_app" })
            {
                await using var command = new NpgsqlCommand(sql, connection);
                await command.ExecuteNonQueryAsync(cancellationToken);
            }

            return new ExternalServer(process, new NpgsqlConnectionStringBuilder { Host = run, Username = "cc_app", Database = "cc_data" }.ConnectionString);
        }

        public async ValueTask DisposeAsync()
        {
            await ServerProcesses.SignalAsync(process.Id, "INT", CancellationToken.None);
            await process.WaitForExitAsync();
            process.Dispose();
        }

        private static async Task RunAsync(string program, string[] arguments, string? owner, CancellationToken cancellationToken) =>
            (await ServerCommand.RunAsync(program, arguments, owner, cancellationToken)).ShouldSatisfyAllConditions(r => r.ExitCode.ShouldBe(0, r.Error));

        private static async Task<bool> AnswersAsync(string connectionString, CancellationToken cancellationToken)
        {
            try
            {
                await using var connection = new NpgsqlConnection(connectionString);
                await connection.OpenAsync(cancellationToken);
                return true;
            }
            catch (NpgsqlException)
            {
                return false;
            }
        }
    }
}
