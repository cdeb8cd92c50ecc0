namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>The part of the first migration that EF Core has no words for: the partitioned log, append-only guards, first rows.</summary>
/// <remarks>
/// The default partition takes what no month was made for, so that a clock that jumps cannot stop the bus.
/// <c>pruned_through</c> is the last place that retention has removed: a reader that asks for less is told so.
/// </remarks>
internal static class InitialSql
{
    public const string Up =
        """
        create sequence events_seq as bigint cache 1;

        create table events (
            seq bigint not null,
            at timestamptz not null,
            actor_id uuid not null,
            kind text collate "C" not null check (kind ~ '^[a-z0-9][a-z0-9_.-]{0,79}$'),
            subject_type text not null,
            subject_id text not null,
            ticket_id uuid,
            task_id uuid,
            data jsonb not null,
            correlation_id uuid,
            primary key (seq, at)
        ) partition by range (at);
        create index events_by_kind on events (kind, seq);
        create index events_by_subject on events (subject_id, seq) where subject_id <> '';
        create index events_by_task on events (task_id, seq) where task_id is not null;
        create index events_by_ticket on events (ticket_id, seq) where ticket_id is not null;
        create table events_default partition of events default;

        create function events_make_partition(month date) returns void language plpgsql as $$
        declare
            first date := date_trunc('month', month);
            name text := 'events_' || to_char(first, 'YYYY_MM');
        begin
            if to_regclass(name) is null then
                execute format('create table %I partition of events for values from (%L) to (%L)',
                    name, first::timestamp at time zone 'UTC', (first + interval '1 month') at time zone 'UTC');
            end if;
        end $$;
        select events_make_partition((now() at time zone 'UTC')::date);
        select events_make_partition((now() at time zone 'UTC' + interval '1 month')::date);

        create table event_log_state (
            only_row boolean primary key default true check (only_row),
            pruned_through bigint not null default 0
        );
        insert into event_log_state default values;

        create function refuse_change() returns trigger language plpgsql as $$
        begin
            raise exception '% is append-only: % refused', tg_table_name, tg_op using errcode = 'restrict_violation';
        end $$;
        create trigger events_append_only before update or delete on events for each row execute function refuse_change();

        create trigger decisions_append_only before update or delete on decisions for each row execute function refuse_change();
        create trigger audit_entries_append_only before update or delete on audit_entries for each row execute function refuse_change();

        create table idempotency_keys (
            actor_id uuid not null references actors,
            key text not null check (length(key) between 1 and 200),
            request_hash bytea not null check (length(request_hash) = 32),
            status smallint not null,
            body text not null,
            created_at timestamptz not null default clock_timestamp(),
            constraint idempotency_keys_pkey primary key (actor_id, key)
        );
        create index idempotency_keys_by_age on idempotency_keys (created_at);

        create table log_positions (
            reader text primary key,
            position bigint not null check (position >= 0)
        );

        insert into actors (id, name, role) values
            ('00000000-0000-7000-8000-000000000001', 'control-center', 'system_service'),
            ('00000000-0000-7000-8000-000000000002', 'founder', 'founder_admin');

        create table admission (
            only_row boolean primary key default true check (only_row),
            level text not null check (level in ('closed', 'read_only', 'manual', 'maintenance', 'controlled', 'full')),
            reason text,
            changed_at timestamptz not null default clock_timestamp(),
            changed_by uuid not null references actors
        );
        insert into admission (level, reason, changed_by) values ('full', 'First start', '00000000-0000-7000-8000-000000000001');

        create table sign_in_links (
            hash bytea primary key check (length(hash) = 32),
            actor_id uuid not null references actors,
            expires_at timestamptz not null,
            used_at timestamptz
        );

        alter table leases set (fillfactor = 70);
        alter table tasks set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
        alter table agents set (fillfactor = 50);
        """;
}
