namespace ControlCenter.Domain.Execution;

/// <summary>
/// A command that an agent's host runs around it (AR-03), in its workspace: what must be there before it starts, what is to be put away after it.
/// How long each took and what came of it stands in the runtime's transcript.
/// </summary>
/// <param name="On"><c>start</c>: before its program, with its environment. <c>end</c>: after the last process of it, before its workspace is cleared away; without its key and values.</param>
/// <param name="Command">Program and arguments.</param>
/// <param name="TimeoutSeconds">After so long it is killed and has failed: 1 to 300 s.</param>
/// <param name="Required">
/// Whether it fails closed: one that fails keeps the agent from starting, or has its runtime end as failed. Otherwise it fails open: that it failed is said, and no more.
/// </param>
public sealed record AgentHook(string On, IReadOnlyList<string> Command, int TimeoutSeconds = 60, bool Required = true)
{
    /// <summary>Before its program.</summary>
    public const string Start = "start";

    /// <summary>After it.</summary>
    public const string End = "end";

    /// <summary>All moments that there are.</summary>
    public static IReadOnlyList<string> Moments { get; } = [Start, End];
}
