namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>What is wrong with recovery, how far behind the log is, and how what is on disk has grown.</summary>
internal static class RecoveryWatchSql
{
    public const string Up =
        """
        -- One row a cause, for as long as it lasts; its history is in the event log.
        create table recovery_problems (
            cause text primary key,
            severity text not null check (severity in ('info', 'warning', 'critical')),
            title text not null,
            detail text not null,
            remedy text not null,
            since timestamptz not null default clock_timestamp()
        );

        -- One row: what the watch and the shipping of log remember over a restart.
        create table recovery_watch (
            is_one boolean primary key default true check (is_one),
            -- Of the repository's address, which may hold a password: another repository is another watch.
            repository text,
            since timestamptz not null default clock_timestamp(),
            looked_at timestamptz,
            behind_from pg_lsn,
            behind_since timestamptz,
            failures integer not null default 0,
            last_failure text,
            last_fault text,
            -- What the daily probe of the log found: null where what came back was what was written.
            probed_at timestamptz,
            probe_problem text
        );
        insert into recovery_watch default values;

        create table storage_samples (
            at timestamptz not null default clock_timestamp(),
            -- What was measured: a whole disk ('disk:…'), or a part of what this host keeps.
            place text not null,
            used_bytes bigint not null,
            total_bytes bigint,
            free_bytes bigint,
            primary key (place, at)
        );
        create index storage_samples_by_age on storage_samples (at);

        -- Stretches of time of which all history is kept, whatever the policies say.
        create table incident_pins (
            id uuid primary key,
            title text not null,
            from_at timestamptz not null,
            to_at timestamptz not null check (to_at > from_at),
            pinned_at timestamptz not null default clock_timestamp(),
            pinned_by uuid not null references actors,
            released_at timestamptz,
            released_by uuid references actors
        );
        create index assignments_by_age on assignments (at);
        create index wal_shipments_by_arrival on wal_shipments (arrived_at);
        """;

    public const string Down = "drop index assignments_by_age, wal_shipments_by_arrival; drop table recovery_problems, recovery_watch, storage_samples, incident_pins;";
}
