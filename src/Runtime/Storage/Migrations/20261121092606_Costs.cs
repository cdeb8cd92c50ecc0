using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlCenter.Runtime.Storage.Migrations
{
    /// <summary>What things cost, the sums of it, and what providers have billed.</summary>
    public partial class Costs : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(CostsSql.Up);

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(CostsSql.Down);
    }
}
