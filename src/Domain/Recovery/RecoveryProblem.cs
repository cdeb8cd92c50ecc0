namespace ControlCenter.Domain.Recovery;

/// <summary>How bad a problem is (blueprint 12.6).</summary>
public enum AlertSeverity
{
    /// <summary>Worth knowing.</summary>
    Info,

    /// <summary>It will hurt if nothing is done.</summary>
    Warning,

    /// <summary>It hurts now.</summary>
    Critical,
}

/// <summary>Something that stands between what is written and its being restorable. One cause is one problem, for as long as it lasts.</summary>
/// <param name="Cause">What it is, for good: <c>log-lag</c>. The same cause again is the same problem.</param>
/// <param name="Severity">How bad it is.</param>
/// <param name="Title">It, in one sentence.</param>
/// <param name="Detail">The particulars: the last error's text, how much, since when.</param>
/// <param name="Remedy">What to do.</param>
public sealed record RecoveryProblem(string Cause, AlertSeverity Severity, string Title, string Detail, string Remedy);

/// <summary>Why a tool could not do its work, where it matters to whoever is told.</summary>
public enum RepositoryFault
{
    /// <summary>Something else; the error's text says what.</summary>
    Other,

    /// <summary>The storage cannot be reached.</summary>
    Unreachable,

    /// <summary>The storage takes connections and does not answer.</summary>
    Hanging,

    /// <summary>Its password is another.</summary>
    WrongPassword,

    /// <summary>There is no repository where one was.</summary>
    Missing,

    /// <summary>There is no room left, here or there.</summary>
    Full,
}

/// <summary>Why the second copy of the repository's password is none.</summary>
public enum EscrowFault
{
    /// <summary>It is not there.</summary>
    Missing,

    /// <summary>It is there and cannot be read.</summary>
    Unreadable,

    /// <summary>What is in it does not open the repository.</summary>
    Wrong,
}
