namespace ControlCenter.Runtime.Tests;

/// <summary>Tests that look at what the machine has left over: they run one after another, after all others have ended.</summary>
[CollectionDefinition(nameof(AloneOnTheMachine), DisableParallelization = true)]
public sealed class AloneOnTheMachine;
