using System.Text.RegularExpressions;
using System.Xml.Linq;
using ControlCenter.Domain.Work;

namespace ControlCenter.Domain.Tests.Architecture;

/// <summary>The arrows of the house run one way (design.md, "The house").</summary>
public sealed partial class ArrowsTests
{
    internal static readonly string Root = FindRoot();

    private static readonly string[] Capabilities = [.. Directory.EnumerateDirectories(Path.Combine(Root, "src/Runtime")).Select(p => Path.GetFileName(p)).Where(name => name is not ("bin" or "obj"))];

    /// <summary>What every capability may use: the shared kernel.</summary>
    private static readonly string[] Kernel = ["Commands", "EventLog", "Hosting", "Queries", "Storage"];

    /// <summary>Arrows between capabilities, each with its reason.</summary>
    private static readonly Dictionary<(string From, string To), string> Allowed = new()
    {
        [("Agents", "Access")] = "registering an agent makes an actor and its key in the same transaction",
        [("Agents", "Governance")] = "a heartbeat's answer says what is admitted",
        [("Agents", "Work")] = "a heartbeat renews leases in the same transaction",
        [("Costs", "Governance")] = "a cost is charged to its budgets in the transaction that records it",
        [("Escalations", "Access")] = "a decision is audited in the same transaction",
        [("Escalations", "Governance")] = "a budget that is used up is asked about, and a decision raises it in the same transaction",
        [("Escalations", "Work")] = "asking under a lease parks its task in the same transaction",
        [("Execution", "Access")] = "a runtime's key is made with its start, and dead with its end, in one transaction",
        [("Execution", "Agents")] = "what a host sees of a runtime is its agent's heartbeat",
        [("Execution", "Governance")] = "no slot is granted while execution is not admitted, or its budget is used up",
        [("Execution", "Hosts")] = "a host's report tells of itself and of what runs there, in one transaction",
        [("Execution", "Runner")] = "which tools were called is read out of a transcript by the adapter that read it when it was said",
        [("Execution", "Work")] = "a task is leased with the start of its runtime and taken back with its end, in one transaction",
        [("Governance", "Access")] = "a change of admission is audited in the same transaction",
        [("Governance", "Costs")] = "a call is settled and its cost recorded in one transaction",
        [("Health", "Governance")] = "admission is part of health",
        [("Hosts", "Access")] = "letting a host in makes its actor and key in the same transaction",
        [("Hosts", "Execution")] = "a host reports its load in the words of the runners' protocol",
        [("Jobs", "Access")] = "a change of when jobs run, and what is asked of them, is audited in the same transaction",
        [("Models", "Access")] = "a change of what can be called is audited in the same transaction",
        [("Models", "Agents")] = "an agent that was paused or stopped spends nothing, from the moment on which that is said",
        [("Models", "Costs")] = "a call is attributed before it is made",
        [("Models", "Governance")] = "a call's worst case is set aside before it is made, and settled after it",
        [("Orchestration", "Access")] = "a change of how much may be under way is audited in the same transaction",
        [("Orchestration", "Execution")] = "an agent is asked for in the transaction that says why",
        [("Orchestration", "Governance")] = "what a budget withholds, and while nothing is admitted, is not assigned",
        [("Orchestration", "Models")] = "an agent whose models cannot be reached is not started",
        [("Runner", "Execution")] = "a runner speaks the protocol of what it runs",
        [("Recovery", "Access")] = "who has the database restored, and has it take the running one's place, is audited in the same transaction, as the root cause of a drill that failed is",
        [("Recovery", "Health")] = "what is wrong with the backups is part of health",
        [("Recovery", "Jobs")] = "backups are taken by jobs",
        [("Recovery", "Runner")] = "a copy is held still, while others need the machine, by the signals by which an agent is",
        [("Work", "Governance")] = "work is only handed out while execution is admitted",
    };

    private static readonly Dictionary<string, string> Owners = new()
    {
        ["events"] = "EventLog", ["log_positions"] = "EventLog", ["event_log_state"] = "EventLog",
        ["tickets"] = "Work", ["tasks"] = "Work", ["task_dependencies"] = "Work", ["leases"] = "Work", ["checkpoints"] = "Work", ["capability_sets"] = "Work",
        ["agents"] = "Agents", ["interventions"] = "Agents",
        ["escalations"] = "Escalations", ["decisions"] = "Escalations",
        ["actors"] = "Access", ["api_keys"] = "Access", ["audit_entries"] = "Access", ["sign_in_links"] = "Access",
        ["cost_events"] = "Costs", ["cost_event_ids"] = "Costs", ["cost_rollup_queue"] = "Costs", ["cost_rollups"] = "Costs", ["cost_rollup_proofs"] = "Costs",
        ["currency_rates"] = "Costs", ["invoices"] = "Costs", ["invoice_lines"] = "Costs",
        ["budgets"] = "Governance", ["budget_changes"] = "Governance", ["budget_periods"] = "Governance", ["budget_spending"] = "Governance",
        ["budget_overrides"] = "Governance", ["budget_reservations"] = "Governance", ["budget_breaches"] = "Governance", ["budget_breach_tasks"] = "Governance",
        ["spend_breaker_policies"] = "Governance", ["spend_breaker_minutes"] = "Governance", ["spend_breakers"] = "Governance",
        ["deployments"] = "Hosting", ["idempotency_keys"] = "Commands", ["admission"] = "Governance", ["rate_limits"] = "Limits",
        ["hosts"] = "Hosts", ["host_samples"] = "Hosts",
        ["agent_definitions"] = "Execution", ["definition_agents"] = "Execution", ["sessions"] = "Execution", ["runtimes"] = "Execution", ["runtime_controls"] = "Execution", ["runtime_inputs"] = "Execution",
        ["leaderships"] = "Orchestration", ["leadership_candidates"] = "Orchestration", ["assignments"] = "Orchestration",
        ["backups"] = "Recovery", ["wal_shipments"] = "Recovery", ["repository_checks"] = "Recovery", ["restores"] = "Recovery", ["lost_futures"] = "EventLog",
        ["restore_drills"] = "Recovery", ["restore_drill_markers"] = "Recovery",
        ["recovery_hook_calls"] = "Recovery", ["recovery_problems"] = "Recovery", ["recovery_watch"] = "Recovery", ["storage_samples"] = "Recovery",
        ["assignment_policy"] = "Orchestration", ["stalls"] = "Orchestration",
        ["jobs"] = "Jobs", ["job_runs"] = "Jobs", ["job_run_lines"] = "Jobs", ["job_leases"] = "Jobs", ["job_effects"] = "Jobs", ["retention_policies"] = "Jobs", ["incident_pins"] = "Jobs",
        ["catalogue_entries"] = "Models", ["breakers"] = "Models", ["gateway_decisions"] = "Models", ["shadow_comparisons"] = "Models",
    };

    [Fact]
    public void Domain_needs_nothing_but_the_base_library() =>
        typeof(TaskState).Assembly.GetReferencedAssemblies().ShouldAllBe(a => a.Name!.StartsWith("System", StringComparison.Ordinal));

    [Fact]
    public void Runtime_does_not_know_how_it_is_reached() =>
        Sources("src/Runtime").ShouldAllBe(f => !Usings().Matches(f.Text).Any(m => Regex.IsMatch(m.Value, @"using (static )?ControlCenter\.(?!Domain|Runtime)")));

    [Fact]
    public void Capabilities_use_each_other_only_where_a_reason_is_written_down()
    {
        var found = Sources("src/Runtime").SelectMany(f => CapabilitiesUsedBy(f.Text).Select(to => (From: CapabilityOf(f.Path), To: to)))
            .Where(arrow => arrow.From.Length > 0 && arrow.From != arrow.To && !Kernel.Contains(arrow.To)).Distinct().ToList();
        found.Where(arrow => !Kernel.Contains(arrow.From) && !Allowed.ContainsKey(arrow)).ShouldBeEmpty();
        found.Where(arrow => Kernel.Contains(arrow.From) && !Kernel.Contains(arrow.To)).ShouldBeEmpty();
        Allowed.Keys.ShouldAllBe(arrow => found.Contains(arrow), "an arrow that is no longer there is no longer to be allowed");
    }

    [Fact]
    public void No_capability_writes_into_another_ones_tables() =>
        Sources("src/Runtime").Where(f => CapabilityOf(f.Path).Length > 0 && !f.Path.Contains("/Migrations/", StringComparison.Ordinal))
            .SelectMany(f => ForeignWrites(f.Text, CapabilityOf(f.Path)).Select(table => $"{f.Path} writes {table}")).ShouldBeEmpty();

    [Fact]
    public void The_scan_for_foreign_writes_finds_one()
    {
        ForeignWrites("update tasks t set state = 'x'", "Agents").ShouldBe(["tasks"]);
        ForeignWrites("insert into events (seq)", "Work").ShouldBe(["events"]);
        ForeignWrites("delete from leases using x", "Escalations").ShouldBe(["leases"]);
        ForeignWrites("select 1 from tasks for update", "Agents").ShouldBeEmpty();
        ForeignWrites("update tasks set x = 1", "Work").ShouldBeEmpty();
        ForeignWrites("UPDATE ONLY public.\"tasks\" SET x = 1", "Agents").ShouldBe(["tasks"]);
        ForeignWrites("merge into leases l using x on true", "Agents").ShouldBe(["leases"]);
        ForeignWrites("truncate table decisions", "Work").ShouldBe(["decisions"]);
        ForeignWrites("copy events (seq, at) from stdin (format binary)", "Work").ShouldBe(["events"]);
        ForeignWrites("copy events to stdout", "Work").ShouldBeEmpty();
        ForeignWrites("select 1 from leases for update of leases", "Work").ShouldBeEmpty();
        ForeignWrites("on conflict (id) do update set x = 1", "Work").ShouldBeEmpty();
        ForeignWrites("// whoever may update tasks is said elsewhere", "Agents").ShouldBeEmpty();
    }

    [Theory]
    [InlineData("using ControlCenter.Runtime.Work;")]
    [InlineData("global using static ControlCenter.Runtime.Work.ClaimTask;")]
    [InlineData("using Claim = ControlCenter.Runtime.Work.ClaimTask;")]
    [InlineData("    Work.ClaimTask claim,")]
    [InlineData("    new global::ControlCenter.Runtime.Work.ClaimTask()")]
    [InlineData("    typeof(Runtime.Work.ClaimTask)")]
    public void The_scan_for_arrows_finds_one_however_it_is_written(string line) => CapabilitiesUsedBy(line).ShouldBe(["Work"]);

    [Theory]
    [InlineData("namespace ControlCenter.Runtime.Work;")]
    [InlineData("using ControlCenter.Domain.Work;")]
    [InlineData("/// <see cref=\"Work.ClaimTask\"/>")]
    [InlineData("    var name = request.Work.Name;")]
    [InlineData("    Domain.Work.Priority.Default")]
    [InlineData("    \"Work.Name\"")]
    public void The_scan_for_arrows_finds_none_where_there_is_none(string line) => CapabilitiesUsedBy(line).ShouldBeEmpty();

    [Fact]
    public void The_scans_see_the_house()
    {
        Sources("src/Domain").Count().ShouldBeGreaterThan(20);
        Sources("src/Runtime").Select(f => CapabilityOf(f.Path)).Distinct().ShouldBe(["", .. Capabilities], ignoreOrder: true);
    }

    [Fact]
    public void Every_table_has_an_owner()
    {
        var tables = Sources("src/Runtime").Where(f => f.Path.Contains("/Migrations/", StringComparison.Ordinal))
            .SelectMany(f => Tables().Matches(f.Text)).Select(m => m.Groups["table"].Value).Distinct().ToList();
        tables.ShouldBe(Owners.Keys, ignoreOrder: true);
        Owners.Values.Distinct().ShouldBeSubsetOf(Capabilities);
    }

    [Fact]
    public void Domain_reads_no_clock_of_its_own_and_does_no_input_or_output() =>
        Sources("src/Domain").SelectMany(f => Impure().Matches(WithoutComments(f.Text)).Select(m => $"{f.Path}: {m.Value}")).ShouldBeEmpty();

    [Theory]
    [InlineData("var now = DateTimeOffset.UtcNow;")]
    [InlineData("TimeProvider.System.GetUtcNow()")]
    [InlineData("File.ReadAllText(path)")]
    [InlineData("Environment.GetEnvironmentVariable(name)")]
    [InlineData("new HttpClient()")]
    [InlineData("await Task.Delay(1)")]
    public void The_scan_for_what_domain_may_not_do_finds_it(string line) => Impure().IsMatch(line).ShouldBeTrue();

    [Fact]
    public void Projects_refer_to_each_other_one_way_and_domain_to_no_package()
    {
        References("src/Domain/Domain.csproj").ShouldBeEmpty();
        References("src/Runtime/Runtime.csproj").Where(r => r.EndsWith(".csproj", StringComparison.Ordinal)).ShouldBe(["../Domain/Domain.csproj"]);
        References("src/ControlCenter/ControlCenter.csproj").Where(r => r.EndsWith(".csproj", StringComparison.Ordinal)).ShouldBeSubsetOf(["../Domain/Domain.csproj", "../Runtime/Runtime.csproj"]);
    }

    [Fact]
    public void Every_project_of_the_house_is_where_the_design_says() =>
        new[] { "src/Domain/Domain.csproj", "src/Runtime/Runtime.csproj", "src/ControlCenter/ControlCenter.csproj", "run", "test", "compose.yaml", "README.md" }
            .ShouldAllBe(p => File.Exists(Path.Combine(Root, p)));

    private static IEnumerable<string> ForeignWrites(string text, string capability) =>
        Writes().Matches(WithoutComments(text)).Select(m => m.Groups["table"].Value.ToLowerInvariant())
            .Where(t => Owners.TryGetValue(t, out var owner) && owner != capability);

    // Within ControlCenter.Runtime.X, a plain "Work.ClaimTask" reaches the neighbour without any using.
    private static IEnumerable<string> CapabilitiesUsedBy(string text) =>
        Reaches().Matches(WithoutComments(text)).Select(m => m.Groups["capability"].Value).Where(Capabilities.Contains).Distinct();

    private static string WithoutComments(string text) => Comments().Replace(text, "");

    // "src/Runtime/Work/ClaimTask.cs" → "Work"; "" for what lies in src/Runtime itself.
    private static string CapabilityOf(string path) => path.Split('/') is [_, _, var capability, _, ..] ? capability : "";

    // Paths from the root of the house: where somebody has cloned it must not decide what is scanned.
    private static IEnumerable<(string Path, string Text)> Sources(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Select(p => (Path: Path.GetRelativePath(Root, p), Full: p))
            .Where(p => !p.Path.Contains("/obj/", StringComparison.Ordinal) && !p.Path.Contains("/bin/", StringComparison.Ordinal))
            .Select(p => (p.Path, File.ReadAllText(p.Full)));

    private static IEnumerable<string> References(string project) =>
        XDocument.Load(Path.Combine(Root, project)).Descendants().Where(e => e.Name.LocalName is "PackageReference" or "ProjectReference" or "Reference")
            .Select(e => e.Attribute("Include")!.Value);

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "ControlCenter.sln")))
        {
            folder = folder.Parent!;
        }

        return folder.FullName;
    }

    [GeneratedRegex(@"^using [^;]+;", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Usings();

    [GeneratedRegex(
        """(?<!\bfor\s+)\b(insert\s+into|update|delete\s+from|merge\s+into|truncate(\s+table)?|copy(?=[^;]*?\bfrom\s+stdin))\s+(only\s+)?(public\.)?"?(?<table>[a-z_]+)\b""",
        RegexOptions.ExplicitCapture | RegexOptions.IgnoreCase)]
    private static partial Regex Writes();

    [GeneratedRegex("""(?<![\w."])(?<!namespace )(global::)?(ControlCenter\.)?(Runtime\.)?(?<capability>[A-Z]\w+)(?=[.;])""", RegexOptions.ExplicitCapture)]
    private static partial Regex Reaches();

    [GeneratedRegex(@"(?<=^|\s)//.*$", RegexOptions.Multiline)]
    private static partial Regex Comments();

    [GeneratedRegex("""(\bcreate table (if not exists )?(?<table>[a-z_]+) \(|ToTable\("(?<table>[a-z_]+)")""", RegexOptions.ExplicitCapture)]
    private static partial Regex Tables();

    [GeneratedRegex(
        @"\b(DateTime(Offset)?\.(UtcNow|Now|Today)|TimeProvider\.System|Stopwatch|Environment\.|File\.|Directory\.|FileStream|Console\.|HttpClient|Socket|Process\.|Thread\.|Task\.(Delay|Run)|Random\.Shared)",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Impure();
}
