using System.Globalization;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Models;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Hooks;
using Npgsql;

namespace ControlCenter.Hosting;

/// <summary>The host's settings, from the environment (bus-api.md, Environment). Half a setting is refused, never guessed.</summary>
/// <param name="Home">Data folder (<c>CC_HOME</c>).</param>
/// <param name="Listen">Address (<c>CC_LISTEN</c>).</param>
/// <param name="Database">Connection string (<c>CC_DATABASE</c>); null for the host's own PostgreSQL.</param>
/// <param name="Environment"><c>CC_ENVIRONMENT</c>.</param>
/// <param name="FounderKey"><c>CC_FOUNDER_KEY</c>.</param>
/// <param name="LogLevel"><c>CC_LOG</c>.</param>
/// <param name="JsonLog"><c>CC_LOG_FORMAT</c> is <c>json</c>.</param>
/// <param name="EventRetention">How long events are kept (<c>CC_EVENT_RETENTION_DAYS</c>); for ever unless said.</param>
internal sealed record HostSettings(
    string Home, Uri Listen, string? Database, string Environment, string? FounderKey, LogLevel LogLevel, bool JsonLog, EventRetention EventRetention)
{
    /// <summary>The model gateway's settings (<c>CC_MODELS</c>, <c>CC_GATEWAY_BODY_MIB</c>).</summary>
    public GatewayOptions Gateway { get; init; } = new();

    /// <summary>Where backups go (<c>CC_BACKUP_REPOSITORY</c>, <c>CC_BACKUP_PASSWORD_FILE</c>, <c>CC_BACKUP_CREDENTIALS_FILE</c>, <c>CC_BACKUP_ESCROW_FILE</c>), and who is told of them (<c>CC_RECOVERY_HOOK</c>); null where none are taken.</summary>
    public RecoverySettings? Recovery { get; init; }

    /// <summary>Whether the bus runs agents on its own machine (<c>CC_LOCAL_RUNNER</c>); on unless said.</summary>
    public bool LocalRunner { get; init; } = true;

    /// <summary>Whether it only rehearses on a copy, for a restore drill (<c>CC_REHEARSAL</c>): it runs no jobs and no agents, and ends with its standard input.</summary>
    public bool IsRehearsal { get; init; }

    /// <summary>As which surface it was started (OR-03): <c>host</c>, or <c>go</c>.</summary>
    public string Surface { get; init; } = "host";

    /// <summary>Where agents' definitions lie (<c>CC_AGENTS</c>); null for <c>agents/</c> under <see cref="Home"/>.</summary>
    public string? Agents { get; init; }

    private static readonly string[] Environments = ["PRD", "TST", "DEV", "LOC"];

    /// <summary>Reads and checks the settings.</summary>
    /// <exception cref="SettingException">One of them is not as it must be; the message names it.</exception>
    public static HostSettings Read(Func<string, string?> read)
    {
        string? Value(string name) => read(name) is { } text && !string.IsNullOrWhiteSpace(text) ? text.Trim() : null;

        var isRehearsal = OneOf("CC_REHEARSAL", Value("CC_REHEARSAL") ?? "off", ["on", "off"]) == "on";
        if (isRehearsal)
        {
            // Half a rehearsal would act on what is real.
            RequireUnset("CC_DATABASE", Value("CC_DATABASE"));
            RequireUnset("CC_BACKUP_REPOSITORY", Value("CC_BACKUP_REPOSITORY"));
        }

        return new HostSettings(
            Path.GetFullPath(Value("CC_HOME") ?? "./data"),
            ListenOf(Value("CC_LISTEN") ?? "http://127.0.0.1:7400"),
            DatabaseOf(Value("CC_DATABASE")),
            OneOf("CC_ENVIRONMENT", Value("CC_ENVIRONMENT") ?? "LOC", Environments),
            FounderKeyOf(Value("CC_FOUNDER_KEY")),
            LogLevelOf(Value("CC_LOG") ?? "information"),
            OneOf("CC_LOG_FORMAT", Value("CC_LOG_FORMAT") ?? "text", ["text", "json"]) == "json",
            EventRetentionOf(Value("CC_EVENT_RETENTION_DAYS")))
        {
            Agents = Value("CC_AGENTS") is { } agents ? FolderOf("CC_AGENTS", agents) : null,
            Gateway = new GatewayOptions(Value("CC_MODELS") is { } path ? Path.GetFullPath(path) : null, BodyMiBOf(Value("CC_GATEWAY_BODY_MIB"))),
            Recovery = RecoveryOf(
                Path.GetFullPath(Value("CC_HOME") ?? "./data"), Value("CC_BACKUP_REPOSITORY"), Value("CC_BACKUP_PASSWORD_FILE"), Value("CC_BACKUP_CREDENTIALS_FILE"),
                Value("CC_BACKUP_ESCROW_FILE"), Value("CC_RECOVERY_HOOK")),
            LocalRunner = !isRehearsal && OneOf("CC_LOCAL_RUNNER", Value("CC_LOCAL_RUNNER") ?? "on", ["on", "off"]) == "on",
            IsRehearsal = isRehearsal,
        };
    }

    /// <summary>Reads and checks how it logs, which is all that a runner has of these settings.</summary>
    /// <exception cref="SettingException">One of them is not as it must be; the message names it.</exception>
    public static (LogLevel Level, bool Json) ReadLogging(Func<string, string?> read)
    {
        string? Value(string name) => read(name) is { } text && !string.IsNullOrWhiteSpace(text) ? text.Trim() : null;
        return (LogLevelOf(Value("CC_LOG") ?? "information"), OneOf("CC_LOG_FORMAT", Value("CC_LOG_FORMAT") ?? "text", ["text", "json"]) == "json");
    }

    private static void RequireUnset(string name, string? value)
    {
        if (value is not null)
        {
            throw new SettingException(name, "(not shown)", "nothing while CC_REHEARSAL is on: a rehearsal has a database of its own and backs nothing up");
        }
    }

    private static string FolderOf(string name, string path) =>
        Directory.Exists(path) ? Path.GetFullPath(path) : throw new SettingException(name, path, "a folder that is there");

    /// <summary>Reads and checks where backups are.</summary>
    /// <exception cref="SettingException">Half of it is said, or a file is not there.</exception>
    internal static RecoverySettings? RecoveryOf(
        string home, string? repository, string? passwordFile, string? credentialsFile, string? escrowFile = null, string? hook = null)
    {
        if (repository is null)
        {
            (string Name, string? Value)[] alone =
            [
                ("CC_BACKUP_PASSWORD_FILE", passwordFile), ("CC_BACKUP_CREDENTIALS_FILE", credentialsFile), ("CC_BACKUP_ESCROW_FILE", escrowFile), ("CC_RECOVERY_HOOK", hook),
            ];
            return alone.FirstOrDefault(s => s.Value is not null) is { Value: { } said } setting ? throw new SettingException(setting.Name, said, "nothing, or CC_BACKUP_REPOSITORY with it") : null;
        }

        // A path may be relative; what restic knows by a scheme is passed on as it is.
        var isPath = repository[0] is '/' or '.' || !repository.Contains(':', StringComparison.Ordinal);
        var place = isPath ? Path.GetFullPath(repository) : repository;
        var password = FileOf("CC_BACKUP_PASSWORD_FILE", passwordFile ?? throw new SettingException("CC_BACKUP_PASSWORD_FILE", "", "the file with the repository's password"));
        return new RecoverySettings(Path.Combine(home, "recovery"), place, password, credentialsFile is null ? null : FileOf("CC_BACKUP_CREDENTIALS_FILE", credentialsFile))
        {
            IsBesideData = isPath && (place + "/").StartsWith(home + "/", StringComparison.Ordinal),
            EscrowFile = escrowFile is null ? null : EscrowOf(escrowFile, password, home),
            Hook = new RecoveryHook(hook is null ? null : ProgramOf("CC_RECOVERY_HOOK", hook)),
        };
    }

    // By its name alone: a disk that is away keeps no bus from starting. Whether it is there, and no link to the first copy, the watch looks.
    private static string EscrowOf(string path, string password, string home)
    {
        var full = Path.GetFullPath(path);
        return full == password ? throw new SettingException("CC_BACKUP_ESCROW_FILE", path, "another file than CC_BACKUP_PASSWORD_FILE: a second copy of the password, kept elsewhere")
            : full.StartsWith(home + "/", StringComparison.Ordinal) ? throw new SettingException("CC_BACKUP_ESCROW_FILE", path, "a file outside of CC_HOME, with which it would be lost")
            : full;
    }

    private static string ProgramOf(string name, string path) =>
        File.Exists(path) && (File.GetUnixFileMode(path) & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) != 0
            ? Path.GetFullPath(path)
            : throw new SettingException(name, path, "a program that is there and may be run");

    private static string FileOf(string name, string path) =>
        File.Exists(path) ? Path.GetFullPath(path) : throw new SettingException(name, path, "a file that is there");

    private static Uri ListenOf(string text) =>
        Uri.TryCreate(text.Replace("//+", "//0.0.0.0", StringComparison.Ordinal).Replace("//*", "//0.0.0.0", StringComparison.Ordinal), UriKind.Absolute, out var uri)
        && uri.Scheme is "http" or "https" && uri.AbsolutePath == "/"
            ? uri
            : throw new SettingException("CC_LISTEN", text, "an address such as http://127.0.0.1:7400");

    private static string? DatabaseOf(string? text)
    {
        if (text is null)
        {
            return null;
        }

        try
        {
            return new NpgsqlConnectionStringBuilder(text) is { Host.Length: > 0 } settings
                ? settings.ConnectionString
                : throw new SettingException("CC_DATABASE", "(not shown)", "a connection string with a Host");
        }
        catch (ArgumentException)
        {
            throw new SettingException("CC_DATABASE", "(not shown)", "an Npgsql connection string: Host=…;Database=…;Username=…;Password=…");
        }
    }

    private static string? FounderKeyOf(string? text) =>
        text is null || (text.Length is >= KeyFormat.ShortestChosen and <= 512 && text.All(c => c is > ' ' and <= '~'))
            ? text
            : throw new SettingException("CC_FOUNDER_KEY", "(not shown)", $"{KeyFormat.ShortestChosen} to 512 printable characters without spaces");

    private static EventRetention EventRetentionOf(string? text) =>
        text is null ? EventRetention.ForEver
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var days) && days is >= EventRetention.LeastDays and <= EventRetention.MostDays
            ? new EventRetention(days)
            : throw new SettingException("CC_EVENT_RETENTION_DAYS", text, $"a whole number from {EventRetention.LeastDays} to {EventRetention.MostDays}, or nothing to keep events for ever");

    private static int BodyMiBOf(string? text) =>
        text is null ? GatewayOptions.DefaultBodyMiB
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var mebibytes) && mebibytes is > 0 and <= GatewayOptions.MostBodyMiB ? mebibytes
        : throw new SettingException("CC_GATEWAY_BODY_MIB", text, $"a whole number from 1 to {GatewayOptions.MostBodyMiB}");

    private static LogLevel LogLevelOf(string text) =>
        Enum.TryParse<LogLevel>(text, ignoreCase: true, out var level) && !int.TryParse(text, out _)
            ? level
            : text.ToLowerInvariant() switch
            {
                "info" => LogLevel.Information,
                "warn" => LogLevel.Warning,
                _ => throw new SettingException("CC_LOG", text, string.Join(", ", Enum.GetNames<LogLevel>()).ToLowerInvariant()),
            };

    private static string OneOf(string name, string value, string[] allowed) =>
        Array.IndexOf(allowed, value) >= 0 ? value : throw new SettingException(name, value, $"one of {string.Join(", ", allowed)}");
}

/// <summary>A setting that is not as it must be.</summary>
internal sealed class SettingException(string name, string value, string expected)
    : Exception($"{name} is '{value}'; expected {expected}.");
