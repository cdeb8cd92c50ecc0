namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>Reserving and giving back for many calls at once (docs/adr/0008-reserve-then-settle.md).</summary>
/// <remarks>Like every function that moves the counters, these take the rows of <c>budget_periods</c> in the order of the budgets' ids.</remarks>
internal static class GroupedReservationsSql
{
    public const string Up =
        """
        drop function budget_reserve(uuid, interval, text[], text[], numeric, text, jsonb, text, text);
        drop function budget_release(uuid, boolean);

        -- Reserves for each call with every budget in its scope or with none, in the order given. A row: a call that was refused, by
        -- its place, and the budget that it does not fit into. Lines name the calls' scopes: call, scope and id of each.
        create function budget_reserve_all(
            new_ids uuid[], lasts interval, who jsonb[], modules text[], providers text[], wanted numeric[], currencies text[],
            line_calls integer[], line_scopes text[], line_scope_ids text[])
        returns table (
            refused integer, refused_by uuid, refused_start timestamptz, refused_spent numeric, refused_reserved numeric, refused_limit numeric, refused_amount numeric)
        language plpgsql as $$
        declare
            now_is timestamptz := clock_timestamp();
            budget record;
            call record;
            ids uuid[] := '{}';
            starts timestamptz[] := '{}';
            scopes text[] := '{}';
            scope_ids text[] := '{}';
            currency_of text[] := '{}';
            spent numeric[] := '{}';
            held numeric[] := '{}';
            held_before numeric[];
            limits numeric[] := '{}';
            totals numeric[];
            fits boolean;
            amounts numeric[];
            amount numeric;
            places integer[];
            place integer;
        begin
            -- What a power failure could take back here is a promise and no money: the calls that it was made for end with the
            -- power, and what they cost is charged when they are settled. So nobody waits for the disk while he holds the
            -- counters of a budget that all others want too.
            perform set_config('synchronous_commit', 'off', true);
            insert into budget_periods (budget_id, period_start)
            select b.id, budget_period_start(b.period, now_is)
            from (select distinct * from unnest(line_scopes, line_scope_ids) l (scope, scope_id)) s
            join budgets b on b.scope = s.scope and b.scope_id = s.scope_id and b.deleted_at is null
            where not exists (select from budget_periods p where p.budget_id = b.id and p.period_start = budget_period_start(b.period, now_is))
            order by b.id
            on conflict do nothing;

            for budget in
                select b.id, b.scope, b.scope_id, b.currency, p.period_start, p.spent, p.reserved
                from (select distinct * from unnest(line_scopes, line_scope_ids) l (scope, scope_id)) s
                join budgets b on b.scope = s.scope and b.scope_id = s.scope_id and b.deleted_at is null
                join budget_periods p on p.budget_id = b.id and p.period_start = budget_period_start(b.period, now_is)
                order by b.id
                for update of p
            loop
                ids := ids || budget.id;
                starts := starts || budget.period_start;
                scopes := scopes || budget.scope;
                scope_ids := scope_ids || budget.scope_id;
                currency_of := currency_of || budget.currency;
                spent := spent || budget.spent;
                held := held || budget.reserved;
                limits := limits || budget_limit(budget.id);
            end loop;

            -- Where all that is wanted fits, or no budget is in scope, nobody has to be asked one after the other.
            select coalesce(array_agg(coalesce(u.total, 0) order by b.place), '{}'),
                coalesce(bool_and(coalesce(u.total, 0) = 0 or spent[b.place] + held[b.place] + u.total <= limits[b.place]), true)
                    and coalesce(bool_and(coalesce(u.same, true)), true)
            into totals, fits
            from unnest(scopes, scope_ids, currency_of) with ordinality b (scope, scope_id, currency, place)
            left join lateral (
                select sum(c.wanted) as total, bool_and(c.currency = b.currency) as same
                from unnest(line_calls, line_scopes, line_scope_ids) l (call, scope, scope_id)
                join unnest(wanted, currencies) with ordinality c (wanted, currency, place) on c.place = l.call
                where l.scope = b.scope and l.scope_id = b.scope_id) u on true;
            if fits then
                insert into budget_reservations (id, made_at, expires_at, attribution, module_id, provider, amount, currency, budget_ids, period_starts, amounts)
                select c.id, now_is, now_is + lasts, c.who, c.module, c.provider, c.wanted, c.currency,
                    coalesce(m.budget_ids, '{}'), coalesce(m.starts, '{}'), array_fill(c.wanted, array[coalesce(m.count, 0)])
                from unnest(new_ids, who, modules, providers, wanted, currencies) with ordinality c (id, who, module, provider, wanted, currency, place)
                left join (
                    select l.call, array_agg(b.id order by b.place) as budget_ids, array_agg(b.start order by b.place) as starts, count(*)::integer as count
                    from unnest(line_calls, line_scopes, line_scope_ids) l (call, scope, scope_id)
                    join unnest(ids, starts, scopes, scope_ids) with ordinality b (id, start, scope, scope_id, place) on b.scope = l.scope and b.scope_id = l.scope_id
                    group by l.call) m on m.call = c.place;
                update budget_periods p set reserved = p.reserved + u.total
                from unnest(ids, starts, totals) u (id, start, total)
                where p.budget_id = u.id and p.period_start = u.start and u.total <> 0;
                return;
            end if;

            held_before := held;
            <<calls>>
            for call in
                select c.*, m.budgets
                from unnest(new_ids, who, modules, providers, wanted, currencies) with ordinality c (id, who, module, provider, wanted, currency, place)
                left join (
                    select l.call, array_agg(b.place order by b.place) as budgets
                    from unnest(line_calls, line_scopes, line_scope_ids) l (call, scope, scope_id)
                    join unnest(scopes, scope_ids) with ordinality b (scope, scope_id, place) on b.scope = l.scope and b.scope_id = l.scope_id
                    group by l.call) m on m.call = c.place
                order by c.place
            loop
                places := '{}';
                amounts := '{}';
                foreach place in array coalesce(call.budgets, '{}') loop
                    amount := budget_amount_in(call.wanted, call.currency, currency_of[place], now_is);
                    continue when amount is null;
                    if amount > 0 and spent[place] + held[place] + amount > limits[place] then
                        refused := call.place;
                        refused_by := ids[place];
                        refused_start := starts[place];
                        refused_spent := spent[place];
                        refused_reserved := held[place];
                        refused_limit := limits[place];
                        refused_amount := amount;
                        return next;
                        continue calls;
                    end if;
                    places := places || place;
                    amounts := amounts || amount;
                end loop;

                insert into budget_reservations (id, made_at, expires_at, attribution, module_id, provider, amount, currency, budget_ids, period_starts, amounts)
                values (call.id, now_is, now_is + lasts, call.who, call.module, call.provider, call.wanted, call.currency,
                    array(select ids[p] from unnest(places) with ordinality u (p, o) order by o),
                    array(select starts[p] from unnest(places) with ordinality u (p, o) order by o), amounts);
                for i in 1 .. cardinality(places) loop
                    held[places[i]] := held[places[i]] + amounts[i];
                end loop;
            end loop;

            update budget_periods p set reserved = u.held
            from unnest(ids, starts, held, held_before) u (id, start, held, held_before)
            where p.budget_id = u.id and p.period_start = u.start and u.held <> u.held_before;
        end $$;

        -- Gives back what was reserved. Says for how many: the others were settled before, or are lost.
        create function budget_release_all(reservations uuid[], is_lost boolean) returns integer language plpgsql as $$
        declare
            ended uuid[];
        begin
            ended := array(select r.id from budget_reservations r where r.id = any(reservations) and r.lost_at is null order by r.id for update);
            if cardinality(ended) = 0 then
                return 0;
            end if;

            perform from budget_periods p
            join (
                select distinct l.budget_id, l.start
                from budget_reservations r cross join lateral unnest(r.budget_ids, r.period_starts) l (budget_id, start)
                where r.id = any(ended)) u on p.budget_id = u.budget_id and p.period_start = u.start
            order by p.budget_id, p.period_start
            for update of p;
            update budget_periods p set reserved = p.reserved - u.amount
            from (
                select l.budget_id, l.start, sum(l.amount) as amount
                from budget_reservations r cross join lateral unnest(r.budget_ids, r.period_starts, r.amounts) l (budget_id, start, amount)
                where r.id = any(ended) group by 1, 2) u
            where p.budget_id = u.budget_id and p.period_start = u.start;
            if is_lost then
                update budget_reservations r set lost_at = clock_timestamp() where r.id = any(ended);
            else
                delete from budget_reservations r where r.id = any(ended);
            end if;
            return cardinality(ended);
        end $$;
        """;

    public const string Down =
        """
        drop function budget_release_all(uuid[], boolean);
        drop function budget_reserve_all(uuid[], interval, jsonb[], text[], text[], numeric[], text[], integer[], text[], text[]);
        """;
}
