using System.Diagnostics;
using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Jobs;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Storage;
using ControlCenter.Runtime.Storage.Embedded;
using ControlCenter.Runtime.Storage.Invariants;
using Npgsql;

namespace ControlCenter.Runtime.Jobs;

/// <summary>
/// Looks through every table and index for damage that PostgreSQL would only notice when it reads them, with its own <c>pg_amcheck</c>,
/// and then whether what is in them is what it must be (<see cref="CheckInvariants"/>).
/// </summary>
public sealed class CheckDatabase(NpgsqlDataSource database, DatabaseAddress address, Transactions transactions) : Job
{
    // pg_amcheck's own: 2 for damage that was found, 1 for anything else that went wrong (PostgreSQL manual, pg_amcheck).
    private const int FoundDamage = 2;

    // Of damage there can be a line for every row; the first ones say where it is.
    private const int MostLinesOfDamage = 500;

    /// <inheritdoc />
    public override string Name => "check-database";

    /// <inheritdoc />
    public override string Title => "Check the database";

    /// <inheritdoc />
    public override string Description => "Reads every table and index and checks that they agree (pg_amcheck), and that what they say is consistent: each held task has its lease, each budget is the sum of its costs. Damage is an alert; a check that could not be made has failed.";

    /// <inheritdoc />
    public override string DefaultCron => "0 4 * * 0";

    /// <inheritdoc />
    public override MissedRuns DefaultMissedRuns => MissedRuns.RunOnce;

    /// <inheritdoc />
    public override TimeSpan Timeout => TimeSpan.FromHours(6);

    /// <inheritdoc />
    public override async Task ExecuteAsync(JobRun run, CancellationToken cancellationToken)
    {
        var settings = new NpgsqlConnectionStringBuilder(address.ConnectionString);
        var program = await ProgramAsync(cancellationToken);
        await run.LogAsync($"{program} on the database {settings.Database}", cancellationToken);
        await run.ProgressAsync(0, "tables and indexes are read", cancellationToken);
        var (exitCode, lines) = await RunAsync(run, program, settings, cancellationToken);
        switch (exitCode)
        {
            case 0:
                var read = await RelationsAsync(cancellationToken);
                await RequireInvariantsAsync(run, cancellationToken);
                await run.ProgressAsync(100, string.Create(CultureInfo.InvariantCulture, $"no damage in {read} tables and indexes, and {CheckInvariants.All.Count} invariants hold"), cancellationToken);
                return;
            case FoundDamage:
                await TellAsync(
                    run, "The database is damaged", lines, "Stop writing, keep a copy of the data folder, and restore from the newest backup that passes its check.", cancellationToken);
                throw new JobRefusedException(string.Create(CultureInfo.InvariantCulture, $"Damage was found; the log has {lines.Count} lines of it. First: {lines.FirstOrDefault()}"));
            default:
                throw new InvalidOperationException(string.Create(
                    CultureInfo.InvariantCulture, $"pg_amcheck could not check (exit code {exitCode}): {lines.FirstOrDefault() ?? "it said nothing"}"));
        }
    }

    private async Task<string> ProgramAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("select current_setting('server_version_num')::int / 10000");
        var major = (int)(await command.ExecuteScalarAsync(cancellationToken))!;
        string folder;
        try
        {
            folder = (await ServerBinaries.FindAsync(major, cancellationToken)).Folder;
        }
        catch (EmbeddedPostgresException fault)
        {
            throw new JobRefusedException($"Not checked: the programs of PostgreSQL {major} are not on this machine. {fault.Message}");
        }

        var program = Path.Combine(folder, "pg_amcheck");
        return File.Exists(program)
            ? program
            : throw new JobRefusedException($"Not checked: there is no pg_amcheck in {folder}. On Debian it is in the package postgresql-{major}.");
    }

    private static async Task<(int ExitCode, List<string> Lines)> RunAsync(JobRun run, string program, NpgsqlConnectionStringBuilder settings, CancellationToken cancellationToken)
    {
        string[] arguments =
        [
            "--host", settings.Host!, "--port", settings.Port.ToString(CultureInfo.InvariantCulture), "--username", settings.Username ?? "postgres", "--no-password",
            "--install-missing", "--heapallindexed", settings.Database ?? "postgres",
        ];
        var info = ServerCommand.StartInfo(program, arguments, asOwner: null);
        (info.RedirectStandardOutput, info.RedirectStandardError) = (true, true);
        // Its own environment, which nobody else's process sees; an argument would be in every list of processes.
        info.Environment["PGPASSWORD"] = settings.Password ?? "";
        using var process = Process.Start(info)!;
        try
        {
            var output = LinesAsync(run, process.StandardOutput, cancellationToken);
            var error = LinesAsync(run, process.StandardError, cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return (process.ExitCode, [.. await output, .. await error]);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    private static async Task<List<string>> LinesAsync(JobRun run, StreamReader reader, CancellationToken cancellationToken)
    {
        var lines = new List<string>();
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (lines.Count < MostLinesOfDamage && line.Length > 0)
            {
                lines.Add(line);
                await run.LogAsync(line, cancellationToken);
            }
        }

        return lines;
    }

    private async Task<long> RelationsAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("select count(*) from pg_class where relkind in ('r', 'i', 't', 'm')");
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task RequireInvariantsAsync(JobRun run, CancellationToken cancellationToken)
    {
        await run.ProgressAsync(60, "what is in them is looked at", cancellationToken);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var broken = new List<string>();
        foreach (var verdict in await CheckInvariants.ExecuteAsync(connection, cancellationToken))
        {
            await run.LogAsync(verdict.Passed ? $"{verdict.Name}: holds" : $"{verdict.Name}: {verdict.Detail}", cancellationToken);
            if (!verdict.Passed)
            {
                broken.Add($"{verdict.Sentence} Not so: {verdict.Detail}");
            }
        }

        if (broken.Count > 0)
        {
            await TellAsync(
                run, "The database contradicts itself", broken, "Find what wrote it in the events of what is named; where that cannot be mended, restore the moment before it.", cancellationToken);
            throw new JobRefusedException(string.Create(CultureInfo.InvariantCulture, $"{broken.Count} of {CheckInvariants.All.Count} invariants do not hold. First: {broken[0]}"));
        }
    }

    private Task TellAsync(JobRun run, string title, List<string> lines, string remedy, CancellationToken cancellationToken) =>
        transactions.RunAsync(Caller.Host, async (unit, ct) =>
        {
            if (await run.OnceAsync(unit, "alert", ct))
            {
                unit.Record("alert.raised", ("job", Name), new
                {
                    Severity = "critical", Title = title, Detail = string.Join('\n', lines.Take(5)), run.RunId, Remedy = remedy,
                });
            }

            return true;
        }, cancellationToken);
}
