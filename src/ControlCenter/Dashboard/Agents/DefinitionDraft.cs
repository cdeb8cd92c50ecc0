using ControlCenter.Domain.Execution;

namespace ControlCenter.Dashboard.Agents;

/// <summary>A definition while it is being written: lists with commas, arguments and variables one a line.</summary>
public sealed class DefinitionDraft
{
#pragma warning disable CS1591 // Each is the field of the same name of AgentDefinition, as text.
    public string Name { get; set; } = "";

    public string? Description { get; set; }

    public string Adapter { get; set; } = "process";

    public string? Command { get; set; }

    public bool Terminal { get; set; }

    public string? Url { get; set; }

    public string? ModelRoute { get; set; }

    public string? Instructions { get; set; }

    public string? Capabilities { get; set; }

    public string? Tools { get; set; }

    public string? HostLabels { get; set; }

    public int Instances { get; set; } = 1;

    public int Iterations { get; set; } = 50;

    public int ToolCallSeconds { get; set; } = 120;

    public long? Tokens { get; set; }

    public int? WallSeconds { get; set; }

    public int? MemoryMb { get; set; }

    public int CommandSeconds { get; set; } = 1800;

    public int? DiskMb { get; set; }

    public int Depth { get; set; } = 2;

    public int FanOut { get; set; } = 4;

    public string? Environment { get; set; }

    public string WorkspaceKind { get; set; } = "folder";

    public string? Repository { get; set; }

    public string? Ref { get; set; }

    public bool Keep { get; set; }

    public IReadOnlyList<AgentHook> Hooks { get; set; } = [];
#pragma warning restore CS1591

    /// <summary>A definition as it is, to be changed.</summary>
    public static DefinitionDraft Of(AgentDefinition d) => new()
    {
        Name = d.Name, Description = d.Description, Adapter = d.Adapter, Command = Lines(d.Command), Terminal = d.Terminal, Url = d.Url, ModelRoute = d.ModelRoute, Instructions = d.Instructions,
        Capabilities = string.Join(", ", d.Capabilities), Tools = string.Join(", ", d.Tools), HostLabels = string.Join(", ", d.HostLabels), Instances = d.Instances,
        Iterations = d.Limits.Iterations, ToolCallSeconds = d.Limits.ToolCallSeconds, Tokens = d.Limits.Tokens, WallSeconds = d.Limits.WallSeconds, MemoryMb = d.Limits.MemoryMb,
        Depth = d.Limits.Depth, FanOut = d.Limits.FanOut, CommandSeconds = d.Limits.CommandSeconds, DiskMb = d.Limits.DiskMb, Environment = Lines(d.Environment.Select(v => $"{v.Key}={v.Value}")), WorkspaceKind = d.Workspace.Kind,
        Repository = d.Workspace.Repository, Ref = d.Workspace.Ref, Keep = d.Workspace.Keep, Hooks = d.Hooks,
    };

    /// <summary>The definition that it makes. What is wrong with it is told when it is saved.</summary>
    public AgentDefinition ToDefinition() => new()
    {
        Name = Name.Trim(), Description = Text(Description), Adapter = Adapter, Command = ListOf(Command, '\n'), Terminal = Terminal && Adapter == "process", Url = Text(Url), ModelRoute = Text(ModelRoute),
        Instructions = Text(Instructions), Capabilities = ListOf(Capabilities, ','), Tools = ListOf(Tools, ','), HostLabels = ListOf(HostLabels, ','), Instances = Instances,
        Limits = new AgentLimits(Iterations, ToolCallSeconds, Tokens, WallSeconds, MemoryMb, Depth, FanOut, CommandSeconds, DiskMb), Environment = Variables(),
        Workspace = new WorkspaceDefinition(WorkspaceKind, Text(Repository), Text(Ref), Keep), Hooks = Hooks,
    };

    private static string Lines(IEnumerable<string> items) => string.Join('\n', items);

    private static string? Text(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    private static string[] ListOf(string? text, char separator) => text?.Split(separator, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];

    // A line without a value keeps its name, so that the refusal names it; of two of the same name the later one counts.
    private Dictionary<string, string> Variables()
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in ListOf(Environment, '\n'))
        {
            var at = line.IndexOf('=', StringComparison.Ordinal);
            variables[at < 0 ? line : line[..at].TrimEnd()] = at < 0 ? "" : line[(at + 1)..].TrimStart();
        }

        return variables;
    }
}
