using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Jobs;
using ControlCenter.Runtime.Commands;
using Npgsql;

namespace ControlCenter.Runtime.Jobs;

/// <summary>
/// Removes history that is older than its policy keeps it, class by class, in small batches. A policy that is new, or was changed, is
/// first run dry: what would go is said in one run, and goes in the next.
/// </summary>
public sealed class TrimHistory(NpgsqlDataSource database, Transactions transactions, RetentionQueries policies) : Job
{
    /// <summary>Its name.</summary>
    public const string JobName = "trim-history";

    // A batch locks its rows, and is one flush: at this size it is over within milliseconds, and nobody waits for it.
    private const int BatchSize = 1_000;

    /// <inheritdoc />
    public override string Name => JobName;

    /// <inheritdoc />
    public override string Title => "Trim history";

    /// <inheritdoc />
    public override string Description => "Removes what is older than its policy keeps it. A policy that was changed is run dry once, before anything goes by it.";

    /// <inheritdoc />
    public override string DefaultCron => "30 3 * * *";

    /// <inheritdoc />
    public override MissedRuns DefaultMissedRuns => MissedRuns.RunOnce;

    /// <inheritdoc />
    public override TimeSpan Timeout => TimeSpan.FromHours(1);

    /// <inheritdoc />
    public override bool CanRunDry => true;

    /// <inheritdoc />
    public override async Task ExecuteAsync(JobRun run, CancellationToken cancellationToken)
    {
        IReadOnlyList<RetentionPolicy> kept;
        await using (var connection = await database.OpenConnectionAsync(cancellationToken))
        {
            kept = await policies.PoliciesAsync(connection, cancellationToken);
        }

        var (removed, would) = (0L, 0L);
        for (var i = 0; i < kept.Count; i++)
        {
            var policy = kept[i];
            await run.ProgressAsync(i * 100 / kept.Count, policy.History.Title, cancellationToken);
            if (policy.Days is not { } days)
            {
                await run.LogAsync($"{policy.History.Title}: kept for ever.", cancellationToken);
                continue;
            }

            var old = await OldAsync(policy, days, cancellationToken);
            if (run.IsDry || policy.TriedAt is null)
            {
                would += old;
                await NoteTriedAsync(run, policy, old, cancellationToken);
                await run.LogAsync(
                    Text($"{policy.History.Title}: {old} of more than {days} days would go.{(run.IsDry ? "" : " The policy is new: they go in the next run.")}"), cancellationToken);
                continue;
            }

            var gone = old == 0 ? 0 : await RemoveAsync(run, policy, days, cancellationToken);
            removed += gone;
            await run.LogAsync(gone == 0 ? Text($"{policy.History.Title}: nothing is older than {days} days.") : Text($"{policy.History.Title}: {gone} of more than {days} days removed."), cancellationToken);
        }

        await run.ProgressAsync(100, Text($"{removed} removed{(would > 0 || run.IsDry ? $", {would} would go" : "")}"), cancellationToken);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private async Task<long> OldAsync(RetentionPolicy policy, int days, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await policy.History.CountAsync(connection, days, cancellationToken)).Old;
    }

    // Only while the policy is the one that was read: one that is changed meanwhile has not been tried.
    private Task NoteTriedAsync(JobRun run, RetentionPolicy policy, long old, CancellationToken cancellationToken) =>
        transactions.RunAsync(Caller.Host, async (unit, ct) =>
        {
            await run.RequireAsync(unit, ct);
            return await unit.ExecuteAsync(
                """
                insert into retention_policies (class, days, updated_by, tried_at, would_remove) values (@class, @days, @by, clock_timestamp(), @old)
                on conflict (class) do update set tried_at = excluded.tried_at, would_remove = excluded.would_remove
                where retention_policies.days is not distinct from excluded.days
                """,
                ct, ("class", policy.History.Class), ("days", policy.Days), ("by", unit.Caller.ActorId), ("old", old));
        }, cancellationToken);

    private async Task<long> RemoveAsync(JobRun run, RetentionPolicy policy, int days, CancellationToken cancellationToken)
    {
        var gone = 0L;
        int batch;
        do
        {
            batch = await transactions.RunAsync(Caller.Host, async (unit, ct) =>
            {
                await run.RequireAsync(unit, ct);
                await RequirePolicyAsync(unit, policy, ct);
                var removed = await policy.History.RemoveAsync(unit, days, BatchSize, ct);
                if (removed > 0)
                {
                    unit.Record("runtime.history_removed", ("job", Name), new { Job = Name, run.RunId, policy.History.Class, Rows = removed, KeptDays = days });
                }

                return removed;
            }, cancellationToken);
            gone += batch;
        }
        while (batch == BatchSize);
        return gone;
    }

    private static async Task RequirePolicyAsync(UnitOfWork unit, RetentionPolicy policy, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select 1 from retention_policies where class = @class and days = @days and tried_at is not null for share",
            ("class", policy.History.Class), ("days", policy.Days));
        if (await command.ExecuteScalarAsync(cancellationToken) is null)
        {
            throw new InvalidOperationException($"The policy of '{policy.History.Class}' was changed in the middle of the run; nothing more goes by the old one.");
        }
    }
}
