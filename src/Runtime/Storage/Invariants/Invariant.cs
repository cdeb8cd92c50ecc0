namespace ControlCenter.Runtime.Storage.Invariants;

/// <summary>Something that is true of the database after every commit.</summary>
/// <param name="Name">Its name, for good: it is in records (<c>held-tasks-have-their-lease</c>).</param>
/// <param name="Sentence">What is true, in a sentence.</param>
/// <param name="Violations">A query of one column of text: what is not so. No row: it holds.</param>
public sealed record Invariant(string Name, string Sentence, string Violations);

/// <summary>What was found of an invariant.</summary>
/// <param name="Name">Which.</param>
/// <param name="Sentence">What is to be true.</param>
/// <param name="Passed">Whether it is.</param>
/// <param name="Detail">Where it is not: how often, and the first few. Empty where it is.</param>
public sealed record InvariantVerdict(string Name, string Sentence, bool Passed, string Detail);
