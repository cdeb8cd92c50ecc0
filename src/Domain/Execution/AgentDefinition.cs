namespace ControlCenter.Domain.Execution;

/// <summary>What an agent is made of: how it is started, what it may do, and within which limits (AR-01). A file under <c>agents/</c>, or made on the page.</summary>
public sealed record AgentDefinition
{
    /// <summary>Unique; also the name of its first agent. 1 to 100 of <c>a-z 0-9 . _ -</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What it is for, in words.</summary>
    public string? Description { get; init; }

    /// <summary>Which execution adapter starts it: <c>process</c>, <c>claude-code</c>, <c>codex</c>, <c>http</c>, <c>model</c>.</summary>
    public required string Adapter { get; init; }

    /// <summary>Program and arguments. Needed by <c>process</c>; for a command-line agent it replaces the program's own name.</summary>
    public IReadOnlyList<string> Command { get; init; } = [];

    /// <summary>Its program is run in a terminal (<c>process</c> only), so that it can be worked with at a keyboard as in a shell.</summary>
    public bool Terminal { get; init; }

    /// <summary>Where a remote agent is called (<c>http</c>).</summary>
    public string? Url { get; init; }

    /// <summary>The model route that its calls take; null for the default one.</summary>
    public string? ModelRoute { get; init; }

    /// <summary>What it is told before its task.</summary>
    public string? Instructions { get; init; }

    /// <summary>What it can do.</summary>
    public IReadOnlyList<string> Capabilities { get; init; } = [];

    /// <summary>Which tools it may use; empty for the adapter's own.</summary>
    public IReadOnlyList<string> Tools { get; init; } = [];

    /// <summary>Which labels a host must have.</summary>
    public IReadOnlyList<string> HostLabels { get; init; } = [];

    /// <summary>How many of it may run at once: 1 to 100.</summary>
    public int Instances { get; init; } = 1;

    /// <summary>Its limits.</summary>
    public AgentLimits Limits { get; init; } = new();

    /// <summary>Environment: a name of a variable, and where its value is taken from on the host that runs it (<c>env:NAME</c>, <c>file:/path</c>) or, prefixed <c>value:</c>, the value itself.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Where it works.</summary>
    public WorkspaceDefinition Workspace { get; init; } = new();

    /// <summary>What its host runs around it.</summary>
    public IReadOnlyList<AgentHook> Hooks { get; init; } = [];

    /// <summary>As it is shown to those who may not write it: a value that stands in it may be a secret that somebody pasted.</summary>
    public AgentDefinition WithoutValues() => this with
    {
        Environment = (from variable in Environment
                       select KeyValuePair.Create(variable.Key, variable.Value.StartsWith("value:", StringComparison.Ordinal) ? "value:[hidden]" : variable.Value)).ToDictionary(),
    };
}

/// <summary>What one runtime may use.</summary>
/// <param name="Iterations">Turns of its loop; 1 to 10,000.</param>
/// <param name="ToolCallSeconds">One tool call; 1 to 86,400 s.</param>
/// <param name="Tokens">Tokens in and out, of it and what it spawns; null for no limit.</param>
/// <param name="WallSeconds">From observed to ended; null for no limit.</param>
/// <param name="MemoryMb">Resident, of its whole tree; null for no limit.</param>
/// <param name="Depth">How deep sub-agents may go below it; 0 for none.</param>
/// <param name="FanOut">How many sub-agents it may have at once.</param>
/// <param name="CommandSeconds">One command that its own program runs (a build, a test suite), which is no call of a tool of ours; 1 to 86,400 s.</param>
/// <param name="DiskMb">What is in its workspace and its private folder; null for no limit.</param>
public sealed record AgentLimits(
    int Iterations = 50, int ToolCallSeconds = 120, long? Tokens = null, int? WallSeconds = null, int? MemoryMb = null, int Depth = 2, int FanOut = 4,
    int CommandSeconds = 1800, int? DiskMb = null);

/// <summary>Where an agent works.</summary>
/// <param name="Kind"><c>folder</c> (an empty one) or <c>worktree</c> (a git worktree of <paramref name="Repository"/>).</param>
/// <param name="Repository">The path of a git repository on the host that runs it.</param>
/// <param name="Ref">What the worktree starts from; null for the repository's HEAD.</param>
/// <param name="Keep">Kept after the task has ended.</param>
public sealed record WorkspaceDefinition(string Kind = "folder", string? Repository = null, string? Ref = null, bool Keep = false);
