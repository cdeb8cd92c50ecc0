using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Runtime.Runner;

/// <summary>How a runner is told something by whoever started it. Each returns false where it is gone.</summary>
public static class RunnerSignals
{
    /// <summary>It ends what it runs, then itself.</summary>
    public static bool Terminate(ProcessIdentity runner) => Signals.Send(runner, AgentSignal.Terminate);

    /// <summary>It ends itself and leaves what it runs to the next one.</summary>
    public static bool HandOver(ProcessIdentity runner) => Signals.Send(runner, AgentSignal.HangUp);

    /// <summary>It ends at once.</summary>
    public static bool Kill(ProcessIdentity runner) => Signals.Send(runner, AgentSignal.Kill);
}
