namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>What was backed up, and what was tried. The repository itself says what can be restored; this is its history.</summary>
internal static class RecoverySql
{
    public const string Up =
        """
        create table backups (
            id uuid primary key,
            kind text not null check (kind in ('base', 'dump', 'files')),
            state text not null check (state in ('running', 'succeeded', 'failed')),
            reason text,
            is_milestone boolean not null default false,
            reviewed_at timestamptz,
            reviewed_by uuid references actors,
            requested_by uuid not null references actors,
            started_at timestamptz not null default clock_timestamp(),
            ended_at timestamptz,
            snapshot_id text,
            system text,
            timeline bigint,
            start_lsn pg_lsn,
            stop_lsn pg_lsn,
            -- The moment that it is of.
            at timestamptz,
            bytes_read bigint,
            bytes_added bigint,
            seconds numeric(10, 3),
            manifest jsonb,
            problem text,
            removed_at timestamptz
        );
        create index backups_by_age on backups (started_at, id);
        create index backups_running on backups (started_at) where state = 'running';

        create table wal_shipments (
            id uuid primary key,
            at timestamptz not null,
            timeline bigint not null,
            through pg_lsn not null,
            snapshot_id text not null,
            is_sealed boolean not null,
            bytes_added bigint not null,
            seconds numeric(10, 3) not null,
            arrived_at timestamptz not null default clock_timestamp()
        );
        create index wal_shipments_by_time on wal_shipments (at);

        create table repository_checks (
            id uuid primary key,
            at timestamptz not null default clock_timestamp(),
            -- Null for all of it.
            part integer,
            is_sound boolean not null,
            detail text not null,
            seconds numeric(10, 3) not null
        );
        create index repository_checks_by_time on repository_checks (at);
        """;

    public const string Down = "drop table backups, wal_shipments, repository_checks;";
}
