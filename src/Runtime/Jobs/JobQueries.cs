using ControlCenter.Domain.Jobs;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Jobs;

/// <summary>Reads jobs and their runs.</summary>
public sealed class JobQueries(NpgsqlDataSource database, RegisteredJobs jobs)
{
    private const int RunsInAView = 30;
    private const int SlotsAhead = 5;

    private const string RunColumns =
        """
        select r.id, r.job, r.root_id, r.attempt, r.slot, r.trigger, r.state, r.payload, b.name, r.queued_at, r.due_at, r.started_at, r.ended_at, r.holder_name,
            r.fencing_token, r.was_lost, r.progress, r.progress_words, r.error, r.cancel_requested_at, c.name, r.lines
        from job_runs r left join actors b on b.id = r.requested_by left join actors c on c.id = r.cancel_requested_by
        """;

    /// <summary>Every job of this host, by name.</summary>
    public async Task<JobList> ListAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return new JobList(await ViewsAsync(connection, jobs.Names, cancellationToken), null);
    }

    /// <summary>One of them.</summary>
    public async Task<JobView?> FindAsync(string name, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await FindAsync(connection, name, cancellationToken);
    }

    /// <summary>A job's runs, the newest first.</summary>
    public async Task<Page<JobRunView>> RunsAsync(string job, JobRunState? state, PageRequest page, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var command = connection.CreateCommand();
        var filter = new SqlFilter(command).Add("r.job = @job", "job", job).Add("r.state = @state", "state", state?.Wire())
            .AddPlace("r.queued_at", "r.id", "<", page.AfterPlace);
        command.CommandText = $"{RunColumns} where {filter.Where} order by r.queued_at desc, r.id desc limit @limit";
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        return page.PageOf(await RunsAsync(command, cancellationToken), r => new PlaceInTime(r.QueuedAt, r.RunId));
    }

    /// <summary>A run and its log; null if there is no such run of the job.</summary>
    /// <param name="job">The job.</param>
    /// <param name="run">The run.</param>
    /// <param name="afterLine">Only lines after this one.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<JobRunStory?> FindRunAsync(string job, Guid run, int afterLine, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand($"{RunColumns} where r.id = @run and r.job = @job", connection);
        command.Parameters.AddWithValue("run", run);
        command.Parameters.AddWithValue("job", job);
        if ((await RunsAsync(command, cancellationToken)).FirstOrDefault() is not { } found)
        {
            return null;
        }

        var lines = new List<JobRunLine>();
        await using var read = new NpgsqlCommand("select number, at, text from job_run_lines where run_id = @run and number > @after order by number", connection);
        read.Parameters.AddWithValue("run", run);
        read.Parameters.AddWithValue("after", afterLine);
        await using var reader = await read.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            lines.Add(new JobRunLine(reader.GetInt32(0), reader.GetFieldValue<DateTimeOffset>(1), reader.GetString(2)));
        }

        return new JobRunStory(found, lines, null);
    }

    /// <summary>One of them, as the transaction on a connection sees it.</summary>
    internal async Task<JobView?> FindAsync(NpgsqlConnection connection, string name, CancellationToken cancellationToken) =>
        jobs.Find(name) is null ? null : (await ViewsAsync(connection, [name], cancellationToken)).FirstOrDefault();

    private async Task<List<JobView>> ViewsAsync(NpgsqlConnection connection, string[] names, CancellationToken cancellationToken)
    {
        var runs = await LastRunsAsync(connection, names, cancellationToken);
        var views = new List<JobView>();
        await using var command = new NpgsqlCommand(
            """
            select j.name, j.cron, j.time_zone, j.missed_runs, j.paused_at, p.name, j.updated_at, u.name, l.run_id, l.holder_name, l.fencing_token, l.taken_at, l.expires_at,
                (select count(*)::int from job_runs r where r.job = j.name and r.state = 'queued'), clock_timestamp()
            from jobs j join actors u on u.id = j.updated_by left join actors p on p.id = j.paused_by left join job_leases l on l.job = j.name and l.run_id is not null
            where j.name = any(@names) order by j.name
            """,
            connection);
        command.Parameters.AddWithValue("names", names);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var (name, cron, zone) = (reader.GetString(0), reader.GetString(1), reader.GetString(2));
            var job = jobs.Find(name)!;
            var paused = reader.ValueOrNull<DateTimeOffset>(4);
            views.Add(new JobView(
                name, job.Title, job.Description, cron, CronSchedule.Words(cron), zone, WireNames<MissedRuns>.Parse(reader.GetString(3)),
                paused is null ? CronSchedule.Parse(cron, zone).Next(reader.GetFieldValue<DateTimeOffset>(14), SlotsAhead) : [],
                paused, reader.TextOrNull(5), job.Retries.Retries, (int)job.Timeout.TotalSeconds, job.IsCancellable, job.CanRunDry,
                reader.GetFieldValue<DateTimeOffset>(6), reader.GetString(7),
                reader.IsDBNull(8)
                    ? null
                    : new JobLeaseView(
                        reader.GetGuid(8), reader.GetString(9), reader.GetInt64(10), reader.GetFieldValue<DateTimeOffset>(11), reader.GetFieldValue<DateTimeOffset>(12)),
                [.. runs[name]], reader.GetInt32(13)));
        }

        return views;
    }

    private static async Task<ILookup<string, JobRunBrief>> LastRunsAsync(NpgsqlConnection connection, string[] names, CancellationToken cancellationToken)
    {
        var runs = new List<(string Job, JobRunBrief Run)>();
        await using var command = new NpgsqlCommand(
            """
            select n.name, r.* from unnest(@names) as n(name), lateral (
                select id, state, started_at, ended_at, progress, progress_words, error from job_runs
                where job = n.name and state <> 'queued' order by queued_at desc, id desc limit @most) r
            """,
            connection);
        command.Parameters.AddWithValue("names", names);
        command.Parameters.AddWithValue("most", RunsInAView);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            runs.Add((reader.GetString(0), new JobRunBrief(
                reader.GetGuid(1), WireNames<JobRunState>.Parse(reader.GetString(2)), reader.ValueOrNull<DateTimeOffset>(3), reader.ValueOrNull<DateTimeOffset>(4),
                reader.ValueOrNull<short>(5), reader.TextOrNull(6), reader.TextOrNull(7))));
        }

        return runs.ToLookup(r => r.Job, r => r.Run, StringComparer.Ordinal);
    }

    private static async Task<List<JobRunView>> RunsAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var runs = new List<JobRunView>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var payload = reader.JsonOrNull(7);
            runs.Add(new JobRunView(
                reader.GetGuid(0), reader.GetString(1), reader.GetGuid(2), reader.GetInt32(3), reader.GetFieldValue<DateTimeOffset>(4),
                WireNames<JobTrigger>.Parse(reader.GetString(5)), WireNames<JobRunState>.Parse(reader.GetString(6)),
                JobRun.IsDryBy(payload), payload, reader.TextOrNull(8), reader.GetFieldValue<DateTimeOffset>(9), reader.GetFieldValue<DateTimeOffset>(10),
                reader.ValueOrNull<DateTimeOffset>(11), reader.ValueOrNull<DateTimeOffset>(12), reader.TextOrNull(13), reader.ValueOrNull<long>(14), reader.GetBoolean(15),
                reader.ValueOrNull<short>(16), reader.TextOrNull(17), reader.TextOrNull(18), reader.ValueOrNull<DateTimeOffset>(19), reader.TextOrNull(20), reader.GetInt32(21)));
        }

        return runs;
    }
}
