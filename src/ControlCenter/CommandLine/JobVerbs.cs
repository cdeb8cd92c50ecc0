using System.CommandLine;
using System.Globalization;
using ControlCenter.Bus;
using ControlCenter.Domain.Jobs;
using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.CommandLine;

/// <summary><c>jobs</c>: what recurs, asked of a running bus.</summary>
internal static class JobVerbs
{
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(500);

    private static readonly Argument<string> Name = new("name") { Description = "The job's name, as ./devxio jobs lists it.", HelpName = "NAME" };

    private static readonly Option<bool> DryRun = new("--dry-run") { Description = "Only says what it would do, where the job can." };

    private static readonly Option<bool> Wait = new("--wait") { Description = "Shows the run's log until it has ended; the exit code is 0 only where it succeeded." };

    private static readonly Option<int> Limit = new("--limit")
    {
        Description = "How many, 1 to 200.",
        HelpName = "N",
        DefaultValueFactory = _ => 20,
    };

    public static Command Jobs { get; } = Make();

    private static Command Make()
    {
        var jobs = BusVerbs.Asking("jobs", "Lists the bus's jobs, and runs, pauses and resumes them.", ListAsync);
        jobs.Add(BusVerbs.Asking("run", "Runs a job now, beside its schedule.", RunAsync, Name, DryRun, Wait));
        jobs.Add(BusVerbs.Asking("pause", "Pauses a job: it goes by its schedule no more until it is resumed.", (call, ct) => PauseAsync(call, "pause", ct), Name));
        jobs.Add(BusVerbs.Asking("resume", "Resumes a job.", (call, ct) => PauseAsync(call, "resume", ct), Name));
        jobs.Add(BusVerbs.Asking("runs", "Lists a job's runs, newest first.", RunsAsync, Name, Limit));
        return jobs;
    }

    private static async Task<int> ListAsync(BusVerbs.BusCall call, CancellationToken cancellationToken)
    {
        var jobs = (await call.GetAsync<JobList>("jobs", cancellationToken)).Items;
        await WriteAsync(call.Output, ["NAME", "STATE", "SCHEDULE", "NEXT", "LAST"], jobs.Select(j => (string[])
        [
            j.Name,
            j.Lease is not null ? "running" : j.PausedAt is not null ? "paused" : j.LastRuns.Count == 0 ? "not run yet" : Word(j.LastRuns[0].State),
            $"{j.Schedule} ({j.TimeZone})",
            j.NextRuns.Count > 0 ? Moment(j.NextRuns[0]) : "-",
            j.LastRuns.Count > 0 && (j.LastRuns[0].EndedAt ?? j.LastRuns[0].StartedAt) is { } last ? Moment(last) : "-",
        ]));
        return ExitCode.Ok;
    }

    private static async Task<int> RunAsync(BusVerbs.BusCall call, CancellationToken cancellationToken)
    {
        var name = NameIn(call);
        var run = (await call.PostAsync<JobRunReference>($"jobs/{name}/run", new RunJobRequest(DryRun: call.Parsed.GetValue(DryRun)), cancellationToken)).RunId;
        await call.Output.WriteLineAsync($"Run {run} is queued.");
        return call.Parsed.GetValue(Wait) ? await FollowAsync(call, name, run, cancellationToken) : ExitCode.Ok;
    }

    private static async Task<int> FollowAsync(BusVerbs.BusCall call, string name, Guid run, CancellationToken cancellationToken)
    {
        var shown = 0;
        while (true)
        {
            var story = await call.GetAsync<JobRunStory>(string.Create(CultureInfo.InvariantCulture, $"jobs/{name}/runs/{run}?after_line={shown}"), cancellationToken);
            foreach (var line in story.Lines)
            {
                await call.Output.WriteLineAsync(line.Text);
                shown = line.Number;
            }

            if (story.Run.EndedAt is not null)
            {
                await call.Output.WriteLineAsync(string.Join(": ", ((string?[])[Word(story.Run.State), story.Run.Error ?? story.Run.ProgressWords]).OfType<string>()));
                return story.Run.State == JobRunState.Succeeded ? ExitCode.Ok : ExitCode.Damaged;
            }

            await Task.Delay(AskAgain, TimeProvider.System, cancellationToken);
        }
    }

    private static async Task<int> PauseAsync(BusVerbs.BusCall call, string verb, CancellationToken cancellationToken)
    {
        var job = await call.PostAsync<JobView>($"jobs/{NameIn(call)}/{verb}", new NoBody(), cancellationToken);
        await call.Output.WriteLineAsync(job.PausedAt is { } since
            ? $"{job.Name} is paused since {Moment(since)}."
            : job.NextRuns.Count > 0 ? $"{job.Name} runs next at {Moment(job.NextRuns[0])}." : $"{job.Name} goes by its schedule.");
        return ExitCode.Ok;
    }

    private static async Task<int> RunsAsync(BusVerbs.BusCall call, CancellationToken cancellationToken)
    {
        var runs = (await call.GetAsync<Page<JobRunView>>(
            string.Create(CultureInfo.InvariantCulture, $"jobs/{NameIn(call)}/runs?limit={call.Parsed.GetValue(Limit)}"), cancellationToken)).Items;
        await WriteAsync(call.Output, ["RUN", "STATE", "FOR", "TOOK", "WHAT CAME OF IT"], runs.Select(r => (string[])
        [
            r.RunId.ToString(),
            Word(r.State),
            Moment(r.Slot),
            r.Seconds is { } seconds ? string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s") : "-",
            r.Error ?? r.ProgressWords ?? "",
        ]));
        return ExitCode.Ok;
    }

    private static string NameIn(BusVerbs.BusCall call) => Uri.EscapeDataString(call.Parsed.GetRequiredValue(Name));

    private static string Word(JobRunState state) => state.ToString().ToLowerInvariant();

    private static string Moment(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    // As wide as what is in them, so that each row is one line; the last is as long as it is.
    private static async Task WriteAsync(TextWriter output, string[] heads, IEnumerable<string[]> rows)
    {
        string[][] all = [heads, .. rows];
        var widths = heads.Select((_, column) => all.Max(r => r[column].Length)).ToArray();
        foreach (var row in all)
        {
            await output.WriteLineAsync(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }
}
