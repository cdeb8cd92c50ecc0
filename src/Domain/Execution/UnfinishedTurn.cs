namespace ControlCenter.Domain.Execution;

/// <summary>What is done with an agent that has ended its turn and waits, while its task is not over.</summary>
public enum UnfinishedTurnStep
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>It is told once that its task is not over.</summary>
    Nudge,

    /// <summary>It was told, took another turn, and left its task as it was: its runtime fails, and the task goes to another attempt.</summary>
    Fail,
}

/// <summary>When an agent that waits beside an unfinished task is told, and when it is given up.</summary>
public static class UnfinishedTurn
{
    /// <summary>The news that a task is over takes its way over the bus; an agent that has just completed it is not to be told that it has not: 10 s.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>What it is told.</summary>
    public const string Nudge =
        "Your turn has ended, but your task is not over. Go on with it. When it is done, call complete_task; when it cannot be done, call fail_task; "
        + "when you wait for a human, call wait_for_decision until it is decided. If your next turn ends without one of these, you are stopped and somebody else gets the task.";

    /// <summary>Why its runtime has failed.</summary>
    public const string Reason = "It ended its turn twice and left its task neither completed nor failed.";

    /// <summary>What is to be done.</summary>
    /// <param name="turns">Turns that have ended.</param>
    /// <param name="nudgedAtTurn">How many had when it was told; null where it was not.</param>
    /// <param name="idle">For how long no turn has been under way; null while one is.</param>
    public static UnfinishedTurnStep After(int turns, int? nudgedAtTurn, TimeSpan? idle) =>
        turns == 0 || idle is not { } time || time < Patience ? UnfinishedTurnStep.None
        : nudgedAtTurn is not { } nudged ? UnfinishedTurnStep.Nudge
        : turns > nudged ? UnfinishedTurnStep.Fail
        : UnfinishedTurnStep.None;
}
