using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner.Adapters;

/// <summary>How one kind of agent is started, spoken to and understood (AR-04). A seam: each kind of program has its own; all pass the same conformance kit.</summary>
/// <remarks>An adapter plans and interprets; it starts nothing itself. Processes, signals, output, limits and recovery are the runner's and the same for all.</remarks>
public interface IExecutionAdapter
{
    /// <summary>As definitions name it.</summary>
    string Name { get; }

    /// <summary>Whether a new process can go on with the session of one that is gone.</summary>
    bool CanResume { get; }

    /// <summary>What to start.</summary>
    /// <exception cref="LaunchException">It cannot be started as defined; the message says why.</exception>
    LaunchPlan Plan(StartPackage start, LaunchSurroundings surroundings);

    /// <summary>A reader of one run's output, with its own state.</summary>
    IOutputInterpreter Interpret();

    /// <summary>A message to the agent as a line for its standard input; null where this adapter cannot take one in a running process.</summary>
    string? Encode(string message);
}

/// <summary>Reads what an agent prints.</summary>
public interface IOutputInterpreter
{
    /// <summary>Takes in one line and says what it means, if anything.</summary>
    IEnumerable<AdapterSignal> Read(OutputSource source, string line);
}

/// <summary>Where a runtime is started.</summary>
/// <param name="Workspace">The folder that it works in.</param>
/// <param name="Private">A folder of its own beside it, for its home and configuration; gone after it.</param>
/// <param name="Bus">The bus's address as reached from here.</param>
/// <param name="Program">How this same program is started: program and first arguments.</param>
public sealed record LaunchSurroundings(string Workspace, string Private, Uri Bus, IReadOnlyList<string> Program);

/// <summary>What to start.</summary>
/// <param name="Command">Program and arguments.</param>
/// <param name="Environment">What the adapter adds to the stripped environment.</param>
/// <param name="Files">Files to write first, by absolute path; readable by the owner only.</param>
/// <param name="FirstInput">Lines for its standard input, put there at once.</param>
/// <param name="ReadyWhenObserved">It says nothing when it is ready: that its process runs is enough.</param>
/// <param name="EndsWithTask">It waits for more after each turn, and is to be ended when its task is over.</param>
/// <param name="NoInput">Its standard input is at its end from the start: for programs that read theirs to the end before they begin.</param>
/// <param name="Terminal">It is run in a terminal.</param>
public sealed record LaunchPlan(
    IReadOnlyList<string> Command, IReadOnlyDictionary<string, string> Environment, IReadOnlyDictionary<string, string> Files,
    IReadOnlyList<string> FirstInput, bool ReadyWhenObserved, bool EndsWithTask, bool NoInput = false, bool Terminal = false);

/// <summary>A runtime that cannot be started as its definition says.</summary>
public sealed class LaunchException(string message) : Exception(message);

/// <summary>What a line of output meant.</summary>
public abstract record AdapterSignal
{
    /// <summary>It is ready to work.</summary>
    public sealed record Ready : AdapterSignal;

    /// <summary>Its own program calls its session so.</summary>
    public sealed record SessionKnown(string NativeSessionId) : AdapterSignal;

    /// <summary>It called a tool.</summary>
    /// <param name="Tool">Which.</param>
    /// <param name="Arguments">With what.</param>
    /// <param name="CallId">As its end names it.</param>
    /// <param name="IsCommand">It is a command that its own program runs, which takes as long as a build does: no tool that somebody offers it.</param>
    public sealed record ToolCalled(string Tool, string Arguments, string? CallId = null, bool IsCommand = false) : AdapterSignal;

    /// <summary>A tool call ended.</summary>
    public sealed record ToolEnded(string? CallId = null) : AdapterSignal;

    /// <summary>A turn of its loop has ended.</summary>
    /// <param name="Failed">With an error.</param>
    /// <param name="Text">What it said last.</param>
    public sealed record TurnEnded(bool Failed = false, string? Text = null) : AdapterSignal;

    /// <summary>It used tokens, as its own program counts them. For subscriptions, whose calls the gateway does not see, these are what is reported.</summary>
    public sealed record Used(long TokensIn, long TokensOut) : AdapterSignal;

    /// <summary>It left something out of its context.</summary>
    public sealed record Compacted(string? Detail = null) : AdapterSignal;
}
