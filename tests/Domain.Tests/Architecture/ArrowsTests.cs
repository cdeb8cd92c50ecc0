using System.Text.RegularExpressions;
using ControlCenter.Domain.Work;

namespace ControlCenter.Domain.Tests.Architecture;

/// <summary>The arrows of the house run one way (design.md, "The house").</summary>
public sealed partial class ArrowsTests
{
    private static readonly string Root = FindRoot();

    /// <summary>What every capability may use: the shared kernel.</summary>
    private static readonly string[] Kernel = ["Commands", "EventLog", "Hosting", "Queries", "Storage"];

    /// <summary>Arrows between capabilities, each with its reason.</summary>
    private static readonly Dictionary<(string From, string To), string> Allowed = new()
    {
        [("Agents", "Access")] = "registering an agent makes an actor and its key in the same transaction",
        [("Agents", "Governance")] = "a heartbeat's answer says what is admitted",
        [("Agents", "Work")] = "a heartbeat renews leases in the same transaction",
        [("Escalations", "Access")] = "a decision is audited in the same transaction",
        [("Escalations", "Work")] = "asking under a lease parks its task in the same transaction",
        [("Governance", "Access")] = "a change of admission is audited in the same transaction",
        [("Health", "Governance")] = "admission is part of health",
        [("Work", "Governance")] = "work is only handed out while execution is admitted",
    };

    private static readonly Dictionary<string, string> Owners = new()
    {
        ["events"] = "EventLog", ["log_positions"] = "EventLog", ["event_log_state"] = "EventLog",
        ["tickets"] = "Work", ["tasks"] = "Work", ["task_dependencies"] = "Work", ["leases"] = "Work", ["checkpoints"] = "Work", ["capability_sets"] = "Work",
        ["agents"] = "Agents", ["interventions"] = "Agents",
        ["escalations"] = "Escalations", ["decisions"] = "Escalations",
        ["actors"] = "Access", ["api_keys"] = "Access", ["audit_entries"] = "Access", ["sign_in_links"] = "Access",
        ["idempotency_keys"] = "Commands", ["admission"] = "Governance",
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
    }

    [Fact]
    public void Every_project_of_the_house_is_where_the_design_says() =>
        new[] { "src/Domain/Domain.csproj", "src/Runtime/Runtime.csproj", "src/ControlCenter/ControlCenter.csproj", "run", "test", "compose.yaml", "README.md" }
            .ShouldAllBe(p => File.Exists(Path.Combine(Root, p)));

    private static IEnumerable<string> ForeignWrites(string text, string capability) =>
        Writes().Matches(text).Select(m => m.Groups["table"].Value).Where(t => Owners.TryGetValue(t, out var owner) && owner != capability);

    private static IEnumerable<string> CapabilitiesUsedBy(string text) =>
        Usings().Matches(text).Select(m => Regex.Match(m.Value, @"ControlCenter\.Runtime\.(\w+)").Groups[1].Value).Where(c => c.Length > 0).Distinct();

    private static string CapabilityOf(string path)
    {
        var parts = path.Split('/');
        var index = Array.IndexOf(parts, "Runtime");
        return parts.Length > index + 2 ? parts[index + 1] : "";
    }

    private static IEnumerable<(string Path, string Text)> Sources(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Where(p => !p.Contains("/obj/", StringComparison.Ordinal) && !p.Contains("/bin/", StringComparison.Ordinal))
            .Select(p => (p, File.ReadAllText(p)));

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

    [GeneratedRegex(@"(insert\s+into|update|delete\s+from)\s+(?<table>[a-z_]+)(?=[\s(])", RegexOptions.ExplicitCapture)]
    private static partial Regex Writes();
}
