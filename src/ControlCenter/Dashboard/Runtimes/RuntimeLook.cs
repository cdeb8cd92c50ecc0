using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Dashboard.Runtimes;

/// <summary>How hosts, runtimes and sessions look and are told of.</summary>
internal static class RuntimeLook
{
    /// <summary>A runtime, by what was seen of it.</summary>
    public static StatusLook Of(RuntimeView runtime) => runtime switch
    {
        { End: { } end } => Of(end),
        { Desired: DesiredState.Stop } => new("warn", "stop", "Stopping"),
        { PausedAt: not null } => new("warn", "pause", "Paused"),
        { Desired: DesiredState.Pause } => new("warn", "pause", "Pausing"),
        _ => Of(runtime.Phase),
    };

    /// <summary>A phase.</summary>
    public static StatusLook Of(RuntimePhase phase) => phase switch
    {
        RuntimePhase.Requested => new("info", "clock", "Requested"),
        RuntimePhase.Granted => new("info", "circle", "Granted"),
        RuntimePhase.Observed => new("accent", "play", "Observed"),
        RuntimePhase.Ready => new("good", "play", "Ready"),
        _ => new("", "stop", "Ended"),
    };

    /// <summary>How one ended.</summary>
    public static StatusLook Of(RuntimeEnd end) => end switch
    {
        RuntimeEnd.Exited => new("good", "check", "Exited"),
        RuntimeEnd.Failed => new("bad", "x", "Failed"),
        RuntimeEnd.Stopped => new("", "stop", "Stopped"),
        RuntimeEnd.Killed => new("warn", "stop", "Killed"),
        RuntimeEnd.TimedOut => new("bad", "clock", "Timed out"),
        RuntimeEnd.NotStarted => new("bad", "x", "Not started"),
        RuntimeEnd.Lost => new("bad", "plug", "Lost"),
        RuntimeEnd.LimitExceeded => new("warn", "alert", "Over its limit"),
        _ => new("", "stop", "Called off"),
    };

    /// <summary>A host.</summary>
    public static StatusLook Of(HostState state) => state switch
    {
        HostState.Online => new("good", "heart", "Online"),
        HostState.Draining => new("warn", "pause", "Draining"),
        HostState.Lost => new("bad", "plug", "Lost"),
        HostState.Left => new("", "stop", "Left"),
        _ => new("info", "clock", "Invited"),
    };

    /// <summary>A session.</summary>
    public static StatusLook Of(SessionState state) => state switch
    {
        SessionState.Active => new("accent", "play", "Active"),
        SessionState.Interrupted => new("warn", "undo", "Interrupted"),
        SessionState.Uncertain => new("bad", "question", "Uncertain"),
        _ => new("", "check", "Ended"),
    };

    /// <summary>What became of a task that somebody was looked for.</summary>
    public static StatusLook OfOutcome(string outcome) => outcome switch
    {
        "spawned" => new("good", "play", "Started"),
        "idle_agent" => new("info", "bot", "Left to it"),
        _ => new("warn", "clock", "Waits"),
    };

    /// <summary>Megabytes, as people read them.</summary>
    public static string Megabytes(int? megabytes) => megabytes switch
    {
        null => "unknown",
        >= 10_240 => $"{megabytes / 1024m:0} GB",
        >= 1_024 => $"{megabytes / 1024m:0.0} GB",
        _ => $"{megabytes} MB",
    };
}
