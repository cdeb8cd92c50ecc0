namespace ControlCenter.Domain.Execution;

/// <summary>How much may be under way at once, and when an agent counts as stuck (OR-12, OR-20). Set by the founder; good for a first run as it is.</summary>
/// <param name="MostPerProject">Tasks of one project under way at once: 1 to 10,000.</param>
/// <param name="MostPerHost">Runtimes on one host at once, whatever room it has: 1 to 10,000.</param>
/// <param name="MostWaitingEscalations">While more than this wait for the founder, nothing new is started: 1 to 10,000. What nobody can answer piles up otherwise.</param>
/// <param name="IdleAgentSeconds">How long a task is left to an idle agent that is able to do it before one is started for it: 0 to 3,600.</param>
/// <param name="StalledSeconds">How long a runtime may show no progress (no other signature, no checkpoint, no cost, no report): 60 to 86,400.</param>
/// <param name="RepeatedCalls">How often in a row it may call the same tool with the same arguments: 2 to 1,000.</param>
public sealed record AssignmentPolicy(
    int MostPerProject = 10, int MostPerHost = 100, int MostWaitingEscalations = 25, int IdleAgentSeconds = 5, int StalledSeconds = 600, int RepeatedCalls = 8)
{
    private const int Most = 10_000;

    /// <summary>What is wrong with it, by field.</summary>
    public IEnumerable<(string Field, string? Problem)> Problems()
    {
        yield return ("most_per_project", Between(MostPerProject, 1, Most));
        yield return ("most_per_host", Between(MostPerHost, 1, Most));
        yield return ("most_waiting_escalations", Between(MostWaitingEscalations, 1, Most));
        yield return ("idle_agent_seconds", Between(IdleAgentSeconds, 0, 3_600));
        yield return ("stalled_seconds", Between(StalledSeconds, 60, 86_400));
        yield return ("repeated_calls", Between(RepeatedCalls, 2, 1_000));
    }

    private static string? Between(int value, int least, int most) => value < least || value > most ? $"From {least} to {most}; {value} was given." : null;
}
