using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlCenter.Runtime.Storage.Migrations
{
    /// <summary>The same rules for less of the processor: both stood in the way of every posted event (bench/README.md).</summary>
    public partial class CheaperChecks : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            // A counted repetition is matched by hand, 3 µs a row; the length beside a plain one takes 0.2 µs.
            migrationBuilder.Sql(
                """
                alter table events drop constraint events_kind_check;
                alter table events add constraint events_kind_check check (kind ~ '^[a-z0-9][a-z0-9_.-]*$' and length(kind) <= 80);
                """);

            // Whose key an answer belongs to comes from the key that was presented, which does refer to its actor; actors are never deleted.
            migrationBuilder.Sql("alter table idempotency_keys drop constraint idempotency_keys_actor_id_fkey;");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(
                """
                alter table idempotency_keys add constraint idempotency_keys_actor_id_fkey foreign key (actor_id) references actors;
                alter table events drop constraint events_kind_check;
                alter table events add constraint events_kind_check check (kind ~ '^[a-z0-9][a-z0-9_.-]{0,79}$');
                """);
        }
    }
}
