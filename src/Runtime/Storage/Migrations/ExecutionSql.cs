namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>Hosts, what runs on them, and who decides what runs (docs/adr/0011-runners-and-runtimes.md).</summary>
internal static class ExecutionSql
{
    public const string Up =
        """
        create table hosts (
            -- Also the id of its actor.
            id uuid primary key references actors,
            name text not null unique,
            labels text[] not null default '{}',
            state text not null check (state in ('invited', 'online', 'draining', 'lost', 'left')),
            -- The host that runs beside the database's own: it is there from the first start and cannot be removed.
            is_local boolean not null default false,
            surface text,
            boot_id uuid,
            version text,
            cores integer,
            cpu_percent numeric(5, 1),
            memory_mb integer,
            memory_used_mb integer,
            disk_mb integer,
            disk_free_mb integer,
            last_report_at timestamptz,
            created_at timestamptz not null default clock_timestamp(),
            state_at timestamptz not null default clock_timestamp()
        );
        create unique index hosts_one_local on hosts (is_local) where is_local;

        create table host_samples (
            host_id uuid not null references hosts,
            at timestamptz not null,
            cpu_percent numeric(5, 1) not null,
            memory_used_mb integer not null,
            disk_free_mb integer not null,
            runtimes integer not null,
            primary key (host_id, at)
        );

        create table agent_definitions (
            id uuid primary key,
            name text not null unique,
            source text not null check (source in ('file', 'page')),
            -- Relative to the folder of definitions.
            path text,
            body jsonb not null,
            version integer not null check (version > 0),
            updated_at timestamptz not null default clock_timestamp(),
            updated_by uuid not null references actors,
            -- Why the newest load of its file was refused; the body is then the one before.
            problem text,
            removed_at timestamptz
        );

        create table definition_agents (
            agent_id uuid primary key references agents,
            definition_id uuid not null references agent_definitions,
            -- A sub-agent inherits its parent's budget and rights.
            parent_agent_id uuid references agents,
            ordinal integer not null
        );
        create index definition_agents_by_definition on definition_agents (definition_id, ordinal);
        create index definition_agents_by_parent on definition_agents (parent_agent_id) where parent_agent_id is not null;

        create table sessions (
            id uuid primary key,
            agent_id uuid not null references agents,
            definition_id uuid not null references agent_definitions,
            adapter text not null,
            task_id uuid,
            ticket_id uuid,
            native_session_id text,
            -- The host whose disk holds what the agent's own program keeps of it.
            host_id uuid references hosts,
            predecessor_id uuid references sessions,
            state text not null check (state in ('active', 'interrupted', 'ended', 'uncertain')),
            -- How sure it is that going on loses nothing, 0 to 1, with its reasons; null while it has not been interrupted.
            continuity numeric(3, 2) check (continuity between 0 and 1),
            continuity_reasons text[] not null default '{}',
            created_at timestamptz not null default clock_timestamp(),
            ended_at timestamptz
        );
        create index sessions_by_task on sessions (task_id, created_at) where task_id is not null;
        create index sessions_by_agent on sessions (agent_id, created_at);
        create index sessions_by_age on sessions (created_at, id);

        create table runtimes (
            id uuid primary key,
            agent_id uuid not null references agents,
            definition_id uuid not null references agent_definitions,
            definition_version integer not null,
            -- The definition as it was when the runtime was asked for.
            definition jsonb not null,
            adapter text not null,
            session_id uuid not null references sessions,
            task_id uuid,
            ticket_id uuid,
            parent_id uuid references runtimes,
            depth integer not null default 0 check (depth >= 0),
            priority smallint not null,
            message text,
            reason text,
            requested_by uuid not null references actors,
            phase text not null check (phase in ('requested', 'granted', 'observed', 'ready', 'ended')),
            desired text not null default 'run' check (desired in ('run', 'pause', 'stop')),
            requested_at timestamptz not null default clock_timestamp(),
            granted_at timestamptz,
            observed_at timestamptz,
            ready_at timestamptz,
            paused_at timestamptz,
            ended_at timestamptz,
            -- Why it waits, while it does.
            waits_for text,
            host_id uuid references hosts,
            fencing_token bigint not null default 0,
            lease_expires_at timestamptz,
            -- The lease of its task.
            task_lease_id uuid,
            task_fencing_token bigint,
            key_id uuid references api_keys,
            pid integer,
            process_started_at bigint,
            memory_mb integer,
            peak_memory_mb integer,
            cpu_percent numeric(7, 1),
            output_lines bigint not null default 0,
            dropped_lines bigint not null default 0,
            turns integer not null default 0,
            signature text,
            -- When its signature was last another one.
            progress_at timestamptz,
            repeated_calls integer not null default 0,
            last_tool text,
            seen_at timestamptz,
            end_kind text check (end_kind in ('exited', 'failed', 'stopped', 'killed', 'timed_out', 'not_started', 'lost', 'limit_exceeded', 'cancelled')),
            exit_code integer,
            end_detail text,
            transcript_lines bigint not null default 0,
            transcript_bytes bigint not null default 0,
            transcript_sha256 bytea,
            check ((phase = 'ended') = (ended_at is not null) and (ended_at is null) = (end_kind is null)),
            check (phase = 'requested' or phase = 'ended' or host_id is not null)
        );
        create index runtimes_live on runtimes (host_id, phase) where phase <> 'ended';
        create index runtimes_waiting on runtimes (priority desc, requested_at, id) where phase = 'requested';
        create unique index runtimes_one_an_agent on runtimes (agent_id) where phase <> 'ended';
        create unique index runtimes_one_a_task on runtimes (task_id) where phase <> 'ended' and task_id is not null;
        create index runtimes_by_age on runtimes (requested_at, id);
        create index runtimes_by_session on runtimes (session_id, requested_at);
        create index runtimes_by_task on runtimes (task_id, requested_at) where task_id is not null;
        create index runtimes_by_parent on runtimes (parent_id) where parent_id is not null;
        create index runtimes_measured on runtimes (adapter, definition_id, ended_at desc) where peak_memory_mb is not null;

        create table leaderships (
            name text primary key,
            epoch bigint not null,
            holder_id uuid,
            holder_name text,
            surface text,
            since timestamptz,
            expires_at timestamptz
        );

        create table leadership_candidates (
            name text not null,
            holder_id uuid not null,
            holder_name text not null,
            surface text not null,
            seen_at timestamptz not null,
            primary key (name, holder_id)
        );

        create table assignments (
            id uuid primary key,
            task_id uuid not null,
            ticket_id uuid not null,
            attempt integer not null,
            at timestamptz not null default clock_timestamp(),
            epoch bigint not null,
            outcome text not null check (outcome in ('spawned', 'idle_agent', 'waits')),
            agent_id uuid,
            runtime_id uuid,
            definition_id uuid,
            host_id uuid,
            score numeric(6, 3),
            reason text not null,
            candidates jsonb not null
        );
        create index assignments_by_task on assignments (task_id, at);
        """;

    public const string Down =
        """
        drop table assignments, leadership_candidates, leaderships, runtimes, sessions, definition_agents, agent_definitions, host_samples, hosts;
        """;
}
