using System.CommandLine;
using System.Globalization;
using ControlCenter.Hosting;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Files;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Recovery.Tools;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlCenter.CommandLine;

/// <summary><c>restore</c>: the database as it was at a moment, from the repository alone.</summary>
internal static class RestoreVerb
{
    private static readonly Option<DateTimeOffset?> To = new("--to")
    {
        Description = "The moment, such as 2026-03-30T14:30:00Z; without a zone it is UTC. The latest that can be restored unless said.",
        HelpName = "TIME",
        CustomParser = result =>
        {
            if (DateTimeOffset.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at))
            {
                return at;
            }

            result.AddError($"--to is '{result.Tokens[0].Value}'; expected a time such as 2026-03-30T14:30:00Z.");
            return null;
        },
    };

    private static readonly Option<DirectoryInfo?> Into = new("--into")
    {
        Description = "An empty folder, which is then a CC_HOME to start on.",
        HelpName = "FOLDER",
    };

    private static readonly Option<string?> Repository = new("--repository") { Description = "The restic repository; CC_BACKUP_REPOSITORY unless said.", HelpName = "WHERE" };

    private static readonly Option<string?> PasswordFile = new("--password-file") { Description = "The file with its password; CC_BACKUP_PASSWORD_FILE unless said.", HelpName = "PATH" };

    private static readonly Option<bool> List = new("--list") { Description = "Only says what can be restored." };

    public static Command Restore { get; } = Make();

    private static Command Make()
    {
        var command = new Command("restore", "Restores the database to a moment, into an empty folder, from the backup repository alone. No host needs to run.") { To, Into, Repository, PasswordFile, List };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var (output, error) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
        var scratch = Directory.CreateTempSubdirectory("cc-restore-").FullName;
        try
        {
            string? Value(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? text : null;
            if (HostSettings.RecoveryOf(
                scratch, parsed.GetValue(Repository) ?? Value("CC_BACKUP_REPOSITORY"), parsed.GetValue(PasswordFile) ?? Value("CC_BACKUP_PASSWORD_FILE"),
                Value("CC_BACKUP_CREDENTIALS_FILE")) is not { } settings)
            {
                await error.WriteLineAsync("--repository is not given, and CC_BACKUP_REPOSITORY is not set.");
                return ExitCode.Usage;
            }

            Directory.CreateDirectory(settings.ScratchFolder);
            var restic = new Restic(settings, TimeProvider.System);
            var index = await RepositoryIndex.ReadAsync(restic, cancellationToken);
            if (parsed.GetValue(List))
            {
                await ListAsync(index, output);
                return ExitCode.Ok;
            }

            if (parsed.GetValue(Into) is not { } into)
            {
                await error.WriteLineAsync("--into is not given: the empty folder to restore into.");
                return ExitCode.Usage;
            }

            var plan = RestorePlan.Of(index, parsed.GetValue(To));
            var restored = await new RestoreCluster(restic, TimeProvider.System, NullLogger<RestoreCluster>.Instance)
                .ExecuteAsync(plan, into.FullName, null, new Line(output), cancellationToken);
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                $"Restored {into.FullName} as of {plan.To.UtcDateTime:yyyy-MM-dd HH:mm:ss.fff} UTC in {restored.Took.TotalSeconds:0.#} s; the newest commit in it is of {(restored.LastCommitAt ?? plan.Base.At).UtcDateTime:yyyy-MM-dd HH:mm:ss.fff} UTC."));
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                $"{restored.Tables.Sum(t => t.Rows):#,0} rows in {restored.Tables.Count} tables; when its base was taken there were {restored.Manifest.Tables.Sum(t => t.Rows):#,0}."));
            await FilesAsync(restic, index, plan, into.FullName, output, cancellationToken);
            if (restored.Damage.Length > 0)
            {
                await error.WriteLineAsync($"pg_amcheck found damage:\n{restored.Damage}");
                return ExitCode.Damaged;
            }

            await output.WriteLineAsync($"Tables and indexes agree. Start it with: CC_HOME={into.FullName} ./run");
            return ExitCode.Ok;
        }
        catch (Exception fault) when (fault is RestoreException or ToolException or InvalidDataException)
        {
            await error.WriteLineAsync(fault.Message);
            return ExitCode.Damaged;
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    private static async Task FilesAsync(Restic restic, RepositoryIndex index, RestorePlan plan, string folder, TextWriter output, CancellationToken cancellationToken)
    {
        if (RestoreFiles.For(index, plan.Base.System, plan.To) is not { } copy)
        {
            await output.WriteLineAsync("The repository has no copy of transcripts, definitions and state.");
            return;
        }

        var files = await new RestoreFiles(restic).ExecuteAsync(copy, folder, cancellationToken);
        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"{files.Files} files (transcripts, definitions, state, settings) as of {copy.At.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC{(files.KeptBack.Count == 0 ? "." : $"; {files.KeptBack.Count} never were in the backup, because of secrets in them.")}"));
    }

    private static async Task ListAsync(RepositoryIndex index, TextWriter output)
    {
        foreach (var system in index.Snapshots.Select(s => s.System).Distinct())
        {
            var map = index.Map(system);
            await output.WriteLineAsync($"Cluster {system}:");
            foreach (var range in map.Ranges)
            {
                await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"  any moment from {range.From.UtcDateTime:yyyy-MM-dd HH:mm:ss.fff} to {range.To.UtcDateTime:yyyy-MM-dd HH:mm:ss.fff} UTC"));
            }

            foreach (var gap in map.Gaps)
            {
                await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"  missing: {gap.Missing} segments of log on timeline {gap.Timeline}"));
            }

            if (map.Ranges.Count == 0)
            {
                await output.WriteLineAsync("  nothing can be restored");
            }
        }
    }

    // A line as it comes; Progress<T> would hand it to another thread and change the order.
    private sealed class Line(TextWriter output) : IProgress<string>
    {
        public void Report(string value) => output.WriteLine(value);
    }
}
