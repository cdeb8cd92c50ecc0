using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Files;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.TestSupport;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Recovery;

[Takes(seconds: 25)]
public sealed class FilesTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Files_come_back_as_they_were_and_one_with_a_secret_in_it_never_goes()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.TakeBaseAsync(Stop);
        var home = Path.Combine(cluster.Home, "home");
        var founder = "cck_" + Guid.NewGuid().ToString("N") + Guid.NewGuid().ToString("N");
        await WriteAsync(home, "founder.key", founder + "\n");
        await WriteAsync(home, "transcripts/session/runtime.ndjson", "{\"line\":1}\n{\"line\":2}\n");
        File.SetLastWriteTimeUtc(Path.Combine(home, "transcripts/session/runtime.ndjson"), DateTime.UtcNow.AddDays(-2));
        await WriteAsync(home, "agents/fine.yaml", "name: fine\n");
        await WriteAsync(home, "agents/leaky.yaml", $"name: leaky\nenv:\n  KEY: {founder}\n");
        await WriteAsync(home, "state/notes.yaml", "sk-" + "ant-api03-" + new string('a', 30) + "7\n");
        var kept = KeptFiles.Of(home, Path.Combine(home, "agents"), null, [new("CC_HOME", home), new("CC_FOUNDER_KEY", founder), new("CC_LISTEN", "http://127.0.0.1:7400"), new("PATH", "/bin")]);

        await cluster.FilesOf(kept).ExecuteAsync(null, Caller.Host, null, Stop);
        (await cluster.ScalarAsync<string>("select manifest->>'kept_back' from backups where kind = 'files'", Stop))
            .ShouldBe("""[{"line": 3, "path": "agents/leaky.yaml"}, {"line": 1, "path": "state/notes.yaml"}]""");
        (await cluster.ProblemsAsync(Stop)).ShouldContain("files-with-secrets");

        var index = await RepositoryIndex.ReadAsync(cluster.Restic, Stop);
        var copy = RestoreFiles.For(index, index.NewestSystem!, DateTimeOffset.UtcNow).ShouldNotBeNull();
        var back = Path.Combine(cluster.Home, "back");
        (await new RestoreFiles(cluster.Restic).ExecuteAsync(copy, back, Stop)).Files.ShouldBe(3);
        Directory.GetFiles(back, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(back, f)).Order()
            .ShouldBe(["agents/fine.yaml", "inventory.json", "settings.json", "transcripts/session/runtime.ndjson"]);
        (await File.ReadAllTextAsync(Path.Combine(back, "transcripts/session/runtime.ndjson"), Stop)).ShouldBe("{\"line\":1}\n{\"line\":2}\n");
        (await File.ReadAllTextAsync(Path.Combine(back, "settings.json"), Stop)).ShouldNotContain("cck_");
        (await Should.ThrowAsync<RestoreException>(() => new RestoreFiles(cluster.Restic).ExecuteAsync(copy, back, Stop))).Message.ShouldContain("is there already");

        File.Delete(Path.Combine(home, "agents/leaky.yaml"));
        File.Delete(Path.Combine(home, "state/notes.yaml"));
        await cluster.FilesOf(kept).ExecuteAsync(null, Caller.Host, null, Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldNotContain("files-with-secrets");
    }

    private static async Task WriteAsync(string home, string name, string text)
    {
        var path = Path.Combine(home, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllTextAsync(path, text, Stop);
    }
}

/// <summary>Every table is backed up with the cluster; what each is part of is said here, so that none comes in without anybody having thought of it (blueprint 10.2.1).</summary>
public sealed class BackupScopeTests
{
    private static readonly Dictionary<string, string[]> Scopes = new()
    {
        ["entities"] = ["actors", "agents", "capability_sets", "agent_definitions", "definition_agents", "hosts", "api_keys", "sign_in_links"],
        ["tickets"] = ["tickets"],
        ["tasks"] = ["tasks", "task_dependencies", "leases", "checkpoints", "idempotency_keys"],
        ["activities"] = ["events", "event_log_state", "log_positions", "interventions", "audit_entries"],
        ["runtimes"] = ["runtimes", "runtime_controls", "runtime_inputs", "host_samples", "stalls"],
        ["sessions"] = ["sessions"],
        ["escalations"] = ["escalations"],
        ["decisions"] = ["decisions"],
        ["governance"] =
        [
            "admission", "budgets", "budget_changes", "budget_periods", "budget_spending", "budget_overrides", "budget_reservations", "budget_breaches", "budget_breach_tasks",
            "spend_breaker_policies", "spend_breaker_minutes", "spend_breakers", "assignment_policy", "retention_policies", "incident_pins", "rate_limits", "breakers", "catalogue_entries", "deployments",
        ],
        ["costs and telemetry"] =
        [
            "cost_events", "cost_event_ids", "cost_rollup_queue", "cost_rollups", "cost_rollup_proofs", "currency_rates", "invoices", "invoice_lines",
            "gateway_decisions", "shadow_comparisons", "storage_samples",
        ],
        ["scheduler"] = ["jobs", "job_runs", "job_run_lines", "job_leases", "job_effects", "leaderships", "leadership_candidates", "assignments"],
        ["recovery"] = ["backups", "wal_shipments", "repository_checks", "recovery_problems", "recovery_watch", "recovery_hook_calls", "restores", "lost_futures", "restore_drills", "restore_drill_markers"],
    };

    [Fact]
    public async Task Every_table_has_a_scope_and_is_counted_by_the_manifest_and_none_is_left_out_of_the_log()
    {
        await using var cluster = await BackedUpCluster.StartAsync(TestContext.Current.CancellationToken);
        await using var connection = await cluster.Database.OpenConnectionAsync(TestContext.Current.CancellationToken);
        var counted = (await Runtime.Recovery.Backups.DatabaseManifest.CountAsync(connection, TestContext.Current.CancellationToken)).Select(t => t.Table);
        counted.Except(["__EFMigrationsHistory", "marker"]).Order().ShouldBe(Scopes.Values.SelectMany(t => t).Order(), "a new table belongs to a scope of the backup");
        await using var unlogged = new NpgsqlCommand("select count(*) from pg_class where relpersistence <> 'p' and relkind in ('r', 'p')", connection);
        (await unlogged.ExecuteScalarAsync(TestContext.Current.CancellationToken)).ShouldBe(0L, "what is not logged does not come back");
    }
}
