namespace ControlCenter.Tests;

/// <summary>Tests that compare times: they run one after another, after all others have ended.</summary>
[CollectionDefinition(nameof(AloneOnTheMachine), DisableParallelization = true)]
public sealed class AloneOnTheMachine;
