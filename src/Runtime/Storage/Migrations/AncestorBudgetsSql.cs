namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>Whose sub-agent an agent is, for the budgets that its spending counts against too.</summary>
internal static class AncestorBudgetsSql
{
    public const string Up =
        """
        -- Everyone above an agent, for one that is a sub-agent; nobody for null. An agent's parent is said when it is made and never
        -- changes, so what was set aside for a call and what it is charged to are the same budgets.
        create function agent_ancestors(of_agent uuid) returns setof uuid language sql stable strict rows 2 as $$
            with recursive above (id) as (
                select d.parent_agent_id from definition_agents d where d.agent_id = of_agent and d.parent_agent_id is not null
                union
                select d.parent_agent_id from definition_agents d join above a on d.agent_id = a.id where d.parent_agent_id is not null)
            select id from above
        $$;
        """;

    public const string Down =
        """
        drop function agent_ancestors(uuid);
        """;
}
