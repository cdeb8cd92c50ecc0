using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlCenter.Runtime.Storage.Migrations
{
    /// <summary>Which versions have run. Events are removed after a while, and a version that has run for longer is no news at the next start.</summary>
    public partial class Deployments : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
            """
            create table deployments (
                id uuid primary key,
                version text not null,
                at timestamptz not null default clock_timestamp()
            );
            create index deployments_newest_first on deployments (at desc, id desc);
            create trigger deployments_append_only before update or delete on deployments for each row execute function refuse_change();
            """);

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.Sql("drop table deployments");
    }
}
