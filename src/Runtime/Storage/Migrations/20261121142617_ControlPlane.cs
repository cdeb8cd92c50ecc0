using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlCenter.Runtime.Storage.Migrations
{
    /// <summary>Hosts that were let go, and sessions that a human is asked about.</summary>
    public partial class ControlPlane : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(ControlPlaneSql.Up);

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(ControlPlaneSql.Down);
    }
}
