using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Governance;

/// <summary>What is set aside for a call until it is settled.</summary>
/// <param name="Id">What <see cref="SettleCall"/> is told.</param>
/// <param name="WorstCase">How much.</param>
public sealed record Reservation(Guid Id, Money WorstCase);

/// <summary>How long a call may take before its reservation counts as left behind by a crash.</summary>
/// <param name="Seconds">Several times <see cref="RenewReservations.Interval"/>: a call that is under way is renewed, however long it takes.</param>
public sealed record ReservationAge(int Seconds)
{
    /// <summary>Five minutes: a host that has not renewed for so long is dead, or cut off from its database.</summary>
    public static readonly ReservationAge Default = new(300);
}

/// <summary>Sets money aside before it is spent, with every budget in scope or with none (GV-05): for many calls in one statement.</summary>
public sealed class ReserveSpend(
    NpgsqlDataSource database, EventLogSignal signal, Transactions transactions, BudgetBreaches breaches, UnsettledCalls unsettled, ReservationAge age, TimeProvider time,
    ILogger<ReserveSpend> logger)
    : GroupCommit<ReserveSpend.Want, ReserveSpend.Refusal>("spend-reservations", database, signal, time, logger)
{
    // What a sub-agent spends counts for those above it.
    private const string Reserve =
        """
        with lines as (
            select call, scope, scope_id from unnest($8, $9, $10) l (call, scope, scope_id)
            union all
            select l.call, 'agent', a.id::text
            from unnest($8, $9, $10) l (call, scope, scope_id)
            cross join lateral agent_ancestors(case when l.scope = 'agent' then l.scope_id::uuid end) a (id))
        select r.*
        from (select array_agg(call) as calls, array_agg(scope) as scopes, array_agg(scope_id) as ids from lines) l
        cross join lateral budget_reserve_all($1, make_interval(secs => $2), $3, $4, $5, $6, $7, l.calls, l.scopes, l.ids) r
        """;

    /// <summary>Reserves the worst case of a call.</summary>
    /// <param name="who">For whom and for what.</param>
    /// <param name="module">The module by its canonical id.</param>
    /// <param name="provider">Its provider.</param>
    /// <param name="worstCase">The most that it can cost.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="BudgetExhaustedException"><c>budget_exhausted</c>, naming the budget; nothing is reserved with any.</exception>
    public async Task<Reservation> ExecuteAsync(Attribution who, string module, string provider, Money worstCase, CancellationToken cancellationToken)
    {
        var want = new Want(Uuid7.New(Time), who, module, provider, worstCase);
        var refusal = await TryAsync(want, cancellationToken);
        if (refusal is not null && await unsettled.SettledAsync(cancellationToken))
        {
            // What stood in the way may have been the worst case of a call that has ended: its caller's own, just before.
            refusal = await TryAsync(want, cancellationToken);
        }

        if (refusal is null)
        {
            return new Reservation(want.Id, worstCase);
        }

        var budget = await transactions.RunAsync(Caller.Host, async (unit, ct) =>
        {
            await breaches.OpenAsync(unit, new Breach(refusal.BudgetId, refusal.PeriodStart, refusal.Wanted), who.TaskId is null ? [] : [who], ct);
            return await NameAsync(unit, refusal.BudgetId, ct);
        }, cancellationToken);
        throw new BudgetExhaustedException(
            refusal.BudgetId,
            $"{budget.Name} ({refusal.BudgetId}) has {new Money(refusal.Left, budget.Currency)} left of {new Money(refusal.Limit, budget.Currency)}, and this call may cost {new Money(refusal.Wanted, budget.Currency)}. The founder can raise it under /budgets.");
    }

    /// <summary>Reserves for a call that nobody waits for. Where it does not fit, nobody is asked for more: no breach is opened, and no task is parked.</summary>
    /// <returns>The reservation.</returns>
    /// <exception cref="BudgetExhaustedException"><c>budget_exhausted</c>: nothing is reserved.</exception>
    internal async Task<Guid> IfItFitsAsync(Attribution who, string module, string provider, Money worstCase, CancellationToken cancellationToken)
    {
        var want = new Want(Uuid7.New(Time), who, module, provider, worstCase);
        return await TryAsync(want, cancellationToken) is { } refusal
            ? throw new BudgetExhaustedException(refusal.BudgetId, $"The budget {refusal.BudgetId} has no room for it.")
            : want.Id;
    }

    private async Task<Refusal?> TryAsync(Want want, CancellationToken cancellationToken) => (await SubmitAsync(want, null, cancellationToken)).Value;

    /// <inheritdoc />
    protected override bool WritesEvents => false;

    /// <inheritdoc />
    protected override async Task<bool> TryAtOnceAsync(NpgsqlConnection connection, IReadOnlyList<GroupMember<Want, Refusal>> group)
    {
        await ReserveAsync(connection, group, CancellationToken.None);
        return true;
    }

    /// <inheritdoc />
    protected override Task ExecuteAsync(
        NpgsqlConnection connection, IReadOnlyList<GroupMember<Want, Refusal>> group, List<EventDraft> events, CancellationToken cancellationToken) =>
        ReserveAsync(connection, group, cancellationToken);

    private async Task ReserveAsync(NpgsqlConnection connection, IReadOnlyList<GroupMember<Want, Refusal>> group, CancellationToken cancellationToken)
    {
        var wants = group.Select(m => m.Request).ToArray();
        var lines = wants.SelectMany((w, i) => BudgetTarget.Of(w.Who, w.Module, w.Provider).Select(t => (Call: i + 1, Target: t))).ToList();
        await using var command = new NpgsqlCommand(Reserve, connection)
        {
            Parameters =
            {
                new() { Value = Array.ConvertAll(wants, w => w.Id) },
                new() { Value = (double)age.Seconds },
                new() { Value = Array.ConvertAll(wants, w => JsonSerializer.Serialize(w.Who, WireJson.Options)), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb },
                new() { Value = Array.ConvertAll(wants, w => w.Module) },
                new() { Value = Array.ConvertAll(wants, w => w.Provider) },
                new() { Value = Array.ConvertAll(wants, w => w.WorstCase.Amount) },
                new() { Value = Array.ConvertAll(wants, w => w.WorstCase.Currency) },
                new() { Value = lines.ConvertAll(l => l.Call).ToArray() },
                new() { Value = lines.ConvertAll(l => l.Target.Wire).ToArray() },
                new() { Value = lines.ConvertAll(l => l.Target.Id).ToArray() },
            },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            group[reader.GetInt32(0) - 1].Result = new Refusal(
                reader.GetGuid(1), reader.GetFieldValue<DateTimeOffset>(2), reader.GetDecimal(5),
                reader.GetDecimal(5) - reader.GetDecimal(3) - reader.GetDecimal(4), reader.GetDecimal(6));
        }
    }

    private static async Task<(string Name, string Currency)> NameAsync(UnitOfWork unit, Guid budget, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select scope, coalesce(budget_scope_name(scope, scope_id), scope_id), period, currency from budgets where id = @id", ("id", budget));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (
            BudgetName.Of(WireNames<BudgetScope>.Parse(reader.GetString(0)), reader.GetString(1), WireNames<BudgetPeriod>.Parse(reader.GetString(2))),
            reader.GetString(3));
    }

    /// <summary>A call that is to be made.</summary>
    /// <param name="Id">The reservation's id to be.</param>
    /// <param name="Who">For whom and for what.</param>
    /// <param name="Module">The module by its canonical id.</param>
    /// <param name="Provider">Its provider.</param>
    /// <param name="WorstCase">The most that it can cost.</param>
    public sealed record Want(Guid Id, Attribution Who, string Module, string Provider, Money WorstCase);

    /// <summary>The budget that a call does not fit into; amounts are in the budget's currency.</summary>
    /// <param name="BudgetId">Which.</param>
    /// <param name="PeriodStart">Its period.</param>
    /// <param name="Limit">Its hard limit with what it is raised by.</param>
    /// <param name="Left">What is neither spent nor reserved of it.</param>
    /// <param name="Wanted">What the call may cost.</param>
    public sealed record Refusal(Guid BudgetId, DateTimeOffset PeriodStart, decimal Limit, decimal Left, decimal Wanted);
}
