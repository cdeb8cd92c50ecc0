using System.Text.Json;
using ControlCenter.Domain.Ids;
using ControlCenter.Runtime.Commands;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Access;

/// <summary>Writes the security audit.</summary>
public static class AuditLog
{
    /// <summary>Writes a line, in the transaction of what it tells of.</summary>
    public static async Task WriteAsync(
        UnitOfWork unit, TimeProvider time, string action, string? subject, object detail, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            insert into audit_entries (id, actor_id, action, subject, detail, correlation_id)
            values (@id, @actor, @action, @subject, @detail, @correlation)
            """,
            ("id", Uuid7.New(time)), ("actor", unit.Caller.ActorId), ("action", action), ("subject", subject), ("correlation", UnitOfWork.CurrentCorrelation));
        command.Parameters.AddWithValue("detail", NpgsqlDbType.Jsonb, JsonSerializer.Serialize(detail, detail.GetType(), WireJson.Options));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
