namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>Raises that are taken back before their time, and the work that waits for a module's or provider's budget.</summary>
internal static class BudgetRaisesSql
{
    public const string Up =
        """
        -- Of a raise that was taken back; one that ran out has neither.
        alter table budget_overrides add column ended_by uuid references actors, add column end_reason text,
            add constraint budget_overrides_end_is_explained check ((ended_by is null) = (end_reason is null) and (ended_by is null or ended_at is not null));

        -- A claim asks of each ready task whether it has run into a budget that is used up.
        create index budget_breach_tasks_by_task on budget_breach_tasks (task_id);
        """;

    public const string Down =
        """
        drop index budget_breach_tasks_by_task;
        alter table budget_overrides drop column ended_by, drop column end_reason;
        """;
}
