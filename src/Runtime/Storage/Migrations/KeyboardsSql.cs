namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>Who sits at a runtime's keyboard, and what was typed (AR-05).</summary>
internal static class KeyboardsSql
{
    public const string Up =
        """
        -- How many inputs a runtime was given: their numbers only grow, also when the inputs themselves are gone.
        alter table runtimes add column inputs bigint not null default 0;

        create table runtime_controls (
            runtime_id uuid primary key references runtimes on delete cascade,
            control_id uuid not null,
            actor_id uuid not null references actors,
            taken_at timestamptz not null default clock_timestamp(),
            expires_at timestamptz not null
        ) with (fillfactor = 60);

        create table runtime_inputs (
            id uuid primary key,
            runtime_id uuid not null references runtimes on delete cascade,
            number bigint not null,
            control_id uuid not null,
            actor_id uuid not null references actors,
            characters integer not null,
            -- The text itself only until it is typed: what it said is in the transcript, without secrets.
            text text,
            key text,
            state text not null default 'waiting' check (state in ('waiting', 'typed', 'lost')),
            requested_at timestamptz not null default clock_timestamp(),
            unique (runtime_id, number),
            check (state = 'waiting' or text is null)
        );
        create index runtime_inputs_waiting on runtime_inputs (runtime_id, number) where state = 'waiting';
        create index runtime_inputs_by_age on runtime_inputs (requested_at);
        """;

    public const string Down = "drop table runtime_inputs, runtime_controls; alter table runtimes drop column inputs;";
}
