namespace ControlCenter.CommandLine;

/// <summary>How a command ended, for scripts (sysexits.h).</summary>
internal static class ExitCode
{
    public const int Ok = 0;

    /// <summary>The command line is not as it must be.</summary>
    public const int Usage = 64;

    /// <summary>The bus cannot be reached.</summary>
    public const int Unavailable = 69;

    /// <summary>Another runner has the folder: once it is stopped, it works.</summary>
    public const int TryLater = 75;

    /// <summary>The bus does not let this host in.</summary>
    public const int NoPermission = 77;

    /// <summary>A setting is not as it must be.</summary>
    public const int Configuration = 78;
}
