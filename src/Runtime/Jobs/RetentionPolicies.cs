using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Storage;
using Npgsql;

namespace ControlCenter.Runtime.Jobs;

/// <summary>How long a class of history is kept, beside what comes of it.</summary>
/// <param name="Class">Its name.</param>
/// <param name="Title">What it is called.</param>
/// <param name="Description">What of it goes, and what stays.</param>
/// <param name="Days">How many days it is kept; null for ever.</param>
/// <param name="LeastDays">It cannot be kept shorter.</param>
/// <param name="All">How much there is; of more than 100,000 rows about.</param>
/// <param name="Old">How much of it is older than it is kept, now.</param>
/// <param name="TriedAt">When a run last said what would go by this policy. Nothing goes before one has.</param>
/// <param name="WouldRemove">How much that was.</param>
/// <param name="UpdatedAt">Since when the policy is so; null for the one it came with.</param>
/// <param name="UpdatedByName">By whom.</param>
public sealed record RetentionView(
    string Class, string Title, string Description, int? Days, int LeastDays, long All, long Old, DateTimeOffset? TriedAt, long? WouldRemove,
    DateTimeOffset? UpdatedAt, string? UpdatedByName);

/// <summary>The policies.</summary>
public sealed record RetentionList(IReadOnlyList<RetentionView> Items, string? NextCursor);

/// <summary>Keep it for so long.</summary>
/// <param name="Days">How many days; null for ever.</param>
public sealed record SetRetentionRequest(int? Days);

/// <summary>A policy as it is kept.</summary>
internal sealed record RetentionPolicy(RetainedHistory History, int? Days, DateTimeOffset? TriedAt, long? WouldRemove, DateTimeOffset? UpdatedAt, string? UpdatedByName);

/// <summary>Reads the policies of retention.</summary>
public sealed class RetentionQueries(NpgsqlDataSource database, IEnumerable<RetainedHistory> histories)
{
    /// <summary>Each with what is old by it now: policy beside effect.</summary>
    public async Task<RetentionList> ListAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var views = new List<RetentionView>();
        foreach (var policy in await PoliciesAsync(connection, cancellationToken))
        {
            var h = policy.History;
            var (all, old) = await h.CountAsync(connection, policy.Days ?? RetainedHistory.MostDays, cancellationToken);
            views.Add(new RetentionView(
                h.Class, h.Title, h.Description, policy.Days, h.LeastDays, all, policy.Days is null ? 0 : old, policy.TriedAt, policy.WouldRemove, policy.UpdatedAt, policy.UpdatedByName));
        }

        return new RetentionList(views, null);
    }

    /// <summary>One class's history.</summary>
    internal RetainedHistory? Find(string name) => histories.FirstOrDefault(h => h.Class == name);

    /// <summary>The policies in force, in the order in which they are applied.</summary>
    internal async Task<IReadOnlyList<RetentionPolicy>> PoliciesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var kept = new Dictionary<string, (int? Days, DateTimeOffset? TriedAt, long? Would, DateTimeOffset UpdatedAt, string By)>(StringComparer.Ordinal);
        await using (var command = new NpgsqlCommand(
            "select p.class, p.days, p.tried_at, p.would_remove, p.updated_at, a.name, p.updated_by from retention_policies p join actors a on a.id = p.updated_by", connection))
        {
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                kept[reader.GetString(0)] = (
                    reader.ValueOrNull<int>(1), reader.ValueOrNull<DateTimeOffset>(2), reader.ValueOrNull<long>(3), reader.GetFieldValue<DateTimeOffset>(4), reader.GetString(5));
            }
        }

        return [.. histories.Select(h => kept.TryGetValue(h.Class, out var p)
            ? new RetentionPolicy(h, p.Days, p.TriedAt, p.Would, p.UpdatedAt, p.By)
            : new RetentionPolicy(h, h.DefaultDays, null, null, null, null))];
    }
}

/// <summary>Says how long a class of history is kept. What it does is first only said, by the next run of <see cref="TrimHistory"/>.</summary>
public sealed class SetRetention(Transactions transactions, RetentionQueries queries, TimeProvider time)
{
    /// <summary>Says it.</summary>
    /// <exception cref="NotFoundException">There is no such class.</exception>
    /// <exception cref="ValidationException">It cannot be kept for so long or so short.</exception>
    public async Task<RetentionView> ExecuteAsync(string name, SetRetentionRequest request, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageJobs);
        var history = queries.Find(name) ?? throw new NotFoundException("class of history", name);
        if (request.Days is { } days && (days < history.LeastDays || days > RetainedHistory.MostDays))
        {
            throw new ValidationException("days", string.Create(
                CultureInfo.InvariantCulture, $"A whole number from {history.LeastDays} to {RetainedHistory.MostDays}, or nothing to keep it for ever; {days} was given."));
        }

        await transactions.RunAsync(caller, async (unit, ct) =>
        {
            await unit.ExecuteAsync(
                """
                insert into retention_policies (class, days, updated_by) values (@class, @days, @by)
                on conflict (class) do update set days = excluded.days, updated_by = excluded.updated_by, updated_at = clock_timestamp(), tried_at = null, would_remove = null
                """,
                ct, ("class", name), ("days", request.Days), ("by", caller.ActorId));
            await AuditLog.WriteAsync(unit, time, "retention.set", $"retention:{name}", new { Class = name, request.Days }, ct);
            unit.Record("governor.policy_changed", ("job", TrimHistory.JobName), new { Name = $"keep {history.Title.ToLowerInvariant()}", request.Days, IsDeleted = false, By = caller.Name });
            return true;
        }, cancellationToken);
        return (await queries.ListAsync(cancellationToken)).Items.First(v => v.Class == name);
    }
}
