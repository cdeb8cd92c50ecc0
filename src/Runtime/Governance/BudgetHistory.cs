using System.Text.Json;
using ControlCenter.Domain.Ids;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Governance;

/// <summary>Writes what was done to a budget: its own history, the audit and the log, in the transaction in which it was done.</summary>
internal static class BudgetHistory
{
    /// <param name="unit">The transaction.</param>
    /// <param name="time">The clock.</param>
    /// <param name="budget">Which budget.</param>
    /// <param name="change">created, changed, deleted, raised or raise_ended (with a reason, if it was taken back).</param>
    /// <param name="detail">What it is now, and what it was.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task WriteAsync(UnitOfWork unit, TimeProvider time, Guid budget, string change, object detail, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "insert into budget_changes (id, budget_id, actor_id, change, detail) values (@id, @budget, @actor, @change, @detail)",
            ("id", Uuid7.New(time)), ("budget", budget), ("actor", unit.Caller.ActorId), ("change", change));
        command.Parameters.AddWithValue("detail", NpgsqlDbType.Jsonb, JsonSerializer.Serialize(detail, detail.GetType(), WireJson.Options));
        await command.ExecuteNonQueryAsync(cancellationToken);
        await AuditLog.WriteAsync(unit, time, $"budget.{change}", $"budget:{budget}", detail, cancellationToken);
        unit.Record($"budget.{change}", ("budget", budget.ToString()), new { BudgetId = budget, By = unit.Caller.Name, Detail = detail });
    }
}
