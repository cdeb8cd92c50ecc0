namespace ControlCenter.Domain.Execution;

/// <summary>Who may type into an agent's program, and for how long (AR-05).</summary>
public static class KeyboardRules
{
    /// <summary>Control is one person's for so long after the last sign of them: 60 s.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(60);

    /// <summary>An open page gives a sign so often: two may be lost before control is.</summary>
    public static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(20);

    /// <summary>What was not typed within so long is not typed any more: whoever sits there has stopped waiting for it.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <summary>So much later it is given up: what was typed in its last moment is told by the host's next report, which comes at once.</summary>
    public static readonly TimeSpan Echo = TimeSpan.FromSeconds(3);

    /// <summary>Within which <see cref="Most"/> counts.</summary>
    public static readonly TimeSpan RateWindow = TimeSpan.FromSeconds(10);

    /// <summary>So many inputs within <see cref="RateWindow"/>: an arrow key that is held down, and not a program that writes files.</summary>
    public const int MostInputs = 150;

    /// <summary>So many Ctrl-C, counted by themselves: a program can be interrupted whatever else it was sent. No hand presses it as often.</summary>
    public const int MostInterrupts = 100;

    /// <summary>How many inputs with a key, or of the others, there may be within <see cref="RateWindow"/>.</summary>
    /// <param name="key">The key; null for Enter after a text.</param>
    public static int Most(TerminalKey? key) => key is TerminalKey.CtrlC ? MostInterrupts : MostInputs;

    /// <summary>Whether control is somebody's to take without taking it over: it is free, or their own.</summary>
    /// <param name="holder">Who has it; null where nobody has.</param>
    /// <param name="caller">Who wants it.</param>
    public static bool IsFree(Guid? holder, Guid caller) => holder is null || holder == caller;
}
