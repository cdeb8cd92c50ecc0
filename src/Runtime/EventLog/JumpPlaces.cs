using System.Globalization;
using ControlCenter.Domain.Ids;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Storage.Restored;

namespace ControlCenter.Runtime.EventLog;

/// <summary>
/// Has the log of a restored database go on beyond every place that the lost time can have given out, and remembers those: a reader that
/// was there is told so (<see cref="EventReader.ResetAsync"/>), and none takes another event for the one that it had.
/// </summary>
public sealed class JumpPlaces(TimeProvider time) : AfterRestore
{
    /// <inheritdoc />
    public override int Order => 0;

    /// <inheritdoc />
    public override async Task<string> SettleAsync(UnitOfWork unit, LostFuture lost, CancellationToken cancellationToken)
    {
        // A sequence does not know of transactions; it is asked for nothing until this one is over. After a recovery it is ahead of the
        // last event by up to 32 (SEQ_LOG_VALS): a reader may have seen those places in the lost time.
        await using var command = unit.Command(
            """
            with head as (select greatest((select pruned_through from event_log_state), (select coalesce(max(seq), 0) from events)) as seq),
            jumped as (select setval('events_seq', ((greatest(seq, last_value) + @jump) / @round + 1) * @round, true) as seq from head, events_seq)
            insert into lost_futures (id, after_seq, before_seq, restored_to) select @id, head.seq, jumped.seq + 1, @to from head, jumped
            returning after_seq, before_seq
            """,
            ("id", Uuid7.New(time)), ("jump", lost.Jump), ("round", 1_000_000_000L), ("to", lost.To));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return string.Create(CultureInfo.InvariantCulture, $"the log goes on at {reader.GetInt64(1)}; its last event is {reader.GetInt64(0)}");
    }
}
