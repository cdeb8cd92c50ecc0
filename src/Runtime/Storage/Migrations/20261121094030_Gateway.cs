using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlCenter.Runtime.Storage.Migrations
{
    /// <inheritdoc />
    public partial class Gateway : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
            """
            create table catalogue_entries (
                id uuid primary key,
                kind text not null check (kind in ('provider', 'module', 'price', 'route')),
                key text not null check (length(key) between 1 and 300),
                version int not null check (version > 0),
                value jsonb,
                source text not null check (source in ('file', 'command')),
                actor_id uuid not null references actors,
                at timestamptz not null default clock_timestamp(),
                constraint catalogue_entries_version unique (kind, key, version)
            );
            create index catalogue_entries_newest_first on catalogue_entries (at desc, id desc);
            create trigger catalogue_entries_append_only before update or delete on catalogue_entries for each row execute function refuse_change();

            create table breakers (
                id text primary key,
                state text not null check (state in ('closed', 'open', 'half_open')),
                failures int not null,
                open_until timestamptz,
                changed_at timestamptz not null default clock_timestamp()
            );

            create table gateway_decisions (
                id uuid primary key,
                at timestamptz not null,
                actor_id uuid not null,
                agent_id uuid,
                task_id uuid,
                endpoint text not null,
                requested_model text not null,
                module_id text,
                provider_id text,
                ended text,
                refusal text,
                status int,
                retries int not null,
                fallbacks int not null,
                took_ms int not null,
                first_byte_ms int,
                steps jsonb not null
            );
            create index gateway_decisions_newest_first on gateway_decisions (at desc, id desc);
            """);

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) =>
            migrationBuilder.Sql("drop table gateway_decisions; drop table breakers; drop table catalogue_entries;");
    }
}
