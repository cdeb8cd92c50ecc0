namespace ControlCenter.Runtime.Storage.Invariants;

/// <summary>What holds of tasks, leases, checkpoints and escalations.</summary>
internal static class WorkInvariants
{
    // Those that say where a task stands; what else is told of it leaves it there.
    private const string MovingKinds = "'task.created', 'task.ready', 'task.released', 'task.claimed', 'task.dependencies_changed', 'task.completed', 'task.failed', 'task.cancelled'";

    public static readonly Invariant[] All =
    [
        new(
            "held-tasks-have-their-lease", "Each task that is held has exactly one lease in force, of its agent, its attempt and its fencing token; no other task has one.",
            """
            select format('task %s is %s and has no such lease', t.id, t.state) from tasks t
            where t.lease_id is not null and not exists (
                select from leases l where l.id = t.lease_id and l.task_id = t.id and l.ended_at is null and l.agent_id = t.agent_id
                    and l.attempt = t.attempt and l.fencing_token = t.fencing_token)
            union all
            select format('lease %s is in force, and its task is not held by it', l.id) from leases l
            where l.ended_at is null and not exists (select from tasks t where t.id = l.task_id and t.lease_id = l.id)
            """),
        new(
            "fencing-tokens-only-grow", "No lease has a fencing token beyond its task's.",
            """
            select format('lease %s has %s, and its task %s', l.id, l.fencing_token, t.fencing_token)
            from leases l join tasks t on t.id = l.task_id where l.fencing_token > t.fencing_token
            """),
        new(
            "tasks-complete-once", "No task was completed twice, or is anything but completed after it was.",
            """
            select format('task %s has %s leases that ended with its completion', task_id, count(*)) from leases where end_reason = 'completed' group by task_id having count(*) > 1
            union all
            select format('task %s was completed under lease %s and is %s', t.id, l.id, t.state)
            from leases l join tasks t on t.id = l.task_id where l.end_reason = 'completed' and t.state <> 'completed'
            union all
            select format('task %s has %s events of its completion', task_id, count(*)) from events where kind = 'task.completed' and task_id is not null group by task_id having count(*) > 1
            """),
        new(
            "tasks-agree-with-their-events", "Each task stands where its last event says.",
            $"""
            select format('task %s is %s, and its last event is %s', t.id, t.state, e.kind)
            from tasks t cross join lateral (
                select kind from events where task_id = t.id and kind in ({MovingKinds}) order by seq desc limit 1) e
            where case e.kind
                when 'task.claimed' then t.state not in ('leased', 'running', 'waiting_human')
                when 'task.completed' then t.state <> 'completed'
                when 'task.failed' then t.state <> 'failed'
                when 'task.cancelled' then t.state <> 'cancelled'
                else t.state not in ('ready', 'blocked') end
            """),
        new(
            "blocked-tasks-wait-for-something", "A task is blocked as long as one that it depends on is not completed, and no longer.",
            """
            select format('task %s is %s, and %s', t.id, t.state, case when d.unfinished then 'depends on one that is not completed' else 'depends on nothing' end)
            from tasks t cross join lateral (
                select exists (select from task_dependencies d join tasks u on u.id = d.depends_on_id where d.task_id = t.id and u.state <> 'completed') as unfinished) d
            where (t.state = 'blocked' and not d.unfinished) or (t.state in ('ready', 'leased', 'running', 'waiting_human', 'completed') and d.unfinished)
            """),
        new(
            "checkpoints-are-there", "The checkpoint that a task goes on from is there, and is its own.",
            """
            select format('task %s goes on from checkpoint %s', t.id, t.checkpoint_id) from tasks t
            where t.checkpoint_id is not null and t.state not in ('completed', 'failed', 'cancelled')
                and not exists (select from checkpoints c where c.id = t.checkpoint_id and c.task_id = t.id)
            """),
        new(
            "escalations-agree-with-their-decisions", "An escalation that waits has no decision, and every other has exactly the one that it shows.",
            """
            select format('escalation %s is %s, and its decision is %s', e.id, e.state, coalesce(d.verdict, 'not there'))
            from escalations e left join decisions d on d.escalation_id = e.id
            where (e.state = 'waiting') <> (d.id is null) or e.state <> d.verdict
            """),
    ];
}
