using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace ControlCenter.Runtime.Storage.Migrations
{
    /// <inheritdoc />
    public partial class Initial : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "actors",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    role = table.Column<string>(type: "text", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "clock_timestamp()")
                },
                constraints: table =>
                {
                    table.PrimaryKey("actors_pkey", x => x.id);
                    table.CheckConstraint("actors_role_check", "role in ('founder_admin', 'system_service', 'agent_runtime', 'emergency_operator', 'read_only_observer')");
                });

            migrationBuilder.CreateTable(
                name: "audit_entries",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "clock_timestamp()"),
                    actor_id = table.Column<Guid>(type: "uuid", nullable: true),
                    action = table.Column<string>(type: "text", nullable: false),
                    subject = table.Column<string>(type: "text", nullable: true),
                    detail = table.Column<string>(type: "jsonb", nullable: true),
                    correlation_id = table.Column<Guid>(type: "uuid", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("audit_entries_pkey", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "capability_sets",
                columns: table => new
                {
                    id = table.Column<int>(type: "integer", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityAlwaysColumn),
                    capabilities = table.Column<string[]>(type: "text[]", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("capability_sets_pkey", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "agents",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    kind = table.Column<string>(type: "text", nullable: false),
                    capabilities = table.Column<string[]>(type: "text[]", nullable: false),
                    host = table.Column<string>(type: "text", nullable: true),
                    surface = table.Column<string>(type: "text", nullable: true),
                    activity = table.Column<string>(type: "text", nullable: true),
                    note = table.Column<string>(type: "text", nullable: true),
                    memory_mb = table.Column<int>(type: "integer", nullable: true),
                    cpu_percent = table.Column<decimal>(type: "numeric", nullable: true),
                    last_heartbeat_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    liveness = table.Column<string>(type: "text", nullable: false),
                    paused = table.Column<bool>(type: "boolean", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "clock_timestamp()")
                },
                constraints: table =>
                {
                    table.PrimaryKey("agents_pkey", x => x.id);
                    table.CheckConstraint("agents_activity_check", "activity in ('idle', 'working', 'waiting', 'stopping')");
                    table.CheckConstraint("agents_liveness_check", "liveness in ('unknown', 'live', 'stale', 'lost')");
                    table.ForeignKey(
                        name: "agents_id_fkey",
                        column: x => x.id,
                        principalTable: "actors",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "api_keys",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    actor_id = table.Column<Guid>(type: "uuid", nullable: false),
                    hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    prefix = table.Column<string>(type: "text", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "clock_timestamp()"),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    revoked_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    last_used_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("api_keys_pkey", x => x.id);
                    table.CheckConstraint("api_keys_hash_check", "length(hash) = 32");
                    table.ForeignKey(
                        name: "api_keys_actor_id_fkey",
                        column: x => x.actor_id,
                        principalTable: "actors",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "tickets",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    number = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityAlwaysColumn),
                    title = table.Column<string>(type: "text", nullable: false),
                    description = table.Column<string>(type: "text", nullable: true),
                    project = table.Column<string>(type: "text", nullable: true),
                    priority = table.Column<short>(type: "smallint", nullable: false),
                    state = table.Column<string>(type: "text", nullable: false),
                    created_by = table.Column<Guid>(type: "uuid", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "clock_timestamp()"),
                    updated_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "clock_timestamp()")
                },
                constraints: table =>
                {
                    table.PrimaryKey("tickets_pkey", x => x.id);
                    table.CheckConstraint("tickets_priority_check", "priority between 0 and 4");
                    table.CheckConstraint("tickets_state_check", "state in ('open', 'in_progress', 'done', 'cancelled')");
                    table.CheckConstraint("tickets_title_check", "length(title) between 1 and 500");
                    table.ForeignKey(
                        name: "tickets_created_by_fkey",
                        column: x => x.created_by,
                        principalTable: "actors",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "interventions",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    agent_id = table.Column<Guid>(type: "uuid", nullable: false),
                    kind = table.Column<string>(type: "text", nullable: false),
                    text = table.Column<string>(type: "text", nullable: true),
                    requested_by = table.Column<Guid>(type: "uuid", nullable: false),
                    requested_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "clock_timestamp()"),
                    acknowledged_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("interventions_pkey", x => x.id);
                    table.CheckConstraint("interventions_kind_check", "kind in ('pause', 'resume', 'stop', 'message')");
                    table.ForeignKey(
                        name: "interventions_agent_id_fkey",
                        column: x => x.agent_id,
                        principalTable: "agents",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "interventions_requested_by_fkey",
                        column: x => x.requested_by,
                        principalTable: "actors",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "tasks",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    ordinal = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityAlwaysColumn),
                    ticket_id = table.Column<Guid>(type: "uuid", nullable: false),
                    title = table.Column<string>(type: "text", nullable: false),
                    instructions = table.Column<string>(type: "text", nullable: true),
                    capability_set_id = table.Column<int>(type: "integer", nullable: false),
                    priority = table.Column<short>(type: "smallint", nullable: false),
                    state = table.Column<string>(type: "text", nullable: false),
                    attempt = table.Column<int>(type: "integer", nullable: false, defaultValue: 1),
                    max_attempts = table.Column<int>(type: "integer", nullable: false),
                    lease_seconds = table.Column<int>(type: "integer", nullable: false),
                    fencing_token = table.Column<long>(type: "bigint", nullable: false, defaultValue: 0L),
                    lease_id = table.Column<Guid>(type: "uuid", nullable: true),
                    agent_id = table.Column<Guid>(type: "uuid", nullable: true),
                    percent = table.Column<short>(type: "smallint", nullable: true),
                    message = table.Column<string>(type: "text", nullable: true),
                    checkpoint_id = table.Column<Guid>(type: "uuid", nullable: true),
                    result = table.Column<string>(type: "jsonb", nullable: true),
                    error = table.Column<string>(type: "text", nullable: true),
                    created_by = table.Column<Guid>(type: "uuid", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "clock_timestamp()"),
                    updated_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "clock_timestamp()"),
                    ended_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("tasks_pkey", x => x.id);
                    table.CheckConstraint("tasks_attempt_check", "attempt between 1 and max_attempts");
                    table.CheckConstraint("tasks_lease_check", "(lease_id is not null) = (state in ('leased', 'running', 'waiting_human'))");
                    table.CheckConstraint("tasks_percent_check", "percent between 0 and 100");
                    table.CheckConstraint("tasks_priority_check", "priority between 0 and 4");
                    table.CheckConstraint("tasks_state_check", "state in ('blocked', 'ready', 'leased', 'running', 'waiting_human', 'completed', 'failed', 'cancelled')");
                    table.CheckConstraint("tasks_title_check", "length(title) between 1 and 500");
                    table.ForeignKey(
                        name: "tasks_agent_id_fkey",
                        column: x => x.agent_id,
                        principalTable: "agents",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "tasks_capability_set_id_fkey",
                        column: x => x.capability_set_id,
                        principalTable: "capability_sets",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "tasks_created_by_fkey",
                        column: x => x.created_by,
                        principalTable: "actors",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "tasks_ticket_id_fkey",
                        column: x => x.ticket_id,
                        principalTable: "tickets",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "leases",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    task_id = table.Column<Guid>(type: "uuid", nullable: false),
                    agent_id = table.Column<Guid>(type: "uuid", nullable: false),
                    attempt = table.Column<int>(type: "integer", nullable: false),
                    fencing_token = table.Column<long>(type: "bigint", nullable: false),
                    granted_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    ended_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    end_reason = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("leases_pkey", x => x.id);
                    table.CheckConstraint("leases_end_check", "(ended_at is null) = (end_reason is null)");
                    table.CheckConstraint("leases_end_reason_check", "end_reason in ('completed', 'failed', 'released', 'expired', 'cancelled', 'revoked')");
                    table.ForeignKey(
                        name: "leases_agent_id_fkey",
                        column: x => x.agent_id,
                        principalTable: "agents",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "leases_task_id_fkey",
                        column: x => x.task_id,
                        principalTable: "tasks",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "task_dependencies",
                columns: table => new
                {
                    task_id = table.Column<Guid>(type: "uuid", nullable: false),
                    depends_on_id = table.Column<Guid>(type: "uuid", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("task_dependencies_pkey", x => new { x.task_id, x.depends_on_id });
                    table.CheckConstraint("task_dependencies_not_itself_check", "task_id <> depends_on_id");
                    table.ForeignKey(
                        name: "task_dependencies_depends_on_id_fkey",
                        column: x => x.depends_on_id,
                        principalTable: "tasks",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "task_dependencies_task_id_fkey",
                        column: x => x.task_id,
                        principalTable: "tasks",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "checkpoints",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    task_id = table.Column<Guid>(type: "uuid", nullable: false),
                    lease_id = table.Column<Guid>(type: "uuid", nullable: false),
                    attempt = table.Column<int>(type: "integer", nullable: false),
                    state = table.Column<string>(type: "jsonb", nullable: false),
                    size_bytes = table.Column<int>(type: "integer", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "clock_timestamp()")
                },
                constraints: table =>
                {
                    table.PrimaryKey("checkpoints_pkey", x => x.id);
                    table.CheckConstraint("checkpoints_size_check", "size_bytes between 1 and 262144");
                    table.ForeignKey(
                        name: "checkpoints_lease_id_fkey",
                        column: x => x.lease_id,
                        principalTable: "leases",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "checkpoints_task_id_fkey",
                        column: x => x.task_id,
                        principalTable: "tasks",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "escalations",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    kind = table.Column<string>(type: "text", nullable: false),
                    title = table.Column<string>(type: "text", nullable: false),
                    detail = table.Column<string>(type: "text", nullable: true),
                    task_id = table.Column<Guid>(type: "uuid", nullable: true),
                    ticket_id = table.Column<Guid>(type: "uuid", nullable: true),
                    lease_id = table.Column<Guid>(type: "uuid", nullable: true),
                    requested_by = table.Column<Guid>(type: "uuid", nullable: false),
                    action = table.Column<string>(type: "text", nullable: true),
                    action_hash = table.Column<string>(type: "text", nullable: true),
                    options = table.Column<string[]>(type: "text[]", nullable: false),
                    state = table.Column<string>(type: "text", nullable: false),
                    opened_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "clock_timestamp()"),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("escalations_pkey", x => x.id);
                    table.CheckConstraint("escalations_hash_check", "(action is null) = (action_hash is null)");
                    table.CheckConstraint("escalations_kind_check", "kind in ('approval', 'question', 'intervention')");
                    table.CheckConstraint("escalations_state_check", "state in ('waiting', 'approved', 'denied', 'answered', 'expired')");
                    table.ForeignKey(
                        name: "escalations_lease_id_fkey",
                        column: x => x.lease_id,
                        principalTable: "leases",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "escalations_requested_by_fkey",
                        column: x => x.requested_by,
                        principalTable: "actors",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "escalations_task_id_fkey",
                        column: x => x.task_id,
                        principalTable: "tasks",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "escalations_ticket_id_fkey",
                        column: x => x.ticket_id,
                        principalTable: "tickets",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "decisions",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    escalation_id = table.Column<Guid>(type: "uuid", nullable: false),
                    verdict = table.Column<string>(type: "text", nullable: false),
                    comment = table.Column<string>(type: "text", nullable: true),
                    option = table.Column<string>(type: "text", nullable: true),
                    action_hash = table.Column<string>(type: "text", nullable: true),
                    decided_by = table.Column<Guid>(type: "uuid", nullable: false),
                    decided_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "clock_timestamp()")
                },
                constraints: table =>
                {
                    table.PrimaryKey("decisions_pkey", x => x.id);
                    table.CheckConstraint("decisions_verdict_check", "verdict in ('approved', 'denied', 'answered', 'expired')");
                    table.ForeignKey(
                        name: "decisions_decided_by_fkey",
                        column: x => x.decided_by,
                        principalTable: "actors",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "decisions_escalation_id_fkey",
                        column: x => x.escalation_id,
                        principalTable: "escalations",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateIndex(
                name: "actors_by_name",
                table: "actors",
                column: "name",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "agents_by_name",
                table: "agents",
                column: "name",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "api_keys_by_actor",
                table: "api_keys",
                column: "actor_id");

            migrationBuilder.CreateIndex(
                name: "api_keys_by_hash",
                table: "api_keys",
                column: "hash",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "audit_entries_by_time",
                table: "audit_entries",
                column: "at");

            migrationBuilder.CreateIndex(
                name: "capability_sets_by_content",
                table: "capability_sets",
                column: "capabilities",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "checkpoints_by_task",
                table: "checkpoints",
                columns: new[] { "task_id", "created_at" });

            migrationBuilder.CreateIndex(
                name: "decisions_by_escalation",
                table: "decisions",
                column: "escalation_id",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "escalations_by_state",
                table: "escalations",
                columns: new[] { "state", "opened_at" });

            migrationBuilder.CreateIndex(
                name: "escalations_by_task",
                table: "escalations",
                column: "task_id",
                filter: "task_id is not null");

            migrationBuilder.CreateIndex(
                name: "escalations_waiting",
                table: "escalations",
                column: "expires_at",
                filter: "state = 'waiting'");

            migrationBuilder.CreateIndex(
                name: "interventions_by_agent",
                table: "interventions",
                columns: new[] { "agent_id", "requested_at" });

            migrationBuilder.CreateIndex(
                name: "interventions_to_deliver",
                table: "interventions",
                column: "agent_id",
                filter: "acknowledged_at is null");

            migrationBuilder.CreateIndex(
                name: "leases_by_task",
                table: "leases",
                columns: new[] { "task_id", "fencing_token" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "leases_in_force",
                table: "leases",
                column: "task_id",
                unique: true,
                filter: "ended_at is null");

            migrationBuilder.CreateIndex(
                name: "task_dependencies_by_dependency",
                table: "task_dependencies",
                column: "depends_on_id");

            migrationBuilder.CreateIndex(
                name: "tasks_by_agent",
                table: "tasks",
                columns: new[] { "agent_id", "ordinal" },
                filter: "agent_id is not null");

            migrationBuilder.CreateIndex(
                name: "tasks_by_ordinal",
                table: "tasks",
                column: "ordinal",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "tasks_by_state",
                table: "tasks",
                columns: new[] { "state", "ordinal" });

            migrationBuilder.CreateIndex(
                name: "tasks_by_ticket",
                table: "tasks",
                columns: new[] { "ticket_id", "ordinal" });

            migrationBuilder.CreateIndex(
                name: "tasks_to_claim",
                table: "tasks",
                columns: new[] { "capability_set_id", "priority", "ordinal" },
                descending: new[] { false, true, false },
                filter: "state = 'ready'");

            migrationBuilder.CreateIndex(
                name: "tickets_by_number",
                table: "tickets",
                column: "number",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "tickets_by_state",
                table: "tickets",
                columns: new[] { "state", "number" });

            migrationBuilder.Sql(InitialSql.Up);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "api_keys");

            migrationBuilder.DropTable(
                name: "audit_entries");

            migrationBuilder.DropTable(
                name: "checkpoints");

            migrationBuilder.DropTable(
                name: "decisions");

            migrationBuilder.DropTable(
                name: "interventions");

            migrationBuilder.DropTable(
                name: "task_dependencies");

            migrationBuilder.DropTable(
                name: "escalations");

            migrationBuilder.DropTable(
                name: "leases");

            migrationBuilder.DropTable(
                name: "tasks");

            migrationBuilder.DropTable(
                name: "agents");

            migrationBuilder.DropTable(
                name: "capability_sets");

            migrationBuilder.DropTable(
                name: "tickets");

            migrationBuilder.DropTable(
                name: "actors");
        }
    }
}
