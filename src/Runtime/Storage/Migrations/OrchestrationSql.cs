namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>How much may be under way at once, what has come to a standstill, and which transcripts are to be closed.</summary>
internal static class OrchestrationSql
{
    public const string Up =
        """
        create table assignment_policy (
            only_one boolean primary key default true check (only_one),
            most_per_project integer not null,
            most_per_host integer not null,
            most_waiting_escalations integer not null,
            idle_agent_seconds integer not null,
            stalled_seconds integer not null,
            repeated_calls integer not null,
            updated_at timestamptz not null default clock_timestamp(),
            updated_by uuid not null references actors
        );

        -- A runtime that shows no progress; it goes when it does again.
        create table stalls (
            runtime_id uuid primary key references runtimes,
            since timestamptz not null default clock_timestamp(),
            reason text not null,
            -- What it was like when it stood still: anything else is progress.
            signature text,
            repeated_calls integer not null,
            transcript_lines bigint not null
        );

        alter table tasks add column due_at timestamptz;

        create index runtimes_to_close on runtimes (ended_at) where phase = 'ended' and transcript_sha256 is null and transcript_lines > 0;
        create index assignments_newest on assignments (at);
        """;

    public const string Down =
        """
        drop index assignments_newest, runtimes_to_close;
        alter table tasks drop column due_at;
        drop table stalls, assignment_policy;
        """;
}
