namespace ControlCenter.Runtime.Storage.Invariants;

/// <summary>What holds of runtimes, hosts and jobs.</summary>
internal static class ExecutionInvariants
{
    public static readonly Invariant[] All =
    [
        new(
            "runtimes-have-their-session", "Each runtime that is not over has a session of its agent that is under way.",
            """
            select format('runtime %s is %s, and its session %s', r.id, r.phase, s.state)
            from runtimes r join sessions s on s.id = r.session_id where r.phase <> 'ended' and (s.state <> 'active' or s.agent_id <> r.agent_id)
            """),
        new(
            "runs-have-their-lease", "A job has a lease exactly while one run of it is under way, and it is that run's.",
            """
            select format('run %s of %s is under way without the lease', r.id, r.job) from job_runs r
            where r.state = 'running' and not exists (select from job_leases l where l.job = r.job and l.run_id = r.id and l.fencing_token = r.fencing_token)
            union all
            select format('%s is held by run %s, which is not under way', l.job, l.run_id) from job_leases l
            where l.run_id is not null and not exists (select from job_runs r where r.id = l.run_id and r.job = l.job and r.state = 'running')
            """),
        new(
            "backups-that-succeeded-are-somewhere", "Every backup that succeeded names its snapshot and the moment that it is of.",
            "select format('backup %s', id) from backups where state = 'succeeded' and (snapshot_id is null or at is null)"),
    ];
}
