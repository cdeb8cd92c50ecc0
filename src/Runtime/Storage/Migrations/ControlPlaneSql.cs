namespace ControlCenter.Runtime.Storage.Migrations;

/// <summary>What the control plane keeps beyond <see cref="ExecutionSql"/>: hosts that were let go, and sessions that a human is asked about.</summary>
internal static class ControlPlaneSql
{
    public const string Up =
        """
        -- Let go by the founder: no longer shown, and let in again under its name.
        alter table hosts add column removed_at timestamptz;
        -- When it was last seen to have called a tool that it had not called before, or called again.
        alter table runtimes add column tool_at timestamptz;
        -- Every claim asks whether a task is held back by one of these; there are few.
        create index sessions_uncertain on sessions (task_id) where state = 'uncertain';
        """;

    public const string Down =
        """
        drop index sessions_uncertain;
        alter table runtimes drop column tool_at;
        alter table hosts drop column removed_at;
        """;
}
