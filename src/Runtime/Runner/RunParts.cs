using System.Diagnostics;
using ControlCenter.Runtime.Runner.Output;
using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Runtime.Runner;

/// <summary>What one run is made of.</summary>
/// <param name="Around">What it has in common with the others.</param>
/// <param name="Record">What is kept of it.</param>
/// <param name="Tree">Its processes.</param>
/// <param name="Control">Holds them and ends them.</param>
/// <param name="Progress">How its work gets on.</param>
/// <param name="Output">What it prints.</param>
/// <param name="Pipes">How it is read and written to; null for one that was over when it was found.</param>
/// <param name="Child">Its first process, where this runner started it.</param>
internal sealed record RunParts(
    RunSurroundings Around, RunRecord Record, ProcessTree Tree, TreeControl Control, AgentProgress Progress, AgentOutput Output, AgentPipes? Pipes, Process? Child);
