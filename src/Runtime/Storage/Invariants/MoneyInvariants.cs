namespace ControlCenter.Runtime.Storage.Invariants;

/// <summary>What holds of costs and budgets.</summary>
internal static class MoneyInvariants
{
    public static readonly Invariant[] All =
    [
        new(
            "costs-are-there-once", "Every cost is there once, under the id that it was reported with.",
            """
            select format('cost %s was taken in and is not there', i.event_id) from cost_event_ids i
            where not exists (select from cost_events e where e.at = i.at and e.event_id = i.event_id)
            union all
            select format('cost %s is there and was not taken in', e.event_id) from cost_events e
            where not exists (select from cost_event_ids i where i.event_id = e.event_id and i.at = e.at)
            """),
        new(
            "budgets-agree-with-their-buckets", "What a budget has spent in a period is the sum of what it spent in the period's parts.",
            """
            select format('budget %s, period of %s: %s, and its parts %s', p.budget_id, p.period_start, p.spent, coalesce(s.spent, 0))
            from budget_periods p join budgets b on b.id = p.budget_id cross join lateral (
                select sum(s.spent) as spent from budget_spending s
                where s.budget_id = p.budget_id and budget_period_start(b.period, s.bucket_start) = p.period_start) s
            where p.spent <> coalesce(s.spent, 0)
            """),
        new(
            // Costs in other currencies were charged by the rates of then, which may have been told anew since.
            "budgets-agree-with-their-costs", "What a budget has spent in a period that began after it was made is the sum of that period's costs.",
            """
            select format('budget %s, period of %s: %s, and the costs %s', p.budget_id, p.period_start, p.spent, c.amount)
            from budgets b join budget_periods p on p.budget_id = b.id and p.period_start > b.created_at cross join lateral (
                select coalesce(sum(coalesce(e.billed_cost, e.estimated_cost)), 0) as amount, coalesce(bool_and(e.currency is null or e.currency = b.currency), true) as same
                from cost_events e
                where e.at >= p.period_start and e.at < budget_period_end(b.period, p.period_start) and e.recorded_at >= b.created_at and case b.scope
                    when 'global' then true
                    when 'project' then e.project = b.scope_id
                    when 'ticket' then e.ticket_id::text = b.scope_id
                    when 'task' then e.task_id::text = b.scope_id
                    when 'module' then e.module_id = b.scope_id
                    when 'provider' then e.provider = b.scope_id
                    else e.agent_id::text = b.scope_id or exists (select from agent_ancestors(e.agent_id) a (id) where a.id::text = b.scope_id) end) c
            where b.deleted_at is null and c.same and p.spent <> c.amount
            """),
        new(
            "reservations-agree-with-budgets", "What is set aside with a budget is the sum of what is set aside for calls.",
            """
            select format('budget %s, period of %s: %s, and the reservations %s', p.budget_id, p.period_start, p.reserved, coalesce(r.amount, 0))
            from budget_periods p left join (
                select l.budget_id, l.period_start, sum(l.amount) as amount
                from budget_reservations r cross join lateral unnest(r.budget_ids, r.period_starts, r.amounts) l (budget_id, period_start, amount)
                where r.lost_at is null group by 1, 2) r on r.budget_id = p.budget_id and r.period_start = p.period_start
            where p.reserved <> coalesce(r.amount, 0)
            """),
    ];
}
