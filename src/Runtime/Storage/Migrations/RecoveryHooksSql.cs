namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>What the founder's program is told of recovery, and what is known of the second copy of the repository's password.</summary>
internal static class RecoveryHooksSql
{
    public const string Up =
        """
        -- One row an event that the program is told of. Without an end it is still to be told, or was being told when its host died.
        create table recovery_hook_calls (
            event_seq bigint primary key,
            kind text not null,
            message text not null,
            queued_at timestamptz not null default clock_timestamp(),
            began_at timestamptz,
            ended_at timestamptz,
            seconds numeric(9, 3),
            failure text
        );
        create index recovery_hook_calls_to_tell on recovery_hook_calls (event_seq) where ended_at is null;
        create index recovery_hook_calls_by_end on recovery_hook_calls (ended_at) where ended_at is not null;

        -- What was before there were hooks is told to nobody. An empty log has no past, and its readers begin at its start by themselves.
        insert into log_positions (reader, position)
        select reader, (select max(seq) from events) from unnest(array['recovery-hook-events', 'recovery-hook-alerts']) reader where exists (select from events);

        -- The second copy: where it was looked for, when it last opened the repository, and why it did not.
        alter table recovery_watch add column escrow_file text, add column escrow_checked_at timestamptz, add column escrow_opened_at timestamptz, add column escrow_fault text;
        """;

    public const string Down =
        """
        drop table recovery_hook_calls;
        delete from log_positions where reader in ('recovery-hook-events', 'recovery-hook-alerts');
        alter table recovery_watch drop column escrow_file, drop column escrow_checked_at, drop column escrow_opened_at, drop column escrow_fault;
        """;
}
