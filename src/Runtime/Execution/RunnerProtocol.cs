using System.Text.Json;
using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Execution;

/// <summary>What a host tells: its load, and everything that runs there. Level-triggered: each report is whole, so that a lost one costs nothing.</summary>
/// <param name="BootId">The runner's own id, new with each start of it.</param>
/// <param name="Version">The program's version.</param>
/// <param name="Load">What was measured.</param>
/// <param name="Runtimes">All that it knows of, until the answer no longer names them.</param>
/// <param name="Seen">The <see cref="HostOrders.Mark"/> of the last answer; with <paramref name="WaitSeconds"/> the answer is held until there is another.</param>
/// <param name="WaitSeconds">0 to 15.</param>
/// <param name="Surface">The surface that the host is, where it is one (OR-03): <c>mo</c>.</param>
/// <param name="Labels">Its labels, in place of those that it was let in with; null to keep them.</param>
public sealed record HostReport(
    Guid BootId, string Version, HostLoad Load, IReadOnlyList<RuntimeObservation> Runtimes, string? Seen = null, int WaitSeconds = 0,
    string? Surface = null, IReadOnlyList<string>? Labels = null);

/// <summary>A machine, as measured.</summary>
/// <param name="Cores">Logical processors.</param>
/// <param name="CpuPercent">0 to 100, of all cores together.</param>
/// <param name="MemoryMb">All of it, or the cgroup's limit where that is less.</param>
/// <param name="MemoryUsedMb">What is not available.</param>
/// <param name="DiskMb">The disk that holds the runner's folder.</param>
/// <param name="DiskFreeMb">What is free there.</param>
public sealed record HostLoad(int Cores, decimal CpuPercent, int MemoryMb, int MemoryUsedMb, int DiskMb, int DiskFreeMb);

/// <summary>A runtime, as its host sees it.</summary>
/// <param name="RuntimeId">Which.</param>
/// <param name="FencingToken">The token of its slot's lease.</param>
/// <param name="Phase"><c>granted</c> while it is being started.</param>
/// <param name="Pid">Its process (the leader of its process group).</param>
/// <param name="ProcessStartedAt">Clock ticks between the machine's boot and the process's start (<c>/proc/PID/stat</c>, field 22).</param>
/// <param name="Paused">Its process group is held still.</param>
/// <param name="MemoryMb">Resident, of its whole tree.</param>
/// <param name="PeakMemoryMb">The most of it.</param>
/// <param name="CpuPercent">Of its whole tree; 100 is one core.</param>
/// <param name="OutputLines">Lines of output kept so far.</param>
/// <param name="DroppedLines">Lines beyond the cap, which were not.</param>
/// <param name="NativeSessionId">What the agent's own program calls its session.</param>
/// <param name="Turns">Turns of its loop that have ended.</param>
/// <param name="Signature">A hash that is another one after each kind of progress: output of its own, a tool call with other arguments.</param>
/// <param name="RepeatedCalls">How often in a row the same tool was called with the same arguments.</param>
/// <param name="LastTool">The tool called last.</param>
/// <param name="Effective">Interventions that have taken effect.</param>
/// <param name="End">Set with <see cref="RuntimePhase.Ended"/>.</param>
/// <param name="ExitCode">Of the process; null where nobody saw it.</param>
/// <param name="Detail">Why, in words.</param>
/// <param name="Typed">Inputs that were typed into it.</param>
public sealed record RuntimeObservation(
    Guid RuntimeId, long FencingToken, RuntimePhase Phase, int? Pid = null, long? ProcessStartedAt = null, bool Paused = false, int? MemoryMb = null,
    int? PeakMemoryMb = null, decimal? CpuPercent = null, long OutputLines = 0, long DroppedLines = 0, string? NativeSessionId = null, int Turns = 0,
    string? Signature = null, int RepeatedCalls = 0, string? LastTool = null, IReadOnlyList<Guid>? Effective = null, RuntimeEnd? End = null,
    int? ExitCode = null, string? Detail = null, IReadOnlyList<Guid>? Typed = null);

/// <summary>What a host is to be running. What it runs and is not named here, it ends.</summary>
/// <param name="State">The host's own state: a draining one is given nothing new, one that has left ends everything.</param>
/// <param name="Mark">Names this answer.</param>
/// <param name="Runtimes">All that it is to run.</param>
public sealed record HostOrders(HostState State, string Mark, IReadOnlyList<RuntimeOrder> Runtimes);

/// <summary>One runtime that a host is to bring to a state.</summary>
/// <param name="RuntimeId">Which.</param>
/// <param name="FencingToken">The token of its slot's lease.</param>
/// <param name="Desired">What it is to be doing.</param>
/// <param name="LeaseExpiresAt">When its slot's lease ends unless a report renews it; the host ends it by then by itself if it cannot report.</param>
/// <param name="Interventions">What its agent is to be told and has not been, oldest first.</param>
/// <param name="TaskEnded">Its task is over (completed, failed, cancelled, or no longer its own): a process that waits for more may be ended.</param>
/// <param name="Inputs">What somebody at its keyboard has typed and it has not read, in order.</param>
public sealed record RuntimeOrder(
    Guid RuntimeId, long FencingToken, DesiredState Desired, DateTimeOffset LeaseExpiresAt, IReadOnlyList<OrderedIntervention> Interventions, bool TaskEnded = false,
    IReadOnlyList<OrderedInput>? Inputs = null);

/// <summary>An intervention to be brought to an agent.</summary>
public sealed record OrderedIntervention(Guid InterventionId, InterventionKind Kind, string? Text);

/// <summary>Something that was typed for an agent's program.</summary>
/// <param name="InputId">Which.</param>
/// <param name="Number">From 1 in each runtime; what is not above the last one that was typed is never typed.</param>
/// <param name="Text">The text; null for a key alone.</param>
/// <param name="Key">The key after it; null for Enter.</param>
/// <param name="SecondsLeft">For how long after the report that this answers it may be typed: by then it is given up, and its writer may type it again.</param>
public sealed record OrderedInput(Guid InputId, long Number, string? Text, TerminalKey? Key, double SecondsLeft);

/// <summary>What a host asks for when it is about to start a runtime. Asked again, an earlier key ends and a new one is made.</summary>
/// <param name="FencingToken">The token of the slot's lease.</param>
public sealed record StartRuntimeRequest(long FencingToken);

/// <summary>Everything that a host needs to start a runtime. The key is shown this once and dies with the slot's lease.</summary>
public sealed record StartPackage(
    Guid RuntimeId, long FencingToken, Guid AgentId, string AgentName, string Key, AgentDefinition Definition, Guid SessionId,
    string? ResumeNativeSessionId, StartTask? Task, string? Message, int Depth) : ICarriesSecret;

/// <summary>The task that a runtime is started for, already leased to its agent.</summary>
public sealed record StartTask(
    Guid TaskId, Guid TicketId, string TicketKey, string Title, string? Instructions, int Attempt, int MaxAttempts, Guid LeaseId, long FencingToken,
    DateTimeOffset LeaseExpiresAt, JsonElement? Checkpoint);

/// <summary>Output that a host hands over. Lines have numbers from 0; what was handed over before is taken once.</summary>
public sealed record OutputBatch(Guid RuntimeId, long FencingToken, long FirstLine, IReadOnlyList<OutputLine> Lines);

/// <summary>One line of output.</summary>
/// <param name="At">When it was read, by the host's clock.</param>
/// <param name="Source">Where from.</param>
/// <param name="Text">Without its line end; secrets taken out; at the most 16,384 characters.</param>
public sealed record OutputLine(DateTimeOffset At, OutputSource Source, string Text);

/// <summary>Where a line of output is from.</summary>
public enum OutputSource
{
    /// <summary>Standard output.</summary>
    Out,

    /// <summary>Standard error.</summary>
    Error,

    /// <summary>What was put in: a prompt, a message.</summary>
    In,

    /// <summary>The runner itself: started, paused, lines dropped, ended.</summary>
    Note,
}

/// <summary>How far the output of a runtime has been taken in.</summary>
/// <param name="RuntimeId">Which.</param>
/// <param name="NextLine">The first line that is not here yet; null where nothing more of it is wanted.</param>
public sealed record OutputStanding(Guid RuntimeId, long? NextLine);
