using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlCenter.Runtime.Storage.Migrations
{
    /// <summary>Reservations are made and given back for many calls in one statement.</summary>
    public partial class GroupedReservations : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(GroupedReservationsSql.Up);

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(GroupedReservationsSql.Down);
            migrationBuilder.Sql(BudgetsSql.SingleReservations);
        }
    }
}
