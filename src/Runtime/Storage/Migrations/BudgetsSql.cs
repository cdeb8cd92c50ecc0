namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>The tables of budgets, and the functions that move their counters (docs/adr/0008-reserve-then-settle.md).</summary>
/// <remarks>
/// Every function takes the rows of <c>budget_periods</c> in the order of the budgets' ids, so that none waits for another in a circle.
/// Periods are of UTC. A budget for good has one period, which began in 1970.
/// </remarks>
internal static class BudgetsSql
{
    public const string Tables =
        """
        create table budgets (
            id uuid primary key,
            scope text not null check (scope in ('global', 'project', 'ticket', 'task', 'agent', 'module', 'provider')),
            -- Empty for the whole host.
            scope_id text not null check ((scope = 'global') = (scope_id = '')),
            period text not null check (period in ('hour', 'day', 'week', 'month', 'total')),
            soft_limit numeric(24, 12) check (soft_limit >= 0),
            hard_limit numeric(24, 12) not null check (hard_limit >= 0),
            currency text not null check (currency ~ '^[A-Z][A-Z][A-Z]$'),
            created_at timestamptz not null default clock_timestamp(),
            created_by uuid not null references actors,
            updated_at timestamptz not null default clock_timestamp(),
            deleted_at timestamptz,
            constraint budgets_soft_below_hard check (soft_limit <= hard_limit)
        );
        create index budgets_by_scope on budgets (scope, scope_id) where deleted_at is null;
        create index budgets_by_age on budgets (created_at, id) where deleted_at is null;

        create table budget_changes (
            id uuid primary key,
            budget_id uuid not null references budgets,
            at timestamptz not null default clock_timestamp(),
            actor_id uuid not null references actors,
            change text not null check (change in ('created', 'changed', 'deleted', 'raised', 'raise_ended')),
            detail jsonb not null
        );
        create index budget_changes_by_budget on budget_changes (budget_id, at);
        create trigger budget_changes_append_only before update or delete on budget_changes for each row execute function refuse_change();

        create table budget_periods (
            budget_id uuid not null references budgets,
            period_start timestamptz not null,
            spent numeric not null default 0,
            reserved numeric not null default 0,
            cost_events bigint not null default 0,
            -- Without an amount, or in a currency for which there was no rate on that day: not zero, but not known.
            unknown_events bigint not null default 0,
            soft_told_at timestamptz,
            primary key (budget_id, period_start)
        ) with (fillfactor = 50);

        create table budget_spending (
            budget_id uuid not null references budgets,
            bucket_start timestamptz not null,
            spent numeric not null,
            primary key (budget_id, bucket_start)
        ) with (fillfactor = 70);

        create table budget_overrides (
            id uuid primary key,
            budget_id uuid not null references budgets,
            amount numeric(24, 12) not null check (amount > 0),
            reason text not null,
            made_at timestamptz not null default clock_timestamp(),
            made_by uuid not null references actors,
            expires_at timestamptz not null,
            escalation_id uuid,
            ended_at timestamptz
        );
        create index budget_overrides_in_force on budget_overrides (budget_id) where ended_at is null;

        create table budget_reservations (
            id uuid primary key,
            made_at timestamptz not null,
            expires_at timestamptz not null,
            attribution jsonb not null,
            module_id text not null,
            provider text not null,
            amount numeric(24, 12) not null,
            currency text not null,
            budget_ids uuid[] not null,
            period_starts timestamptz[] not null,
            amounts numeric[] not null,
            lost_at timestamptz
        );
        create index budget_reservations_by_expiry on budget_reservations (expires_at) where lost_at is null;

        create table budget_breaches (
            id uuid primary key,
            budget_id uuid not null references budgets,
            period_start timestamptz not null,
            period_end timestamptz,
            opened_at timestamptz not null default clock_timestamp(),
            spent numeric not null,
            limit_then numeric not null,
            refused_amount numeric,
            -- What the founder is asked for: the decision is about exactly this.
            proposed_raise numeric not null,
            proposed_until timestamptz not null,
            escalation_id uuid,
            closed_at timestamptz,
            closed_why text
        );
        create unique index budget_breaches_one_open on budget_breaches (budget_id, period_start) where closed_at is null;
        create index budget_breaches_by_escalation on budget_breaches (escalation_id) where escalation_id is not null;

        -- What is not worked for just now. There are a handful of open breaches at the most, so that a claim may look at them all.
        create view budgets_exhausted as
            select x.id as breach_id, b.id as budget_id, b.scope, b.scope_id, b.period, x.period_end, x.escalation_id
            from budget_breaches x join budgets b on b.id = x.budget_id
            where x.closed_at is null and (x.period_end is null or x.period_end > clock_timestamp());

        create table budget_breach_tasks (
            breach_id uuid not null references budget_breaches,
            lease_id uuid not null,
            task_id uuid not null,
            agent_id uuid not null,
            held_at timestamptz not null default clock_timestamp(),
            primary key (breach_id, lease_id)
        );
        """;

    public const string Functions =
        """
        create function budget_period_start(period text, at timestamptz) returns timestamptz language sql stable parallel safe as $$
            select case when period = 'total' then timestamptz '1970-01-01 00:00:00+00' else date_trunc(period, at, 'UTC') end
        $$;

        create function budget_period_end(period text, at timestamptz) returns timestamptz language sql stable parallel safe as $$
            select case when period <> 'total' then (date_trunc(period, at, 'UTC') at time zone 'UTC' + ('1 ' || period)::interval) at time zone 'UTC' end
        $$;

        -- What the thing that a budget is for is called by people.
        create function budget_scope_name(scope text, scope_id text) returns text language sql stable as $$
            select case scope
                when 'ticket' then (select 'T-' || k.number from tickets k where k.id = scope_id::uuid)
                when 'task' then (select t.title from tasks t where t.id = scope_id::uuid)
                when 'agent' then (select a.name from agents a where a.id = scope_id::uuid)
                else nullif(scope_id, '') end
        $$;

        -- Fine enough to see where the spending goes, and at the most some hundreds a period.
        create function budget_bucket(period text, at timestamptz) returns timestamptz language sql stable parallel safe as $$
            select date_bin(
                case period when 'hour' then interval '1 minute' when 'day' then interval '15 minutes' when 'total' then interval '1 day' else interval '1 hour' end,
                at, timestamptz '1970-01-01 00:00:00+00')
        $$;

        -- By the newest rate that was in force on the day, told either way round; null where there was none.
        create function budget_amount_in(amount numeric, currency text, wanted text, at timestamptz) returns numeric language plpgsql stable as $$
        declare
            day date := (at at time zone 'UTC')::date;
            factor numeric;
        begin
            if amount is null or currency = wanted then
                return amount;
            end if;
            select case when r.currency = budget_amount_in.currency then r.rate else 1 / r.rate end into factor
            from currency_rates r
            where ((r.currency = budget_amount_in.currency and r.quote = wanted) or (r.currency = wanted and r.quote = budget_amount_in.currency))
                and r.effective_on <= day
            order by r.effective_on desc limit 1;
            return amount * factor;
        end $$;

        create function budget_limit(budget uuid) returns numeric language sql volatile as $$
            select b.hard_limit + coalesce((
                select sum(o.amount) from budget_overrides o where o.budget_id = b.id and o.ended_at is null and o.expires_at > clock_timestamp()), 0)
            from budgets b where b.id = budget
        $$;

        -- Adds what was spent to every budget in scope, and names those whose soft or hard limit it has reached in the period that is now.
        -- A line that resolves is for an unknown cost that has become known: it takes that out of the unknown, in the period in which it arose.
        create function budget_charge(ats timestamptz[], scopes text[], scope_ids text[], amounts numeric[], currencies text[], resolving boolean[])
        returns table (budget uuid, start timestamptz, over_soft boolean, over_hard boolean)
        language sql volatile as $$
            with lines as (
                select b.id, b.period, e.at, e.resolves, case when e.resolves then 0 else budget_amount_in(e.amount, e.currency, b.currency, e.at) end as amount
                from unnest(ats, scopes, scope_ids, amounts, currencies, resolving) e (at, scope, scope_id, amount, currency, resolves)
                join budgets b on b.scope = e.scope and b.scope_id = e.scope_id and b.deleted_at is null),
            charged as (
                insert into budget_periods as p (budget_id, period_start, spent, cost_events, unknown_events)
                select id, budget_period_start(period, at), coalesce(sum(amount), 0), count(*) filter (where not resolves),
                    count(*) filter (where amount is null) - count(*) filter (where resolves)
                from lines group by 1, 2 order by 1, 2
                on conflict (budget_id, period_start) do update set
                    spent = p.spent + excluded.spent, cost_events = p.cost_events + excluded.cost_events, unknown_events = p.unknown_events + excluded.unknown_events
                returning p.budget_id, p.period_start, p.spent, p.soft_told_at),
            bucketed as (
                insert into budget_spending as s (budget_id, bucket_start, spent)
                select id, budget_bucket(period, at), sum(amount) from lines where amount is not null and not resolves group by 1, 2 order by 1, 2
                on conflict (budget_id, bucket_start) do update set spent = s.spent + excluded.spent)
            select c.budget_id, c.period_start, c.soft_told_at is null and c.spent >= b.soft_limit, c.spent > 0 and c.spent >= budget_limit(b.id)
            from charged c join budgets b on b.id = c.budget_id
            where c.period_start = budget_period_start(b.period, clock_timestamp())
                and ((c.soft_told_at is null and c.spent >= b.soft_limit) or (c.spent > 0 and c.spent >= budget_limit(b.id)))
            order by c.budget_id
        $$;
        """;

    /// <summary>As they were for one call at a time.</summary>
    public const string SingleReservations =
        """
        -- Reserves with every budget in scope or with none. No row: reserved. A row: the budget that it does not fit into.
        create function budget_reserve(
            new_id uuid, lasts interval, scopes text[], scope_ids text[], wanted numeric, wanted_currency text,
            who jsonb, module text, of_provider text)
        returns table (refused_by uuid, refused_start timestamptz, refused_spent numeric, refused_reserved numeric, refused_limit numeric, refused_amount numeric)
        language plpgsql as $$
        declare
            now_is timestamptz := clock_timestamp();
            line record;
            ids uuid[] := '{}';
            starts timestamptz[] := '{}';
            amounts numeric[] := '{}';
            i integer;
        begin
            -- What a power failure could take back here is a promise and no money: the calls that it was made for end with the
            -- power, and what they cost is charged when they are settled. So nobody waits for the disk while he holds the
            -- counters of a budget that all others want too.
            perform set_config('synchronous_commit', 'off', true);
            insert into budget_periods (budget_id, period_start)
            select b.id, budget_period_start(b.period, now_is)
            from unnest(scopes, scope_ids) s (scope, scope_id)
            join budgets b on b.scope = s.scope and b.scope_id = s.scope_id and b.deleted_at is null
            where not exists (select from budget_periods p where p.budget_id = b.id and p.period_start = budget_period_start(b.period, now_is))
            order by b.id
            on conflict do nothing;

            for line in
                select b.id, b.currency, p.period_start, p.spent, p.reserved
                from unnest(scopes, scope_ids) s (scope, scope_id)
                join budgets b on b.scope = s.scope and b.scope_id = s.scope_id and b.deleted_at is null
                join budget_periods p on p.budget_id = b.id and p.period_start = budget_period_start(b.period, now_is)
                order by b.id
                for update of p
            loop
                refused_amount := budget_amount_in(wanted, wanted_currency, line.currency, now_is);
                continue when refused_amount is null;
                refused_limit := budget_limit(line.id);
                if refused_amount > 0 and line.spent + line.reserved + refused_amount > refused_limit then
                    refused_by := line.id;
                    refused_start := line.period_start;
                    refused_spent := line.spent;
                    refused_reserved := line.reserved;
                    return next;
                    return;
                end if;
                ids := ids || line.id;
                starts := starts || line.period_start;
                amounts := amounts || refused_amount;
            end loop;

            for i in 1 .. cardinality(ids) loop
                update budget_periods p set reserved = p.reserved + amounts[i] where p.budget_id = ids[i] and p.period_start = starts[i];
            end loop;
            insert into budget_reservations (id, made_at, expires_at, attribution, module_id, provider, amount, currency, budget_ids, period_starts, amounts)
            values (new_id, now_is, now_is + lasts, who, module, of_provider, wanted, wanted_currency, ids, starts, amounts);
        end $$;

        -- Gives back what was reserved. False: there is nothing to give back, it was settled before or is lost.
        create function budget_release(reservation uuid, is_lost boolean) returns boolean language plpgsql as $$
        declare
            held budget_reservations;
            i integer;
        begin
            select * into held from budget_reservations r where r.id = reservation and r.lost_at is null for update;
            if not found then
                return false;
            end if;
            for i in 1 .. cardinality(held.budget_ids) loop
                update budget_periods p set reserved = p.reserved - held.amounts[i] where p.budget_id = held.budget_ids[i] and p.period_start = held.period_starts[i];
            end loop;
            if is_lost then
                update budget_reservations r set lost_at = clock_timestamp() where r.id = reservation;
            else
                delete from budget_reservations r where r.id = reservation;
            end if;
            return true;
        end $$;
        """;

    public const string Down =
        """
        drop function budget_release(uuid, boolean);
        drop function budget_charge(timestamptz[], text[], text[], numeric[], text[], boolean[]);
        drop function budget_reserve(uuid, interval, text[], text[], numeric, text, jsonb, text, text);
        drop function budget_limit(uuid);
        drop function budget_amount_in(numeric, text, text, timestamptz);
        drop function budget_bucket(text, timestamptz);
        drop function budget_scope_name(text, text);
        drop function budget_period_end(text, timestamptz);
        drop function budget_period_start(text, timestamptz);
        drop view budgets_exhausted;
        drop table budget_breach_tasks, budget_breaches, budget_reservations, budget_overrides, budget_spending, budget_periods, budget_changes, budgets;
        """;
}
