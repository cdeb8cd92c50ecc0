using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlCenter.Runtime.Storage.Migrations
{
    /// <summary>Machines that run agents, and what runs there.</summary>
    public partial class Execution : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropCheckConstraint(
                name: "actors_role_check",
                table: "actors");

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "effective_at",
                table: "interventions",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddCheckConstraint(
                name: "actors_role_check",
                table: "actors",
                sql: "role in ('founder_admin', 'system_service', 'agent_runtime', 'emergency_operator', 'read_only_observer', 'host_runner')");

            migrationBuilder.Sql(ExecutionSql.Up);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(ExecutionSql.Down);

            migrationBuilder.DropCheckConstraint(
                name: "actors_role_check",
                table: "actors");

            migrationBuilder.DropColumn(
                name: "effective_at",
                table: "interventions");

            migrationBuilder.AddCheckConstraint(
                name: "actors_role_check",
                table: "actors",
                sql: "role in ('founder_admin', 'system_service', 'agent_runtime', 'emergency_operator', 'read_only_observer')");
        }
    }
}
