using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlCenter.Runtime.Storage.Migrations
{
    /// <inheritdoc />
    public partial class TicketCounts : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "tasks_by_ticket",
                table: "tasks");

            migrationBuilder.CreateIndex(
                name: "tasks_by_ticket",
                table: "tasks",
                columns: new[] { "ticket_id", "ordinal" })
                .Annotation("Npgsql:IndexInclude", new[] { "state" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "tasks_by_ticket",
                table: "tasks");

            migrationBuilder.CreateIndex(
                name: "tasks_by_ticket",
                table: "tasks",
                columns: new[] { "ticket_id", "ordinal" });
        }
    }
}
