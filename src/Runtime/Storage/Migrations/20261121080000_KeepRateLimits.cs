using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlCenter.Runtime.Storage.Migrations
{
    /// <inheritdoc />
    public partial class KeepRateLimits : Migration
    {
        // Times are told by age at the moment of saving, and that moment by two clocks: the kernel's, for whoever has the same one, and the database's.
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
            """
            create table rate_limits (
                actor_id uuid not null references actors,
                counted text not null check (counted in ('requests', 'events')),
                admitted jsonb not null,
                burst_age_ms bigint,
                boot_id text not null,
                since_boot_ms bigint not null,
                saved_at timestamptz not null,
                primary key (actor_id, counted)
            );
            """);

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.Sql("drop table rate_limits;");
    }
}
