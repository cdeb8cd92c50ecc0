using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlCenter.Runtime.Storage.Migrations
{
    /// <summary>Breakers of what spends or fails too fast.</summary>
    public partial class SpendBreakers : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(SpendBreakersSql.Up);

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(SpendBreakersSql.Down);
    }
}
