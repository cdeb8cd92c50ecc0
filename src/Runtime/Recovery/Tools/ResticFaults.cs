using ControlCenter.Domain.Recovery;

namespace ControlCenter.Runtime.Recovery.Tools;

/// <summary>What restic's complaints mean, and those of the system below it. It has one exit code for nearly everything, so its words must do; they are those of 0.14 to 0.18, and of Go's own network errors.</summary>
internal static class ResticFaults
{
    private static readonly string[] Away =
    [
        "dial tcp", "connection refused", "connection reset", "no such host", "i/o timeout", "network is unreachable", "no route to host", "TLS handshake",
        "context deadline exceeded", "server response unexpected: 5", "transport endpoint is not connected",
    ];

    private static readonly string[] NotThere = ["does not exist", "no such file or directory", "not found", "server response unexpected: 404"];

    /// <summary>Which of the known faults it is.</summary>
    public static RepositoryFault Of(string error) =>
        error.Contains("wrong password or no key found", StringComparison.Ordinal) ? RepositoryFault.WrongPassword
        : error.Contains("no space left on device", StringComparison.OrdinalIgnoreCase) || error.Contains("disk quota exceeded", StringComparison.OrdinalIgnoreCase) ? RepositoryFault.Full
        : Away.Any(a => error.Contains(a, StringComparison.OrdinalIgnoreCase)) ? RepositoryFault.Unreachable
        : !error.Contains("Is there a repository at", StringComparison.Ordinal) ? RepositoryFault.Other
        : NotThere.Any(n => error.Contains(n, StringComparison.OrdinalIgnoreCase)) ? RepositoryFault.Missing
        // restic asks that of whatever it cannot open: only a plain no is one.
        : RepositoryFault.Unreachable;

    /// <summary>It, for the founder.</summary>
    /// <param name="fault">Which.</param>
    /// <param name="passwordFile">Where the password is read.</param>
    /// <param name="what">What was to be done.</param>
    /// <param name="said">restic's own words.</param>
    public static string Sentence(RepositoryFault fault, string passwordFile, string what, string said) => fault switch
    {
        RepositoryFault.WrongPassword => $"The password in {passwordFile} does not open the repository.",
        RepositoryFault.Unreachable => $"The repository cannot be reached ({said}).",
        RepositoryFault.Full => $"There is no room to {what} ({said}).",
        RepositoryFault.Missing => $"There is no repository ({said}).",
        _ => $"restic could not {what} ({said}).",
    };
}
