namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>The tables of costs (docs/adr/0007-cost-rollups.md).</summary>
/// <remarks>
/// A partitioned table can be unique only together with its time, so <c>cost_event_ids</c> is what makes an event count once.
/// <c>cost_rollup_queue</c> holds what was recorded and is not in the rollups yet: it is written with the event and emptied
/// with the rollups, so that each event is in them exactly once, and no recorder waits for another's hot row.
/// </remarks>
internal static class CostsSql
{
    public const string Up =
        """
        create table cost_events (
            event_id uuid not null,
            at timestamptz not null,
            recorded_at timestamptz not null default clock_timestamp(),
            actor_id uuid not null,
            agent_id uuid,
            session_id text,
            activity_id text,
            task_id uuid,
            ticket_id uuid,
            project text,
            surface text,
            node_id text,
            environment text not null,
            module_id text,
            provider text,
            access_path text check (access_path in ('api', 'subscription', 'self_hosted', 'hybrid')),
            tokens_input bigint,
            tokens_output bigint,
            tokens_cache_read bigint,
            tokens_cache_write bigint,
            tokens_reasoning bigint,
            usage_units_in numeric(24, 12),
            usage_units_out numeric(24, 12),
            estimated_cost numeric(24, 12),
            billed_cost numeric(24, 12),
            currency text check (currency ~ '^[A-Z][A-Z][A-Z]$'),
            knowledge text not null check (knowledge in ('exact', 'estimated', 'unknown')),
            price_id uuid,
            call_end text check (call_end in ('completed', 'cut_by_client', 'cut_by_upstream', 'failed', 'throttled', 'lost')),
            latency_ms integer check (latency_ms >= 0),
            retries integer not null default 0,
            fallbacks integer not null default 0,
            notes text,
            corrects uuid,
            -- An entry that brings the books into line with this invoice.
            invoice_id uuid,
            resolves_unknown boolean not null default false,
            primary key (at, event_id),
            -- Not known is null, never zero with a name; and an amount without a currency is no amount.
            constraint cost_events_known_check check ((knowledge = 'unknown') = (estimated_cost is null and billed_cost is null)),
            constraint cost_events_currency_needed check (currency is not null or (estimated_cost is null and billed_cost is null))
        ) partition by range (at);
        create index cost_events_by_task on cost_events (task_id, at) where task_id is not null;
        create index cost_events_by_ticket on cost_events (ticket_id, at) where ticket_id is not null;
        create index cost_events_by_activity on cost_events (activity_id, at) where activity_id is not null;
        create index cost_events_by_corrected on cost_events (corrects) where corrects is not null;
        create table cost_events_default partition of cost_events default;
        create trigger cost_events_append_only before update or delete on cost_events for each row execute function refuse_change();

        create function cost_events_make_partition(month date) returns void language plpgsql as $$
        declare
            first date := date_trunc('month', month);
            name text := 'cost_events_' || to_char(first, 'YYYY_MM');
        begin
            if to_regclass(name) is null then
                execute format('create table %I partition of cost_events for values from (%L) to (%L)',
                    name, first::timestamp at time zone 'UTC', (first + interval '1 month') at time zone 'UTC');
            end if;
        exception when check_violation then
            -- The default partition has some of that month already, and keeps it.
            null;
        end $$;
        select cost_events_make_partition(((now() at time zone 'UTC') + make_interval(months => m))::date) from generate_series(-3, 2) m;

        create table cost_event_ids (
            event_id uuid primary key,
            at timestamptz not null
        );
        create trigger cost_event_ids_append_only before update or delete on cost_event_ids for each row execute function refuse_change();

        create table cost_rollup_queue (
            event_id uuid not null,
            at timestamptz not null
        ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

        create table cost_rollups (
            dimension text collate "C" not null,
            grain text collate "C" not null check (grain in ('hour', 'day', 'week', 'month')),
            period timestamptz not null,
            -- Empty: what could not be attributed.
            key text collate "C" not null,
            requests bigint not null,
            failures bigint not null,
            retries bigint not null,
            unknown_cost_events bigint not null,
            usage_units_in numeric,
            usage_units_out numeric,
            -- As charged: one place in each of the four for a currency. cost is the bill where there is one, else the estimate.
            currencies text[] not null,
            estimated_costs numeric[] not null,
            billed_costs numeric[] not null,
            costs numeric[] not null,
            -- A sparse histogram: bucket, count, bucket, count (Domain/Costs/LatencyHistogram).
            latencies integer[] not null,
            max_latency_ms integer,
            p95_latency_ms integer,
            primary key (dimension, grain, period, key)
        ) with (fillfactor = 70);

        create table cost_rollup_proofs (
            id uuid primary key,
            at timestamptz not null default clock_timestamp(),
            events bigint not null,
            differences bigint not null,
            detail text not null,
            duration_ms integer not null
        );
        create index cost_rollup_proofs_by_time on cost_rollup_proofs (at);
        create trigger cost_rollup_proofs_append_only before update or delete on cost_rollup_proofs for each row execute function refuse_change();

        create table currency_rates (
            currency text not null check (currency ~ '^[A-Z][A-Z][A-Z]$'),
            quote text not null check (quote ~ '^[A-Z][A-Z][A-Z]$' and quote <> currency),
            effective_on date not null,
            rate numeric(24, 12) not null check (rate > 0),
            source text not null,
            recorded_at timestamptz not null default clock_timestamp(),
            recorded_by uuid not null references actors,
            primary key (currency, quote, effective_on)
        );
        create trigger currency_rates_append_only before update or delete on currency_rates for each row execute function refuse_change();

        create table invoices (
            id uuid primary key,
            provider text not null,
            number text not null,
            period_from date not null,
            period_to date not null check (period_to > period_from),
            currency text not null check (currency ~ '^[A-Z][A-Z][A-Z]$'),
            amount numeric(24, 12) not null,
            imported_at timestamptz not null default clock_timestamp(),
            imported_by uuid not null references actors,
            constraint invoices_once unique (provider, number)
        );
        create table invoice_lines (
            invoice_id uuid not null references invoices,
            line integer not null,
            module_id text,
            description text,
            quantity numeric(24, 12),
            amount numeric(24, 12) not null,
            primary key (invoice_id, line)
        );
        create trigger invoices_append_only before update or delete on invoices for each row execute function refuse_change();
        create trigger invoice_lines_append_only before update or delete on invoice_lines for each row execute function refuse_change();
        """;

    public const string Down =
        """
        drop table invoice_lines, invoices, currency_rates, cost_rollup_proofs, cost_rollups, cost_rollup_queue, cost_event_ids, cost_events;
        drop function cost_events_make_partition(date);
        """;
}
