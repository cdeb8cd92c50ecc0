using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ControlCenter.Runtime.Storage.Migrations
{
    /// <summary>Calls that another module was asked as well: figures only, never what was said.</summary>
    public partial class ShadowComparisons : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
            """
            create table shadow_comparisons (
                call_id uuid primary key,
                at timestamptz not null,
                route text not null,
                module_id text not null,
                cost numeric(24, 12),
                currency text,
                latency_ms int not null,
                output_tokens bigint,
                shadow_call_id uuid not null,
                shadow_module_id text not null,
                shadow_ended text not null,
                shadow_cost numeric(24, 12),
                shadow_currency text,
                shadow_latency_ms int not null,
                shadow_output_tokens bigint,
                judge_module_id text,
                score numeric(5, 2) check (score between 0 and 100),
                shadow_score numeric(5, 2) check (shadow_score between 0 and 100),
                check ((score is null) = (shadow_score is null))
            );
            create index shadow_comparisons_of_route on shadow_comparisons (route, at desc);
            create index shadow_comparisons_by_age on shadow_comparisons (at);
            """);

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) => migrationBuilder.Sql("drop table shadow_comparisons");
    }
}
