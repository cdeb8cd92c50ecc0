using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlCenter.Runtime.Storage.Migrations
{
    /// <inheritdoc />
    public partial class SubscriptionWindows : Migration
    {
        // What was used of a subscription within its windows is added up every second or so, from this alone.
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
            """
            create index cost_events_by_subscription on cost_events (module_id, at) include (call_end, usage_units_in, usage_units_out)
                where access_path = 'subscription' and corrects is null and invoice_id is null
            """);

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.Sql("drop index cost_events_by_subscription");
    }
}
