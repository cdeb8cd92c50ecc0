using ControlCenter.Runtime.Commands;
using Npgsql;

namespace ControlCenter.Runtime.Storage;

/// <summary>
/// A class of history that need not be kept for ever. It is said where the table is: what of it is old, and what is needed all the same,
/// by a foreign key or by a rule.
/// </summary>
public abstract class RetainedHistory
{
    /// <summary>No policy keeps anything longer than this, short of for ever.</summary>
    public const int MostDays = 3650;

    /// <summary>Its name: in the database and in addresses.</summary>
    public abstract string Class { get; }

    /// <summary>What it is called.</summary>
    public abstract string Title { get; }

    /// <summary>What of it goes, and what stays however old it is.</summary>
    public abstract string Description { get; }

    /// <summary>How many days it is kept until the founder says otherwise; null for ever.</summary>
    public abstract int? DefaultDays { get; }

    /// <summary>It cannot be kept shorter.</summary>
    public abstract int LeastDays { get; }

    /// <summary>Its table.</summary>
    protected abstract string Table { get; }

    /// <summary>The condition, on <c>t</c>, of what belongs to it: all of its table, unless the table tells of more than it.</summary>
    protected virtual string IsThere => "true";

    /// <summary>The condition, on <c>t</c>, of what goes: older than <c>@days</c> days by the database's clock, and needed by nothing.</summary>
    protected abstract string IsOld { get; }

    /// <summary>The moment, on <c>t</c>, that it is of: what lies in a pinned stretch of time stays.</summary>
    protected virtual string Moment => "t.at";

    /// <summary>The moment, on <c>t</c>, at which it began, never null, where it took time up to <see cref="Moment"/>: what has any of its time in a pinned stretch stays.</summary>
    protected virtual string Began => Moment;

    /// <summary>The condition, on <c>t</c>, of what goes: it is old, and of no time that somebody has pinned.</summary>
    protected string Goes => $"({IsOld}) and not exists (select from incident_pins p where p.released_at is null and p.from_at <= {Moment} and p.to_at >= {Began})";

    /// <summary>How much there is, and how much of it would go.</summary>
    public async Task<(long All, long Old)> CountAsync(NpgsqlConnection connection, int days, CancellationToken cancellationToken)
    {
        // What is old is found by its index. How many there are is worth no long scan: of a large table it is what the planner believes.
        await using var command = new NpgsqlCommand(
            $"""
            select (select case when reltuples > 100000 then reltuples::bigint else (select count(*) from {Table} t where {IsThere}) end from pg_class where oid = '{Table}'::regclass),
                (select count(*) from {Table} t where {Goes})
            """,
            connection)
        {
            CommandTimeout = 0,
        };
        command.Parameters.AddWithValue("days", days);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var old = reader.GetInt64(1);
        return (Math.Max(reader.GetInt64(0), old), old);
    }

    /// <summary>Removes some of what is old.</summary>
    /// <param name="unit">The transaction.</param>
    /// <param name="days">How old.</param>
    /// <param name="most">How many at the most.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>How many went; fewer than asked for when no more are left.</returns>
    public virtual Task<int> RemoveAsync(UnitOfWork unit, int days, int most, CancellationToken cancellationToken) =>
        unit.ExecuteAsync(
            $"delete from {Table} where ctid = any(array(select t.ctid from {Table} t where {Goes} limit @most for update skip locked))",
            cancellationToken, ("days", days), ("most", most));
}
