using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlCenter.Runtime.Storage.Migrations
{
    /// <summary>Budgets: raises that are taken back, and what waits for a module's or provider's budget.</summary>
    public partial class RaisesTakenBack : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(BudgetRaisesSql.Up);

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(BudgetRaisesSql.Down);
    }
}
