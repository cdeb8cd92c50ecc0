namespace ControlCenter.E2E;

/// <summary>Tests that measure times: they run one after another, after all others have ended.</summary>
[CollectionDefinition(nameof(AloneOnTheMachine), DisableParallelization = true)]
public sealed class AloneOnTheMachine;
