using System.Text.RegularExpressions;
using ControlCenter.Domain.Text;

namespace ControlCenter.Domain.Execution;

/// <summary>What an agent's definition must be like, wherever it comes from: a file, the page, the API.</summary>
public static partial class AgentDefinitionRules
{
    /// <summary>The adapters that there are.</summary>
    public static IReadOnlyList<string> Adapters { get; } = ["process", "claude-code", "codex", "http", "model"];

    /// <summary>The kinds of workspace that there are.</summary>
    public static IReadOnlyList<string> WorkspaceKinds { get; } = ["folder", "worktree"];

    /// <summary>The most arguments of a command, and the longest of them. Linux takes 128 KiB in one.</summary>
    public const int MostArguments = 200;

    private const int LongestArgument = 8192;
    private const int LongestCommand = 64 * 1024;
    private const int MostNames = 200;
    private const int MostVariables = 100;
    private const int MostHooks = 10;
    private const int LongestStartSeconds = 300;
    private const int LongestValue = 8192;
    private const int LongestUrl = 2000;
    private const int LongestPath = 1000;

    /// <summary>Variables that say who a runtime is and where its bus and gateway are: a definition that set one would be somebody else.</summary>
    private static readonly string[] RuntimesOwn = ["HOME", "TMPDIR", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_BASE_URL", "OPENAI_API_KEY", "CODEX_HOME", "CLAUDE_CONFIG_DIR"];

    // What the loader runs before the program does: with these a reference to a file would be a way to run something else.
    private static readonly string[] Loaders = ["LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT"];

    /// <summary>Field → what is wrong with it; empty for a good one. Fields are named as they are written: <c>limits.fan_out</c>.</summary>
    public static IReadOnlyDictionary<string, string[]> Check(AgentDefinition definition)
    {
        ArgumentNullException.ThrowIfNull(definition);
        return All(definition).GroupBy(p => p.Field, p => p.Message, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => g.ToArray(), StringComparer.Ordinal);
    }

    /// <summary>Whether a name may be a definition's; it stands in paths, and agents are called by it.</summary>
    public static bool IsName(string? name) => name is not null && Name().IsMatch(name);

    private static IEnumerable<(string Field, string Message)> All(AgentDefinition definition) =>
        CheckIdentity(definition).Concat(CheckCommand(definition)).Concat(CheckLists(definition)).Concat(CheckLimits(definition.Limits))
            .Concat(CheckEnvironment(definition.Environment)).Concat(CheckWorkspace(definition.Workspace)).Concat(CheckHooks(definition.Hooks));

    private static IEnumerable<(string Field, string Message)> CheckIdentity(AgentDefinition definition)
    {
        if (!IsName(definition.Name))
        {
            yield return ("name", $"'{Shown(definition.Name)}' is not a name: 1 to 100 of a-z, 0-9, dots, hyphens and underscores, beginning with a letter or digit.");
        }

        if (TextRules.OptionalLongText(definition.Description) is { } description)
        {
            yield return ("description", description);
        }

        if (TextRules.OptionalLongText(definition.Instructions) is { } instructions)
        {
            yield return ("instructions", instructions);
        }

        if (!Adapters.Contains(definition.Adapter))
        {
            yield return ("adapter", $"There is no adapter '{Shown(definition.Adapter)}'; there are {string.Join(", ", Adapters)}.");
        }

        if (definition.ModelRoute is { } route && (route.Length is 0 or > 200 || !route.All(c => c is > ' ' and <= '~') || route[0] == '-'))
        {
            yield return ("model_route", "1 to 200 printable characters without spaces, not beginning with a hyphen.");
        }

        if (definition.Instances is < 1 or > 100)
        {
            yield return ("instances", $"Between 1 and 100; {definition.Instances} was given.");
        }
    }

    private static IEnumerable<(string Field, string Message)> CheckCommand(AgentDefinition definition)
    {
        var command = definition.Command;
        switch (definition.Adapter)
        {
            case "process" when command.Count == 0:
                yield return ("command", "The adapter 'process' needs one: the program and its arguments.");
                break;
            case "http" or "model" when command.Count > 0:
                yield return ("command", $"The adapter '{definition.Adapter}' starts no program of yours; leave it out.");
                break;
        }

        if (command.Count > 0 && string.IsNullOrWhiteSpace(command[0]))
        {
            yield return ("command", "Its first entry is the program, and must not be empty.");
        }

        if (TooMuch(command) is { } much)
        {
            yield return ("command", much);
        }

        if (definition.Terminal && !TerminalInput.IsTakenBy(definition))
        {
            yield return ("terminal", $"Only the adapter 'process' gives its program one; the programs of '{Shown(definition.Adapter)}' speak over pipes.");
        }

        if (definition.Adapter == "http")
        {
            if (UrlProblem(definition.Url) is { } problem)
            {
                yield return ("url", problem);
            }
        }
        else if (definition.Url is not null)
        {
            yield return ("url", $"Only the adapter 'http' calls one; this one is '{Shown(definition.Adapter)}'.");
        }
    }

    private static string? TooMuch(IReadOnlyList<string> command) =>
        command.Count > MostArguments || command.Sum(a => (long)(a?.Length ?? 0)) > LongestCommand ? $"At the most {MostArguments} entries of {LongestCommand} characters together."
        : command.Any(a => a is null || a.Length > LongestArgument || TextRules.Storable(a) is not null) ? $"Each entry is text of at the most {LongestArgument} characters, without NUL."
        : null;

    private static IEnumerable<(string Field, string Message)> CheckHooks(IReadOnlyList<AgentHook> hooks)
    {
        if (hooks.Count > MostHooks)
        {
            yield return ("hooks", $"At the most {MostHooks}; {hooks.Count} were given.");
        }

        // A host says for six minutes that it is starting something; after that its slot is somebody else's.
        if (hooks.Where(h => h?.On == AgentHook.Start).Sum(h => (long)h.TimeoutSeconds) > LongestStartSeconds)
        {
            yield return ("hooks", $"Those of the start may take {LongestStartSeconds} s together at the most.");
        }

        foreach (var (hook, at) in hooks.Select((hook, at) => (hook, at)))
        {
            var field = $"hooks[{at}]";
            if (hook is null || !AgentHook.Moments.Contains(hook.On))
            {
                yield return ($"{field}.on", $"'{Shown(hook?.On)}' is none of {string.Join(", ", AgentHook.Moments)}.");
                continue;
            }

            if (hook.Command is not [{ Length: > 0 }, ..])
            {
                yield return ($"{field}.command", "It needs one: the program and its arguments.");
            }
            else if (TooMuch(hook.Command) is { } much)
            {
                yield return ($"{field}.command", much);
            }

            if (hook.TimeoutSeconds is < 1 or > LongestStartSeconds)
            {
                yield return ($"{field}.timeout_seconds", $"Between 1 and {LongestStartSeconds}; {hook.TimeoutSeconds} was given.");
            }
        }
    }

    private static IEnumerable<(string Field, string Message)> CheckLists(AgentDefinition definition)
    {
        foreach (var (field, names) in new[] { ("capabilities", definition.Capabilities), ("tools", definition.Tools), ("host_labels", definition.HostLabels) })
        {
            if (TextRules.NameList(names, MostNames) is { } problem)
            {
                yield return (field, problem);
            }
            else if (names.Distinct(StringComparer.Ordinal).Count() != names.Count)
            {
                yield return (field, $"'{names.GroupBy(n => n, StringComparer.Ordinal).First(g => g.Count() > 1).Key}' stands twice.");
            }
        }

        // A list of tools goes to command lines as one argument, with commas between.
        if (definition.Tools.FirstOrDefault(t => t is not null && (t.StartsWith('-') || t.Contains(',', StringComparison.Ordinal))) is { } tool)
        {
            yield return ("tools", $"'{Shown(tool)}': without commas, and not beginning with a hyphen.");
        }
    }

    private static IEnumerable<(string Field, string Message)> CheckLimits(AgentLimits limits)
    {
        foreach (var (field, value, least, most) in new (string, long?, long, long)[]
        {
            ("iterations", limits.Iterations, 1, 10_000),
            ("tool_call_seconds", limits.ToolCallSeconds, 1, 86_400),
            ("tokens", limits.Tokens, 1, 1_000_000_000_000),
            ("wall_seconds", limits.WallSeconds, 1, 31 * 86_400),
            ("memory_mb", limits.MemoryMb, 16, 1024 * 1024),
            ("command_seconds", limits.CommandSeconds, 1, 86_400),
            ("disk_mb", limits.DiskMb, 1, 100 * 1024 * 1024),
            ("depth", limits.Depth, 0, 10),
            ("fan_out", limits.FanOut, 0, 100),
        })
        {
            if (value is { } given && (given < least || given > most))
            {
                yield return ($"limits.{field}", $"Between {least} and {most}; {given} was given.");
            }
        }
    }

    private static IEnumerable<(string Field, string Message)> CheckEnvironment(IReadOnlyDictionary<string, string> environment)
    {
        if (environment.Count > MostVariables)
        {
            yield return ("environment", $"At the most {MostVariables}; {environment.Count} were given.");
        }

        foreach (var (name, reference) in environment)
        {
            var field = $"environment.{Shown(name)}";
            if (!Variable().IsMatch(name))
            {
                yield return (field, "A name of a variable: 1 to 200 letters, digits and underscores, not beginning with a digit.");
            }
            else if (name.StartsWith("CC_", StringComparison.Ordinal) || RuntimesOwn.Contains(name) || Loaders.Contains(name))
            {
                yield return (field, "It is set by the runtime, or changes what a program is, and cannot be set here.");
            }

            // The value is not repeated: it may be a secret that was meant to stand behind a reference.
            if (!IsReference(reference))
            {
                yield return (field, $"Where the value is taken from: env:NAME, file:/absolute/path, or value: and the value itself (up to {LongestValue} characters).");
            }
        }
    }

    private static IEnumerable<(string Field, string Message)> CheckWorkspace(WorkspaceDefinition workspace)
    {
        if (!WorkspaceKinds.Contains(workspace.Kind))
        {
            yield return ("workspace.kind", $"'{Shown(workspace.Kind)}' is none of {string.Join(", ", WorkspaceKinds)}.");
        }

        if (workspace.Kind == "worktree" && workspace.Repository is null)
        {
            yield return ("workspace.repository", "A worktree needs one: the path of a git repository on the host that runs it.");
        }

        if (workspace.Kind == "folder" && (workspace.Repository ?? workspace.Ref) is not null)
        {
            yield return ("workspace", "A folder has no repository and no ref; a worktree has (kind: worktree).");
        }

        if (workspace.Repository is { } repository && !IsCleanPath(repository))
        {
            yield return ("workspace.repository", $"An absolute path without '..', of at the most {LongestPath} characters.");
        }

        if (workspace.Ref is { } name && !IsRef(name))
        {
            yield return ("workspace.ref", $"'{Shown(name)}' is no name of a branch, tag or commit.");
        }
    }

    private static bool IsReference(string? reference) =>
        reference is not null && TextRules.Storable(reference) is null
        && (reference.StartsWith("value:", StringComparison.Ordinal) ? reference.Length <= "value:".Length + LongestValue
            : reference.StartsWith("file:", StringComparison.Ordinal) ? IsCleanPath(reference["file:".Length..])
            : reference.StartsWith("env:", StringComparison.Ordinal) && Variable().IsMatch(reference["env:".Length..]));

    private static bool IsCleanPath(string path) =>
        path.Length is > 1 and <= LongestPath && path[0] == '/' && !path.Any(char.IsControl) && !path.Split('/').Contains("..");

    // What git check-ref-format and rev-parse take, without what git would read as an option, a range or a reflog.
    private static bool IsRef(string name) => Ref().IsMatch(name) && !name.Contains("..", StringComparison.Ordinal) && !name.Contains("@{", StringComparison.Ordinal);

    private static string? UrlProblem(string? url) =>
        string.IsNullOrWhiteSpace(url) ? "The adapter 'http' needs one: where the remote agent is called."
        : url.Length > LongestUrl || !Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https") || address.Host.Length == 0
            ? $"An absolute http or https address of at the most {LongestUrl} characters."
        : address.UserInfo.Length > 0 || address.Fragment.Length > 0 ? "Without user, password and fragment: they would stand in logs."
        : null;

    private static string Shown(string? text) => text is null ? "" : text.Length <= 100 ? text : text[..100] + "…";

    [GeneratedRegex(@"^[a-z0-9][a-z0-9._-]{0,99}\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Name();

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9_]{0,199}\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Variable();

    [GeneratedRegex(@"^[A-Za-z0-9_][A-Za-z0-9_./@{}+#=-]{0,199}\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Ref();
}
