using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlCenter.Runtime.Storage.Migrations
{
    /// <inheritdoc />
    public partial class ListIndexes : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "escalations_by_state",
                table: "escalations");

            migrationBuilder.CreateIndex(
                name: "tasks_ended",
                table: "tasks",
                columns: new[] { "state", "ended_at" },
                filter: "ended_at is not null");

            migrationBuilder.CreateIndex(
                name: "leases_expired",
                table: "leases",
                column: "ended_at",
                filter: "end_reason = 'expired'");

            migrationBuilder.CreateIndex(
                name: "escalations_by_state",
                table: "escalations",
                columns: new[] { "state", "opened_at", "id" });

            migrationBuilder.CreateIndex(
                name: "escalations_by_time",
                table: "escalations",
                columns: new[] { "opened_at", "id" });

            migrationBuilder.CreateIndex(
                name: "agents_by_age",
                table: "agents",
                columns: new[] { "created_at", "id" });

            // The log is partitioned, which EF Core has no words for. Without this, what one quiet agent did is found by reading the whole log.
            migrationBuilder.Sql("create index events_by_actor on events (actor_id, seq);");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql("drop index events_by_actor;");

            migrationBuilder.DropIndex(
                name: "tasks_ended",
                table: "tasks");

            migrationBuilder.DropIndex(
                name: "leases_expired",
                table: "leases");

            migrationBuilder.DropIndex(
                name: "escalations_by_state",
                table: "escalations");

            migrationBuilder.DropIndex(
                name: "escalations_by_time",
                table: "escalations");

            migrationBuilder.DropIndex(
                name: "agents_by_age",
                table: "agents");

            migrationBuilder.CreateIndex(
                name: "escalations_by_state",
                table: "escalations",
                columns: new[] { "state", "opened_at" });
        }
    }
}
