namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>Restores that were tried, and what came of them (blueprint 10.8).</summary>
internal static class RestoreDrillsSql
{
    public const string Up =
        """
        create table restore_drills (
            id uuid primary key,
            scenario text not null check (scenario in ('database', 'services', 'object_storage', 'interrupted_task', 'rollback')),
            state text not null check (state in ('running', 'passed', 'failed', 'not_possible', 'broken_off')),
            -- Of an older base, drawn by lot, and not of the newest.
            is_sample boolean not null,
            job_run_id uuid,
            executor text not null,
            started_at timestamptz not null default clock_timestamp(),
            ended_at timestamptz,
            seconds numeric(10, 3),
            snapshot_id text,
            backup_id uuid,
            snapshot_at timestamptz,
            snapshot_age_hours numeric(10, 3),
            restored_to timestamptz,
            tables_verified integer,
            table_count_drift_pct numeric(12, 2),
            -- How far the live database has moved on since; shown, not judged.
            live_drift_pct numeric(12, 2),
            data_freshness_hours numeric(12, 3),
            wal_pitr_tested boolean not null default false,
            cleanup_proven boolean,
            notes text,
            problem text,
            steps jsonb not null default '[]',
            tables jsonb not null default '[]',
            invariants jsonb not null default '[]',
            root_cause text,
            root_cause_by uuid references actors,
            root_cause_at timestamptz,
            check ((state = 'running') = (ended_at is null)),
            check ((root_cause is null) = (root_cause_at is null))
        );
        create index restore_drills_by_time on restore_drills (started_at, id);
        create index restore_drills_by_scenario on restore_drills (scenario, started_at desc, id desc);

        create table restore_drill_markers (
            drill_id uuid not null references restore_drills on delete cascade,
            name text not null,
            at timestamptz not null default clock_timestamp(),
            primary key (drill_id, name)
        );
        """;

    public const string Down = "drop table restore_drill_markers, restore_drills;";
}
