using System.Globalization;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Storage.Restored;

namespace ControlCenter.Runtime.Work;

/// <summary>
/// In a restored database nobody holds a task: whoever did may have given it back since, and others taken it. Each lease ends as if its time
/// were over, the task is ready with its checkpoint, and the next token is beyond any that was given out in the lost time.
/// </summary>
public sealed class EndRestoredLeases : AfterRestore
{
    /// <inheritdoc />
    public override int Order => 20;

    /// <inheritdoc />
    public override async Task<string> SettleAsync(UnitOfWork unit, LostFuture lost, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync(
            "update leases set expires_at = least(expires_at, clock_timestamp()) where ended_at is null", cancellationToken);
        var ended = await ExpireLeases.AllAsync(unit, cancellationToken);
        var tasks = await unit.ExecuteAsync(
            "update tasks set fencing_token = fencing_token + @jump where state not in ('completed', 'failed', 'cancelled')", cancellationToken, ("jump", lost.Jump));
        // A ticket's key is in branches, messages and people's heads.
        await unit.ExecuteAsync(
            """
            select setval(pg_get_serial_sequence('tickets', 'number'), ((select coalesce(max(number), 0) from tickets) + @small) / 1000000 * 1000000 + 1000000, true),
                setval(pg_get_serial_sequence('tasks', 'ordinal'), (select coalesce(max(ordinal), 0) from tasks) + @jump, true)
            """,
            cancellationToken, ("small", lost.SmallJump), ("jump", lost.Jump));
        return string.Create(CultureInfo.InvariantCulture, $"{ended} leases of tasks ended, {tasks} tasks are claimed with tokens beyond {lost.Jump}");
    }
}
