using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
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

/// <summary>Sets money aside before it is spent, with every budget in scope or with none (GV-05).</summary>
public sealed class ReserveSpend(NpgsqlDataSource database, Transactions transactions, BudgetBreaches breaches, ReservationAge age, TimeProvider time)
{
    private const string Reserve =
        "select * from budget_reserve(@id, make_interval(secs => @seconds), @scopes, @ids, @amount, @currency, @who, @module, @provider)";

    /// <summary>Reserves the worst case of a call.</summary>
    /// <param name="who">For whom and for what.</param>
    /// <param name="module">The module by its canonical id.</param>
    /// <param name="provider">Its provider.</param>
    /// <param name="worstCase">The most that it can cost.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="BudgetExhaustedException"><c>budget_exhausted</c>, naming the budget; nothing is reserved with any.</exception>
    public async Task<Reservation> ExecuteAsync(Attribution who, string module, string provider, Money worstCase, CancellationToken cancellationToken)
    {
        var id = Uuid7.New(time);
        if (await TryAsync(id, who, module, provider, worstCase, cancellationToken) is not { } refusal)
        {
            return new Reservation(id, worstCase);
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

    private async Task<Refusal?> TryAsync(Guid id, Attribution who, string module, string provider, Money worstCase, CancellationToken cancellationToken)
    {
        var targets = BudgetTarget.Of(who, module, provider);
        await using var command = database.CreateCommand(Reserve);
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("seconds", (double)age.Seconds);
        command.Parameters.AddWithValue("scopes", targets.Select(t => t.Wire).ToArray());
        command.Parameters.AddWithValue("ids", targets.Select(t => t.Id).ToArray());
        command.Parameters.AddWithValue("amount", worstCase.Amount);
        command.Parameters.AddWithValue("currency", worstCase.Currency);
        command.Parameters.AddWithValue("who", NpgsqlDbType.Jsonb, JsonSerializer.Serialize(who, WireJson.Options));
        command.Parameters.AddWithValue("module", module);
        command.Parameters.AddWithValue("provider", provider);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new Refusal(
                reader.GetGuid(0), reader.GetFieldValue<DateTimeOffset>(1), reader.GetDecimal(4),
                reader.GetDecimal(4) - reader.GetDecimal(2) - reader.GetDecimal(3), reader.GetDecimal(5))
            : null;
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

    private sealed record Refusal(Guid BudgetId, DateTimeOffset PeriodStart, decimal Limit, decimal Left, decimal Wanted);
}
