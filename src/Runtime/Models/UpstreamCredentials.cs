using ControlCenter.Domain.Models;

namespace ControlCenter.Runtime.Models;

/// <summary>Finds providers' keys by where the catalogue says they are. They are kept nowhere else, and go nowhere but to their provider.</summary>
public static class UpstreamCredentials
{
    /// <summary>The key; null for a provider that has none, false if there is to be one and it is not there.</summary>
    public static bool TryFind(Provider provider, out string? key)
    {
        key = null;
        if (provider.Credential is not { } reference)
        {
            return true;
        }

        try
        {
            // Read anew each time: a key that is rotated in its file is used from the next call on.
            key = reference.StartsWith("env:", StringComparison.Ordinal)
                ? Environment.GetEnvironmentVariable(reference[4..])?.Trim()
                : File.ReadAllText(reference["file:".Length..]).Trim();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return false;
        }

        return key is { Length: > 0 } && key.All(c => c is > ' ' and <= '~');
    }
}
