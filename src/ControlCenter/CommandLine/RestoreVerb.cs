using System.CommandLine;
using System.Globalization;
using ControlCenter.Access;
using ControlCenter.Hosting;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Files;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.Runtime.Storage.Embedded;
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

    private static readonly Option<bool> Replace = new("--replace")
    {
        Description = "Puts it in the place of the database in CC_HOME, whose host is stopped; that one is kept beside it.",
    };

    private static readonly Option<string?> Confirm = new("--confirm") { Description = "What --replace asks to be typed: \"replace\" and the name of the folder CC_HOME.", HelpName = "WORDS" };

    public static Command Restore { get; } = Make();

    private static Command Make()
    {
        var command = new Command("restore", "Restores the database to a moment, from the backup repository alone: into an empty folder, or in the place of a stopped host's. No host needs to run.") { To, Into, Replace, Confirm, Repository, PasswordFile, List };
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

            var (into, replace) = (parsed.GetValue(Into), parsed.GetValue(Replace));
            if ((into is null) != replace)
            {
                await error.WriteLineAsync("Say where to: --into and an empty folder, or --replace to put it in the place of the database of CC_HOME.");
                return ExitCode.Usage;
            }

            var time = TimeProvider.System;
            var restore = new RestoreDatabase(new RestoreCluster(restic, time, NullLogger<RestoreCluster>.Instance), restic, NullLoggerFactory.Instance, time);
            var plan = RestorePlan.Of(index, parsed.GetValue(To));
            if (into is not null)
            {
                var restored = await restore.ExecuteAsync(plan, into.FullName, new Line(output), cancellationToken);
                await RestoreReport.WriteAsync(restored, output);
                // First: the database is there, and is started on, also where the files cannot be fetched.
                await FounderAsync(into.FullName, output, cancellationToken);
                await FilesAsync(restic, index, plan, into.FullName, output, cancellationToken);
                await output.WriteLineAsync(restored.Passed ? $"Start it with: CC_HOME={into.FullName} ./run" : $"It is in {into.FullName}, and not as it should be.");
                return restored.Passed ? ExitCode.Ok : ExitCode.Damaged;
            }

            return await ReplaceAsync(parsed, restore, plan, output, error, cancellationToken);
        }
        catch (Exception fault) when (fault is RestoreException or ToolException or InvalidDataException or EmbeddedPostgresException)
        {
            await error.WriteLineAsync(fault.Message);
            return ExitCode.Damaged;
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    private static async Task<int> ReplaceAsync(
        ParseResult parsed, RestoreDatabase restore, RestorePlan plan, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        if (Environment.GetEnvironmentVariable("CC_DATABASE") is { Length: > 0 })
        {
            await error.WriteLineAsync(new OwnCluster(null).CannotBeReplaced);
            return ExitCode.Usage;
        }

        var home = Path.GetFullPath(Environment.GetEnvironmentVariable("CC_HOME") is { Length: > 0 } said ? said : "./data");
        var typed = parsed.GetValue(Confirm);
        var (restored, aside, isInPlace) = await new RestoreByHand(restore, NullLoggerFactory.Instance, TimeProvider.System).ReplaceAsync(plan, home, async (found, expected) =>
        {
            await RestoreReport.WriteAsync(found, output);
            if (expected is null)
            {
                return true;
            }

            if (typed is null && !Console.IsInputRedirected)
            {
                await output.WriteLineAsync($"Type '{expected}' to put it in the place of the database in {home}, which is kept beside it:");
                typed = await Console.In.ReadLineAsync(cancellationToken);
            }

            if (typed?.Trim() == expected)
            {
                return true;
            }

            await error.WriteLineAsync($"Nothing was replaced. It is done with: --confirm \"{expected}\"");
            return false;
        }, new Line(output), cancellationToken);
        if (!isInPlace)
        {
            return ExitCode.Usage;
        }

        if (aside is null)
        {
            await FounderAsync(home, output, cancellationToken);
        }

        await output.WriteLineAsync($"It is the database of {home} now{(aside is null ? "" : $"; the one of before is {aside}")}. Start it with: CC_HOME={home} ./run");
        return restored.Passed ? ExitCode.Ok : ExitCode.Damaged;
    }

    // Keys are in no backup: who restores after a loss has the machine and the repository's password, and gets in by those.
    private static async Task FounderAsync(string home, TextWriter output, CancellationToken cancellationToken)
    {
        if (await FounderAccess.MarkLostAsync(home, cancellationToken))
        {
            await output.WriteLineAsync("The founder's key is in no backup. The first start revokes it, makes a new one and says where it is; to go on with the one of before, put founder.key there first, or set CC_FOUNDER_KEY.");
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
