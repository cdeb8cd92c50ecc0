using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlCenter.Runtime.Storage.Migrations
{
    /// <summary>Budgets: limits, counters, what is reserved, and what happened when one was used up.</summary>
    public partial class Budgets : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(BudgetsSql.Tables);
            migrationBuilder.Sql(BudgetsSql.Functions);
            migrationBuilder.Sql(BudgetsSql.SingleReservations);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(BudgetsSql.Down);
    }
}
