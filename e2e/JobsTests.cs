using System.Net;
using ControlCenter.TestSupport;
using Npgsql;

namespace ControlCenter.E2E;

/// <summary>A cluster of two hosts, as processes.</summary>
public sealed class JobsTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_host_that_is_killed_in_the_middle_of_a_run_is_taken_over_by_the_other_with_the_next_token()
    {
        var database = await TestCluster.CreateDatabaseAsync(Stop);
        await using var one = new HostProcess(database: database);
        await using var two = new HostProcess(database: database);
        await one.StartAsync(Stop);
        await two.StartAsync(Stop);

        // The run stands still in the middle of its work for as long as somebody else has the table.
        await using var holder = new NpgsqlConnection(database);
        await holder.OpenAsync(Stop);
        await using var held = await holder.BeginTransactionAsync(Stop);
        await using (var take = new NpgsqlCommand("set local idle_in_transaction_session_timeout = 0; lock table checkpoints in access exclusive mode", holder, held))
        {
            await take.ExecuteNonQueryAsync(Stop);
        }

        await UntilAsync(one, async () => (await one.Founder.PostAsync("jobs/trim-history/run", new { dry_run = true }, Stop)).Status == HttpStatusCode.Accepted);
        var running = await UntilRunAsync(one, r => r["state"]!.ToString() == "running");
        var lost = running["run_id"]!.ToString();
        var (killed, left) = running["holder"]!.ToString().EndsWith($":{one.ProcessId}", StringComparison.Ordinal) ? (one, two) : (two, one);

        await killed.KillAsync();
        await held.RollbackAsync(Stop);
        await using (var end = new NpgsqlCommand("update job_leases set expires_at = clock_timestamp() where run_id is not null", holder))
        {
            (await end.ExecuteNonQueryAsync(Stop)).ShouldBe(1, "its lease is still in force");
        }

        var taken = await UntilRunAsync(left, r => r["state"]!.ToString() == "succeeded");
        taken["attempt"]!.GetValue<int>().ShouldBe(2);
        taken["root_id"]!.ToString().ShouldBe(lost);
        taken["fencing_token"]!.GetValue<long>().ShouldBe(running["fencing_token"]!.GetValue<long>() + 1);
        var first = (await left.Founder.GetAsync($"jobs/trim-history/runs/{lost}", Stop)).Body!["run"]!;
        (first["state"]!.ToString(), first["was_lost"]!.GetValue<bool>()).ShouldBe(("failed", true));
    }

    private static async Task<System.Text.Json.Nodes.JsonNode> UntilRunAsync(HostProcess host, Predicate<System.Text.Json.Nodes.JsonNode> fits)
    {
        System.Text.Json.Nodes.JsonNode? found = null;
        await UntilAsync(host, async () =>
        {
            found = (await host.Founder.GetAsync("jobs/trim-history/runs?limit=1", Stop)).Body?["items"]?.AsArray().FirstOrDefault(r => fits(r!));
            return found is not null;
        });
        return found!;
    }

    private static async Task UntilAsync(HostProcess host, Func<Task<bool>> isSo)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        patience.CancelAfter(TimeSpan.FromMinutes(2));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (!await isSo())
        {
            host.IsRunning.ShouldBeTrue(host.Output);
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }
}
