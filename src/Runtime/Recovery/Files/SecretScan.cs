using System.Text;
using ControlCenter.Domain.Execution;

namespace ControlCenter.Runtime.Recovery.Files;

/// <summary>Looks for secrets in what is about to be uploaded: this host's own, and whatever looks like a key of a known kind.</summary>
/// <remarks>By the rules that take secrets out of agents' output (<see cref="SecretRedaction"/>), and with their limits: what is encoded or encrypted is not found.</remarks>
internal sealed class SecretScan
{
    private readonly string[] _values;

    private SecretScan(IEnumerable<string> values) => _values = [.. values.Where(v => v.Length > 0).Distinct(StringComparer.Ordinal)];

    /// <summary>With everything secret that this host knows of.</summary>
    public static SecretScan Of(KeptFiles kept, RecoverySettings settings, IEnumerable<KeyValuePair<string, string>> environment)
    {
        var values = environment.Where(e => KeptFiles.IsSecretName(e.Key) && !e.Key.EndsWith("_FILE", StringComparison.Ordinal) && !e.Key.EndsWith("REPOSITORY", StringComparison.Ordinal)).Select(e => e.Value).ToList();
        string?[] files = [Path.Combine(kept.Home, "founder.key"), Path.Combine(kept.Home, "postgres", "password"), settings.PasswordFile];
        values.AddRange(files.Where(File.Exists).Select(f => File.ReadAllText(f!).Trim()));
        if (settings.CredentialsFile is { } credentials && File.Exists(credentials))
        {
            values.AddRange(File.ReadLines(credentials).Where(l => l.Contains('=', StringComparison.Ordinal) && KeptFiles.IsSecretName(l[..l.IndexOf('=', StringComparison.Ordinal)])).Select(l => l[(l.IndexOf('=', StringComparison.Ordinal) + 1)..].Trim()));
        }

        return new SecretScan(values);
    }

    /// <summary>The first line with a secret in it; null where there is none.</summary>
    public int? FirstLineOf(string file, CancellationToken cancellationToken)
    {
        var redaction = new SecretRedaction(_values);
        var number = 0;
        // Byte for byte: a secret is of plain letters, whatever the file is.
        foreach (var line in File.ReadLines(file, Encoding.Latin1))
        {
            cancellationToken.ThrowIfCancellationRequested();
            number++;
            if (!ReferenceEquals(redaction.Redact(line), line))
            {
                return number;
            }
        }

        return null;
    }
}
