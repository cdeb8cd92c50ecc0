using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Storage;

namespace ControlCenter.Runtime.Jobs;

/// <summary>Runs that have ended, with their logs.</summary>
public sealed class OldJobRuns : RetainedHistory
{
    /// <inheritdoc />
    public override string Class => "job-runs";

    /// <inheritdoc />
    public override string Title => "Runs of jobs and their logs";

    /// <inheritdoc />
    public override string Description => "Counted from the run's end. Attempts stay while a later one of the same run is to come.";

    /// <inheritdoc />
    public override int? DefaultDays => 90;

    /// <inheritdoc />
    public override int LeastDays => 7;

    /// <inheritdoc />
    protected override string Table => "job_runs";

    /// <inheritdoc />
    protected override string Moment => "t.ended_at";

    // Not when it started: one that was missed in an outage never did, and was queued after it.
    /// <inheritdoc />
    protected override string Began => "least(t.slot, t.queued_at)";

    /// <inheritdoc />
    protected override string IsOld =>
        """
        t.ended_at < clock_timestamp() - make_interval(days => @days)
        and not exists (select from job_runs n where n.root_id = t.root_id and n.ended_at is null)
        """;

    /// <inheritdoc />
    public override async Task<int> RemoveAsync(UnitOfWork unit, int days, int most, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            $"""
            with old as (
                select t.id, t.root_id from job_runs t where {Goes} limit @most for update skip locked
            ), lines as (
                delete from job_run_lines l using old where l.run_id = old.id
            ), effects as (
                delete from job_effects e using old
                where e.root_id = old.root_id and not exists (select from job_runs r where r.root_id = old.root_id and r.id not in (select id from old))
            )
            select coalesce(array_agg(id), array[]::uuid[]) from old
            """,
            ("days", days), ("most", most));
        var runs = (Guid[])(await command.ExecuteScalarAsync(cancellationToken))!;

        // A statement of its own: the foreign key of the lines is asked at the end of each.
        return await unit.ExecuteAsync("delete from job_runs where id = any(@runs)", cancellationToken, ("runs", runs));
    }
}
