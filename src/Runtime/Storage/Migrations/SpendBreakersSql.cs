namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>Breakers that go by how fast something spends or fails (docs/adr/0010-spend-breakers.md).</summary>
internal static class SpendBreakersSql
{
    public const string Up =
        """
        create table spend_breaker_policies (
            name text primary key,
            scope text not null check (scope in ('global', 'project', 'ticket', 'task', 'agent', 'module', 'provider')),
            -- Empty for each of that scope, apart.
            scope_id text not null,
            signal text not null check (signal in ('spend_rate', 'error_rate', 'retry_rate')),
            allowed numeric(24, 12) not null check (allowed >= 0),
            times numeric not null check (times >= 1),
            currency text not null,
            short_seconds integer not null check (short_seconds >= 60),
            long_seconds integer not null check (long_seconds >= short_seconds),
            fewest_calls integer not null check (fewest_calls > 0),
            open_seconds integer not null check (open_seconds > 0),
            probe_calls integer not null check (probe_calls > 0),
            probe_amount numeric(24, 12) not null check (probe_amount >= 0),
            updated_at timestamptz not null default clock_timestamp(),
            updated_by uuid not null references actors,
            deleted_at timestamptz
        );

        create table spend_breaker_minutes (
            policy text not null,
            scope_id text not null,
            minute timestamptz not null,
            spent numeric not null,
            calls bigint not null,
            failures bigint not null,
            retries bigint not null,
            primary key (policy, scope_id, minute)
        ) with (fillfactor = 60);
        create index spend_breaker_minutes_by_age on spend_breaker_minutes (minute);

        -- Those that do not let every call pass; one that is closed has no row.
        create table spend_breakers (
            policy text not null references spend_breaker_policies,
            scope_id text not null,
            state text not null check (state in ('open', 'half_open')),
            rate numeric not null,
            opened_at timestamptz not null,
            open_until timestamptz not null,
            half_open_at timestamptz,
            probe_calls integer not null default 0,
            probe_amount numeric not null default 0,
            probe_refused boolean not null default false,
            primary key (policy, scope_id)
        );

        -- In the transaction that records the costs. Rows are taken in one order, so that none waits for another in a circle.
        create function spend_breaker_count(
            ats timestamptz[], scopes text[], scope_ids text[], amounts numeric[], currencies text[], calls integer[], failures integer[], retries integer[])
        returns void language sql volatile as $$
            insert into spend_breaker_minutes as m (policy, scope_id, minute, spent, calls, failures, retries)
            select p.name, e.scope_id, date_trunc('minute', e.at), coalesce(sum(budget_amount_in(e.amount, e.currency, p.currency, e.at)), 0),
                sum(e.calls), sum(e.failures), sum(e.retries)
            from unnest(ats, scopes, scope_ids, amounts, currencies, calls, failures, retries) e (at, scope, scope_id, amount, currency, calls, failures, retries)
            join spend_breaker_policies p on p.scope = e.scope and p.scope_id in ('', e.scope_id) and p.deleted_at is null
            where e.at > clock_timestamp() - make_interval(secs => p.long_seconds)
            group by 1, 2, 3 order by 1, 2, 3
            on conflict (policy, scope_id, minute) do update set
                spent = m.spent + excluded.spent, calls = m.calls + excluded.calls, failures = m.failures + excluded.failures, retries = m.retries + excluded.retries
        $$;

        -- Asks for a call on probation to pass. What cannot be told in the policy's currency takes all that there is.
        create function spend_breaker_probe(of_policy text, of_scope_id text, wanted numeric, wanted_currency text) returns boolean language plpgsql as $$
        declare
            b record;
            amount numeric;
        begin
            select s.state, s.probe_calls, s.probe_amount, p.probe_calls as most_calls, p.probe_amount as most_amount, p.currency into b
            from spend_breakers s join spend_breaker_policies p on p.name = s.policy
            where s.policy = of_policy and s.scope_id = of_scope_id for update of s;
            if not found then
                return true;
            end if;
            amount := coalesce(budget_amount_in(wanted, wanted_currency, b.currency, clock_timestamp()), b.most_amount);
            if b.state = 'open' or b.probe_calls >= b.most_calls or b.probe_amount + amount > b.most_amount then
                update spend_breakers s set probe_refused = true
                where s.policy = of_policy and s.scope_id = of_scope_id and s.state = 'half_open' and not s.probe_refused;
                return false;
            end if;
            update spend_breakers s set probe_calls = s.probe_calls + 1, probe_amount = s.probe_amount + amount
            where s.policy = of_policy and s.scope_id = of_scope_id;
            return true;
        end $$;
        """;

    public const string Down =
        """
        drop function spend_breaker_probe(text, text, numeric, text);
        drop function spend_breaker_count(timestamptz[], text[], text[], numeric[], text[], integer[], integer[], integer[]);
        drop table spend_breakers, spend_breaker_minutes, spend_breaker_policies;
        """;
}
