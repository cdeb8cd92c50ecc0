using System.Text.Json;
using ControlCenter.Domain.Recovery;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Storage.Invariants;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>Reads drills, and what they prove.</summary>
public sealed class DrillQueries(NpgsqlDataSource database, JobQueries jobs, RegisteredJobs registered)
{
    private const string Columns =
        """
        select d.id, d.scenario, d.state, d.is_sample, d.started_at, d.ended_at, d.seconds, d.snapshot_id, d.snapshot_at, d.snapshot_age_hours, d.restored_to,
            d.tables_verified, d.table_count_drift_pct, d.live_drift_pct, d.data_freshness_hours, d.wal_pitr_tested, d.cleanup_proven, d.notes, d.problem, d.executor,
            d.job_run_id, d.root_cause, a.name, d.root_cause_at, d.steps, d.tables, d.invariants
        from restore_drills d left join actors a on a.id = d.root_cause_by
        """;

    /// <summary>Drills, newest first.</summary>
    public async Task<Page<RestoreDrillView>> ListAsync(DrillScenario? scenario, PageRequest page, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        var filter = new SqlFilter(command).Add("d.scenario = @scenario", "scenario", scenario?.Wire()).AddPlace("d.started_at", "d.id", "<", page.AfterPlace);
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        command.CommandText = $"{Columns} where {filter.Where} order by d.started_at desc, d.id desc limit @limit";
        return page.PageOf([.. (await StoriesAsync(command, cancellationToken)).Select(s => s.Drill)], d => new PlaceInTime(d.DrillDate, d.DrillId));
    }

    /// <summary>One drill with all that was counted; null if there is none.</summary>
    public async Task<RestoreDrillStory?> FindAsync(Guid id, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await FindAsync(connection, id, cancellationToken);
    }

    /// <summary>One drill, as the transaction on a connection sees it.</summary>
    internal static async Task<RestoreDrillStory?> FindAsync(NpgsqlConnection connection, Guid id, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"{Columns} where d.id = @id", connection);
        command.Parameters.AddWithValue("id", id);
        return (await StoriesAsync(command, cancellationToken)).FirstOrDefault();
    }

    /// <summary>Every scenario and every cause: when it was last proven, and what stands in the way.</summary>
    public async Task<DrillOverview> OverviewAsync(CancellationToken cancellationToken)
    {
        var next = (await jobs.ListAsync(cancellationToken)).Items.ToDictionary(j => j.Name, j => j.NextRuns.Count > 0 ? j.NextRuns[0] : (DateTimeOffset?)null, StringComparer.Ordinal);
        var latest = await LatestAsync(cancellationToken);
        var scenarios = DrillSchedule.All.Where(s => !s.IsSample).Select(s => ViewOf(s, latest[s.Scenario], next)).ToList();
        var passed = scenarios.ToDictionary(s => s.Scenario, s => s.LastPassedAt);
        return new DrillOverview(
            registered.Find(DrillSchedule.All[0].JobName) is not null, passed[DrillScenario.Database], scenarios,
            [.. RecoveryCauses.All.Select(c => new DrilledCauseView(c.Cause, c.Scenarios, c.How, c.Scenarios.Any(s => passed[s] is null) ? null : c.Scenarios.Min(s => passed[s])))]);
    }

    private static DrillScenarioView ViewOf(DrillSchedule schedule, List<Brief> latest, Dictionary<string, DateTimeOffset?> next)
    {
        var newest = latest.FirstOrDefault();
        var blocking = DrillRules.MayRun(latest.Select(d => (d.State, d.HasRootCause))) ? null : latest.First(d => d.State is DrillState.Passed or DrillState.Failed);
        return new DrillScenarioView(
            schedule.Scenario, schedule.JobName, schedule.Title, schedule.Description, latest.FirstOrDefault(d => d.State == DrillState.Passed)?.EndedAt,
            newest?.State, newest?.Id, newest?.StartedAt, newest?.Seconds, DrillRules.FailedInARow(latest.Select(d => d.State)), blocking?.Id,
            DrillSchedule.All.Where(s => s.Scenario == schedule.Scenario).Min(s => next.GetValueOrDefault(s.JobName)));
    }

    // Of each scenario the newest ones, and the newest that passed.
    private async Task<ILookup<DrillScenario, Brief>> RowsAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select s.scenario, d.id, d.state, d.root_cause is not null, d.started_at, d.ended_at, d.seconds
            from unnest(@scenarios) s (scenario) cross join lateral (
                (select * from restore_drills r where r.scenario = s.scenario order by started_at desc, id desc limit 50)
                union
                (select * from restore_drills r where r.scenario = s.scenario and r.state = 'passed' order by started_at desc, id desc limit 1)) d
            order by d.started_at desc, d.id desc
            """);
        command.Parameters.AddWithValue("scenarios", WireNames<DrillScenario>.All.ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<(DrillScenario Scenario, Brief Drill)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add((WireNames<DrillScenario>.Parse(reader.GetString(0)), new Brief(
                reader.GetGuid(1), WireNames<DrillState>.Parse(reader.GetString(2)), reader.GetBoolean(3), reader.GetFieldValue<DateTimeOffset>(4),
                reader.ValueOrNull<DateTimeOffset>(5), reader.ValueOrNull<decimal>(6))));
        }

        return found.ToLookup(f => f.Scenario, f => f.Drill);
    }

    private async Task<Dictionary<DrillScenario, List<Brief>>> LatestAsync(CancellationToken cancellationToken)
    {
        var rows = await RowsAsync(cancellationToken);
        return Enum.GetValues<DrillScenario>().ToDictionary(s => s, s => rows[s].ToList());
    }

    private static async Task<List<RestoreDrillStory>> StoriesAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<RestoreDrillStory>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(new RestoreDrillStory(ViewOf(reader), Listed<TableVerdict>(reader, 25), Listed<InvariantVerdict>(reader, 26)));
        }

        return found;
    }

    private static RestoreDrillView ViewOf(NpgsqlDataReader reader) => new(
        reader.GetGuid(0), WireNames<DrillScenario>.Parse(reader.GetString(1)), WireNames<DrillState>.Parse(reader.GetString(2)), reader.GetBoolean(3),
        reader.GetFieldValue<DateTimeOffset>(4), reader.ValueOrNull<DateTimeOffset>(5), reader.ValueOrNull<decimal>(6), reader.TextOrNull(7),
        reader.ValueOrNull<DateTimeOffset>(8), reader.ValueOrNull<decimal>(9), reader.ValueOrNull<DateTimeOffset>(10), reader.ValueOrNull<int>(11),
        reader.ValueOrNull<decimal>(12), reader.ValueOrNull<decimal>(13), reader.ValueOrNull<decimal>(14), reader.GetBoolean(15), reader.ValueOrNull<bool>(16),
        reader.TextOrNull(17), reader.TextOrNull(18), reader.GetString(19), reader.ValueOrNull<Guid>(20), reader.TextOrNull(21), reader.TextOrNull(22),
        reader.ValueOrNull<DateTimeOffset>(23), Listed<DrillStep>(reader, 24));

    private static List<T> Listed<T>(NpgsqlDataReader reader, int column) => JsonSerializer.Deserialize<List<T>>(reader.GetString(column), WireJson.Options) ?? [];

    private sealed record Brief(Guid Id, DrillState State, bool HasRootCause, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, decimal? Seconds);
}
