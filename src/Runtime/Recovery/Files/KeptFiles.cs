namespace ControlCenter.Runtime.Recovery.Files;

/// <summary>What of a host's files is backed up beside its database. Its keys and passwords are not: whoever restores puts those back by hand.</summary>
/// <param name="Home">The data folder (<c>CC_HOME</c>).</param>
/// <param name="Folders">Folders, by the name that they are restored under: <c>transcripts</c>, <c>agents</c>, <c>state</c>.</param>
/// <param name="SingleFiles">Files, by the name that they are restored under.</param>
/// <param name="Settings">The host's settings, without those that are secret.</param>
public sealed record KeptFiles(
    string Home, IReadOnlyDictionary<string, string> Folders, IReadOnlyDictionary<string, string> SingleFiles, IReadOnlyDictionary<string, string> Settings)
{
    /// <summary>The settings' file in the backup.</summary>
    public const string SettingsFile = "settings.json";

    private static readonly string[] SecretWords = ["KEY", "PASSWORD", "SECRET", "TOKEN", "DATABASE", "REPOSITORY"];

    /// <summary>What there is by the host's settings.</summary>
    /// <param name="home">The data folder.</param>
    /// <param name="agents">Where agents' definitions lie.</param>
    /// <param name="models">The founder's own catalogue of models and prices; null for none.</param>
    /// <param name="environment">The process's environment.</param>
    public static KeptFiles Of(string home, string agents, string? models, IEnumerable<KeyValuePair<string, string>> environment) => new(
        home,
        new Dictionary<string, string> { ["transcripts"] = Path.Combine(home, "transcripts"), ["agents"] = agents, ["state"] = Path.Combine(home, "state") },
        models is null ? new Dictionary<string, string>() : new Dictionary<string, string> { ["models" + Path.GetExtension(models)] = models },
        environment.Where(e => e.Key.StartsWith("CC_", StringComparison.Ordinal) && (e.Key.EndsWith("_FILE", StringComparison.Ordinal) || !IsSecretName(e.Key)))
            .OrderBy(e => e.Key, StringComparer.Ordinal).ToDictionary(e => e.Key, e => e.Value));

    /// <summary>Whether a setting or variable of that name may hold a secret. An address may have a password in it.</summary>
    internal static bool IsSecretName(string name) => SecretWords.Any(w => name.Contains(w, StringComparison.OrdinalIgnoreCase));
}
