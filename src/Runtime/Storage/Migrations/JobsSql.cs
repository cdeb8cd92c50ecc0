namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>Jobs, their runs and leases, and how long history is kept (docs/adr/0012-jobs.md).</summary>
internal static class JobsSql
{
    public const string Up =
        """
        create table jobs (
            name text primary key,
            cron text not null,
            time_zone text not null,
            missed_runs text not null check (missed_runs in ('skip', 'run_once', 'run_all')),
            -- Every slot up to here is decided: it has a run, or was missed.
            planned_through timestamptz not null default clock_timestamp(),
            next_slot_at timestamptz,
            paused_at timestamptz,
            paused_by uuid references actors,
            updated_at timestamptz not null default clock_timestamp(),
            updated_by uuid not null references actors,
            check ((paused_at is null) = (paused_by is null))
        );

        create table job_runs (
            id uuid primary key,
            job text not null references jobs,
            -- The first attempt; its own id for that one.
            root_id uuid not null,
            attempt integer not null check (attempt > 0),
            slot timestamptz not null,
            trigger text not null check (trigger in ('schedule', 'manual', 'retry', 'one_off')),
            state text not null check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'missed')),
            payload jsonb,
            requested_by uuid references actors,
            queued_at timestamptz not null default clock_timestamp(),
            due_at timestamptz not null,
            started_at timestamptz,
            ended_at timestamptz,
            holder_id uuid,
            holder_name text,
            fencing_token bigint,
            -- It ended with its holder, which says nothing against the job.
            was_lost boolean not null default false,
            progress smallint check (progress between 0 and 100),
            progress_words text,
            error text,
            cancel_requested_at timestamptz,
            cancel_requested_by uuid references actors,
            lines integer not null default 0,
            check ((state in ('queued', 'running')) = (ended_at is null)),
            check ((started_at is null) = (fencing_token is null) and (state <> 'running' or fencing_token is not null))
        );
        create unique index job_runs_one_a_slot on job_runs (job, slot) where trigger = 'schedule';
        create unique index job_runs_one_an_attempt on job_runs (root_id, attempt);
        create unique index job_runs_one_at_a_time on job_runs (job) where state = 'running';
        create index job_runs_due on job_runs (due_at) where state = 'queued';
        create index job_runs_by_job on job_runs (job, queued_at desc, id desc);
        create index job_runs_by_end on job_runs (ended_at) where ended_at is not null;

        create table job_run_lines (
            run_id uuid not null references job_runs,
            number integer not null,
            at timestamptz not null default clock_timestamp(),
            text text not null,
            primary key (run_id, number)
        );

        create table job_leases (
            job text primary key references jobs,
            run_id uuid,
            slot timestamptz,
            holder_id uuid,
            holder_name text,
            -- Only grows: one more with every run that is begun.
            fencing_token bigint not null default 0,
            taken_at timestamptz,
            expires_at timestamptz,
            check ((run_id is null) = (expires_at is null) and (run_id is null) = (holder_id is null))
        );

        -- What a run has done for good, by a key of the job's choice: another attempt does not do it again.
        create table job_effects (
            root_id uuid not null,
            key text not null,
            at timestamptz not null default clock_timestamp(),
            primary key (root_id, key)
        );

        create table retention_policies (
            class text primary key,
            -- Null: kept for ever.
            days integer check (days > 0),
            updated_at timestamptz not null default clock_timestamp(),
            updated_by uuid not null references actors,
            -- When a dry run last said what would go by this policy, and how much that was. Nothing goes before one has.
            tried_at timestamptz,
            would_remove bigint,
            check ((tried_at is null) = (would_remove is null))
        );

        -- The audit stays append-only. The one exception is retention, which must say so in its transaction, and only for what is old.
        create function refuse_change_but_retention() returns trigger language plpgsql as $$
        begin
            if tg_op = 'DELETE' and current_setting('cc.retention', true) = 'on' and old.at < clock_timestamp() - interval '90 days' then
                return old;
            end if;
            raise exception '% is append-only: % refused', tg_table_name, tg_op using errcode = 'restrict_violation';
        end $$;
        drop trigger audit_entries_append_only on audit_entries;
        create trigger audit_entries_append_only before update or delete on audit_entries for each row execute function refuse_change_but_retention();

        -- Retention asks by age, and finds what refers to a lease.
        create index leases_by_end on leases (ended_at) where ended_at is not null;
        create index checkpoints_by_lease on checkpoints (lease_id);
        create index escalations_by_lease on escalations (lease_id) where lease_id is not null;
        create index budget_breach_tasks_by_lease on budget_breach_tasks (lease_id);
        create index interventions_by_end on interventions (acknowledged_at) where acknowledged_at is not null;
        """;

    public const string Down =
        """
        drop index leases_by_end, checkpoints_by_lease, escalations_by_lease, budget_breach_tasks_by_lease, interventions_by_end;
        drop trigger audit_entries_append_only on audit_entries;
        create trigger audit_entries_append_only before update or delete on audit_entries for each row execute function refuse_change();
        drop function refuse_change_but_retention();
        drop table retention_policies, job_effects, job_leases, job_run_lines, job_runs, jobs;
        """;
}
