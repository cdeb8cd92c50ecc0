namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>What was restored and how it was judged, and where the log goes on after a future that is lost.</summary>
internal static class RestoresSql
{
    public const string Up =
        """
        create table restores (
            id uuid primary key,
            -- The moment.
            target timestamptz not null,
            state text not null check (state in ('queued', 'running', 'restored', 'failed', 'replacing', 'replaced', 'removed')),
            requested_by uuid not null references actors,
            requested_at timestamptz not null default clock_timestamp(),
            run_id uuid,
            folder text,
            base_snapshot text,
            base_at timestamptz,
            log_snapshots integer,
            log_through timestamptz,
            started_at timestamptz,
            ended_at timestamptz,
            seconds numeric(10, 3),
            bytes bigint,
            last_commit_at timestamptz,
            -- What was done, line by line, each with its time.
            steps jsonb not null default '[]',
            -- What was looked at and found; null while it is not.
            verdicts jsonb,
            tables jsonb,
            passed boolean,
            problem text,
            replace_requested_at timestamptz,
            replaced_at timestamptz,
            -- Where the cluster before it was put.
            put_aside text,
            removed_at timestamptz
        );
        create index restores_by_age on restores (requested_at, id);
        create unique index restores_one_at_a_time on restores ((true)) where state in ('queued', 'running', 'replacing');

        -- Places in the log that a lost future may have given out, and that mean nothing in this one.
        create table lost_futures (
            id uuid primary key,
            after_seq bigint not null,
            before_seq bigint not null check (before_seq > after_seq),
            restored_to timestamptz not null,
            at timestamptz not null default clock_timestamp()
        );
        """;

    public const string Down = "drop table lost_futures, restores;";
}
