using System.Diagnostics;
using ControlCenter.Runtime.Storage.Embedded;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlCenter.Tests.Recovery;

/// <summary>A restored cluster takes the running one's place: real clusters, a real host, and kill -9.</summary>
public sealed class KilledSwapTests : IDisposable
{
    private const string Aside = "postgres-before-20260330T143000Z";

    // It is killed within a millisecond of the first rename; where the test itself was held up for longer, once more.
    private const int MostTries = 20;

    private readonly string _home = Directory.CreateTempSubdirectory("cc-killed-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Here => Path.Combine(_home, "postgres");

    private string Restored => Path.Combine(_home, "recovery", "restores", "1", "postgres");

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public async Task A_host_that_is_killed_between_the_two_renames_goes_on_with_the_restored_cluster_and_keeps_the_one_of_before()
    {
        File.SetUnixFileMode(_home, (UnixFileMode)0b111_101_101);
        await MakeAsync(_home, "before");
        await MakeAsync(Path.GetDirectoryName(Restored)!, "restored");

        var tries = 0;
        while (!await IsKilledBetweenAsync())
        {
            (++tries).ShouldBeLessThan(MostTries, "it was never killed between them");
        }

        Directory.Exists(Here).ShouldBeFalse();
        await using var next = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(_home), NullLogger.Instance, TimeProvider.System, Stop);
        (await WhichAsync(next)).ShouldBe("restored");
        ClusterSwap.IsPending(_home).ShouldBeFalse();
        ClusterSwap.Outcome(_home).ShouldNotBeNull().Problem.ShouldBeNull();
        File.Exists(Path.Combine(_home, Aside, "data", "PG_VERSION")).ShouldBeTrue();
    }

    private async Task<bool> IsKilledBetweenAsync()
    {
        await ClusterSwap.RequestAsync(_home, new SwapRequest(null, Restored, Aside, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch), null, Stop);
        var info = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "ControlCenter.dll")])
        {
            UseShellExecute = false,
            Environment = { ["CC_HOME"] = _home, ["CC_LISTEN"] = "http://127.0.0.1:0", ["CC_LOCAL_RUNNER"] = "off", ["CC_LOG"] = "error", ["CC_DATABASE"] = null },
        };
        using var host = Process.Start(info)!;
        await Task.Run(() => SpinWait.SpinUntil(() => Directory.Exists(Path.Combine(_home, Aside)) || host.HasExited), Stop);
        host.Kill();
        await host.WaitForExitAsync(Stop);
        Directory.Exists(Path.Combine(_home, Aside)).ShouldBeTrue("it ended before it had begun");
        if (!Directory.Exists(Here))
        {
            return true;
        }

        // Both were done: back to how it was, for the next try.
        Directory.Move(Here, Restored);
        Directory.Move(Path.Combine(_home, Aside), Here);
        return false;
    }

    private static async Task MakeAsync(string home, string which)
    {
        await using var cluster = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(home), NullLogger.Instance, TimeProvider.System, Stop);
        await using var database = NpgsqlDataSource.Create(cluster.ConnectionString);
        await using var command = database.CreateCommand($"create table which as select '{which}'::text as name");
        await command.ExecuteNonQueryAsync(Stop);
    }

    private static async Task<string> WhichAsync(EmbeddedPostgres cluster)
    {
        await using var database = NpgsqlDataSource.Create(cluster.ConnectionString);
        await using var command = database.CreateCommand("select name from which");
        return (string)(await command.ExecuteScalarAsync(Stop))!;
    }
}
