using ControlCenter.Domain.Access;
using ControlCenter.Domain.Recovery;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Recovery.Tools;

namespace ControlCenter.Runtime.Recovery.Watching;

/// <summary>The repository, as it was last asked.</summary>
/// <param name="Index">What is in it; null where it did not say.</param>
/// <param name="Fault">Why it did not.</param>
/// <param name="Text">In words.</param>
public sealed record RepositoryLook(RepositoryIndex? Index, RepositoryFault? Fault, string? Text);

/// <summary>One look at everything that recovery depends on: what is wrong is kept, and told of when it comes up and when it is over.</summary>
public sealed class LookAtRecovery(Transactions transactions, RecoverySettings settings, Restic restic, CheckEscrow escrow)
{
    /// <summary>Asks the repository what is in it and, where it says, whether the second copy of its password opens it too.</summary>
    public async Task<RepositoryLook> AskRepositoryAsync(CancellationToken cancellationToken)
    {
        // Known before it is asked: what was not there then may have been made by the time that is looked at.
        var known = await transactions.RunAsync(Caller.Host, (unit, ct) => WatchedRepository.IsKnownAsync(unit.Connection, settings, ct), cancellationToken);
        try
        {
            var index = await RepositoryIndex.ReadAsync(restic, cancellationToken);
            await escrow.IfDueAsync(cancellationToken);
            return new RepositoryLook(index, null, null);
        }
        catch (ToolException fault) when (fault.Fault == RepositoryFault.Missing && !known)
        {
            // One that was never used is about to be made, and not gone.
            return new RepositoryLook(null, null, null);
        }
        catch (ToolException fault)
        {
            // That it could not be listed at all is never nothing, also where no known fault is behind it.
            return new RepositoryLook(null, fault.Fault == RepositoryFault.Other ? RepositoryFault.Unreachable : fault.Fault, fault.Message);
        }
    }

    /// <summary>Looks.</summary>
    /// <param name="repository">What the repository last said.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What is wrong, the worst first.</returns>
    public Task<IReadOnlyList<RecoveryProblem>> ExecuteAsync(RepositoryLook repository, CancellationToken cancellationToken) =>
        transactions.RunAsync(Caller.Host, async (unit, ct) =>
        {
            var problems = RecoveryWatch.Problems(await ReadAsync(unit, repository, ct));
            await KeepProblems.SetAsync(unit, null, problems, ct);
            return problems;
        }, cancellationToken);

    private static async Task<RecoveryReading> ReadAsync(UnitOfWork unit, RepositoryLook repository, CancellationToken cancellationToken)
    {
        string system;
        RecoveryReading reading;
        (Lsn? From, DateTimeOffset? Since) behind;
        await using (var command = unit.Command(
            """
            select clock_timestamp(), w.since, w.looked_at, w.behind_from::text, w.behind_since, w.failures, w.last_failure, w.last_fault, w.probe_problem,
                pg_current_wal_flush_lsn()::text, s.at, s.through::text,
                (select max(ended_at) from backups where kind = 'base' and state = 'succeeded' and ended_at >= w.since - interval '1 year'),
                l.wal_status, l.safe_wal_size,
                (select nullif(setting::bigint, -1) * 1048576 from pg_settings where name = 'max_slot_wal_keep_size'),
                d.detail, (select max(at) from repository_checks where is_sound),
                (select system_identifier::text from pg_control_system()), (select timeline_id from pg_control_checkpoint()),
                (select array(select format('%s, line %s', k->>'path', k->>'line') from jsonb_array_elements(b.manifest->'kept_back') k)
                    from backups b where b.kind = 'files' and b.state = 'succeeded' order by b.started_at desc limit 1),
                w.escrow_fault, w.escrow_opened_at
            from recovery_watch w
            left join lateral (select at, through from wal_shipments order by arrived_at desc limit 1) s on true
            left join pg_replication_slots l on l.slot_name = @slot
            left join lateral (
                select c.detail from repository_checks c
                where not c.is_sound and c.at > w.since
                    and not exists (select from repository_checks later where later.is_sound and later.at > c.at and (later.part is null or later.part = c.part))
                order by c.at desc limit 1) d on true
            """,
            ("slot", Wal.WalReceiver.Slot)))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            var now = reader.GetFieldValue<DateTimeOffset>(0);
            behind = Behind(
                now, reader.ValueOrNull<DateTimeOffset>(2), (Lsn.TryParse(reader.TextOrNull(3)), reader.ValueOrNull<DateTimeOffset>(4)), Lsn.TryParse(reader.GetString(9))!.Value,
                (reader.ValueOrNull<DateTimeOffset>(10), Lsn.TryParse(reader.TextOrNull(11)) ?? default));
            var failures = reader.GetInt32(5);
            var shipping = failures > 0 && WireNames<RepositoryFault>.TryParse(reader.TextOrNull(7), out var fault) && fault != RepositoryFault.Other ? fault : (RepositoryFault?)null;
            system = reader.GetString(18);
            reading = new RecoveryReading(now, reader.GetFieldValue<DateTimeOffset>(1))
            {
                BehindSince = behind.Since,
                Failures = failures,
                LastFailure = reader.TextOrNull(6),
                Fault = repository.Fault ?? shipping,
                FaultText = repository.Text ?? reader.TextOrNull(6),
                LastBaseAt = reader.ValueOrNull<DateTimeOffset>(12),
                SlotStatus = reader.TextOrNull(13),
                SlotSafeBytes = reader.ValueOrNull<long>(14),
                SlotCapBytes = reader.ValueOrNull<long>(15),
                Damage = reader.TextOrNull(16),
                LastSoundCheckAt = reader.ValueOrNull<DateTimeOffset>(17),
                ProbeProblem = reader.TextOrNull(8),
                Timeline = (uint)reader.GetInt32(19),
                KeptBackFiles = reader.IsDBNull(20) ? [] : reader.GetFieldValue<string[]>(20),
                Escrow = WireNames<EscrowFault>.TryParse(reader.TextOrNull(21), out var escrowed) ? escrowed : null,
                EscrowOpenedAt = reader.ValueOrNull<DateTimeOffset>(22),
            };
        }

        await unit.ExecuteAsync(
            "update recovery_watch set looked_at = @now, behind_from = @from::pg_lsn, behind_since = @since", cancellationToken,
            ("now", reading.Now), ("from", behind.From?.ToString()), ("since", behind.Since));
        return reading with
        {
            Map = repository.Index?.Map(system),
            Bases = repository.Index?.Bases(system) ?? [],
            WrongSettings = await ServerSettings.WrongAsync(unit.Connection, cancellationToken),
        };
    }

    /// <summary>Since when something is written that is not in the repository, told from look to look: what stood at the first look after a shipment was written since.</summary>
    /// <param name="now">The moment.</param>
    /// <param name="lookedAt">The look before.</param>
    /// <param name="before">What that one found.</param>
    /// <param name="written">How far is written.</param>
    /// <param name="shipped">The last shipment.</param>
    internal static (Lsn? From, DateTimeOffset? Since) Behind(
        DateTimeOffset now, DateTimeOffset? lookedAt, (Lsn? From, DateTimeOffset? Since) before, Lsn written, (DateTimeOffset? At, Lsn Through) shipped)
    {
        if (written <= shipped.Through)
        {
            return (null, null);
        }

        if (before is { From: { } from, Since: not null } && from > shipped.Through)
        {
            return before;
        }

        var since = lookedAt ?? now;
        return (written, shipped.At is { } at && at > since ? at : since);
    }
}
