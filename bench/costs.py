"""The figures of costs: bench/run ROUNDS costs. How many cost events the queries run over is 10,000,000 unless COST_EVENTS says otherwise."""
import json
from tools import *

COUNT = int(os.environ.get("COST_EVENTS", "10000000"))
DIMENSIONS = ("activity", "task", "ticket", "project", "module", "provider", "access_path", "agent", "node", "environment", "surface")


def fill(count, chunk=500_000):
    """So many events over the last 90 days: 50 an activity, 500 a task, 5,000 a ticket, 100 agents, 15 modules of 5 providers."""
    psql("select cost_events_make_partition(((now() at time zone 'UTC') + make_interval(months => m))::date) from generate_series(-4, 0) m")
    for first in range(1, count + 1, chunk):
        psql(f"""with e as materialized (
                select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id, now() - (1 - n / {count}.0) * interval '89 days' as at, n
                from generate_series({first}, {min(count, first + chunk - 1)}) n), ids as (insert into cost_event_ids select id, at from e)
            insert into cost_events (event_id, at, actor_id, agent_id, session_id, activity_id, task_id, ticket_id, project, surface, node_id, environment, module_id, provider, access_path,
                usage_units_in, usage_units_out, estimated_cost, currency, knowledge, call_end, latency_ms, retries)
            select id, at, '00000000-0000-7000-8000-000000000002', ('00000000-0000-7000-8001-' || lpad(to_hex(n % 100), 12, '0'))::uuid, 's-' || n % 200, 'a-' || n / 50,
                ('00000000-0000-7000-8002-' || lpad(to_hex(n / 500), 12, '0'))::uuid, ('00000000-0000-7000-8003-' || lpad(to_hex(n / 5000), 12, '0'))::uuid, 'project-' || n % 20,
                'terminal', 'node-' || n % 10, 'LOC', 'module-' || n % 15, 'provider-' || n % 5, 'api', n % 9000, n % 900, case when n % 20 > 0 then (n % 1000) / 10000.0 end,
                case when n % 20 > 0 then 'USD' end, case when n % 20 > 0 then 'estimated' else 'unknown' end, case when n % 50 = 0 then 'failed' else 'completed' end, n % 20000, 0
            from e""")
    psql("vacuum analyze cost_events"); psql("vacuum analyze cost_event_ids")


def timed_post(path):
    began = time.monotonic()
    answer = json.loads(urllib.request.urlopen(urllib.request.Request(URL + path, b"", {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"}, method="POST"), timeout=3600).read())
    return time.monotonic() - began, answer


if __name__ == "__main__":
    host = Host()
    try:
        host.start()
        psql("create database ceiling")
        psql("create table bench (id bigint generated always as identity primary key, at timestamptz not null default now(), actor_id uuid, kind text, subject text, data jsonb)", "ceiling")
        hundred = "insert into bench (actor_id, kind, subject, data) select '00000000-0000-7000-8000-000000000002', 'bench.tick', 'bench:1', '{\"n\": 1}' from generate_series(1, 100);"
        cost = '{"access_path":"api","module_id":"m-1","provider":"p-1","activity_id":"a-1","estimated_cost":0.0123,"usage_units_in":1200,"usage_units_out":300,"latency_ms":800}'
        batch = "[" + ",".join([cost] * 100) + "]"
        wrk(batch, 16, "/api/v1/cost-events")  # the just-in-time compiler's turn
        print("| what | ours | ceiling | ratio | reach | met |\n|---|---|---|---|---|---|")
        ratio("100 cost events a post, 16 connections, posts/s · `pgbench` 100 rows", 0.3, lambda: wrk(batch, 16, "/api/v1/cost-events"), lambda: pgbench(hundred, 16))
        fill(COUNT)
        spent, answer = timed_post("/api/v1/costs/rebuild")
        figure(f"rollups of {answer['events']:,} events made anew", f"{spent:.0f} s, {answer['rollups']:,} sums", "reported", True)
        psql("vacuum analyze cost_rollups")
        timed("/api/v1/costs/rollups?by=module", 100)  # the just-in-time compiler's turn
        since = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - 90 * 86400))
        for grain in ("day", "week", "month"):
            slowest = max((timed(f"/api/v1/costs/rollups?by={by}&grain={grain}&from={since}"), by) for by in DIMENSIONS)
            figure(f"`/costs/rollups` over 90 days by {grain}, the slowest of eleven dimensions ({slowest[1]}), {answer['events']:,} events", f"p95 {slowest[0]:.1f} ms", "≤ 50 ms", slowest[0] <= 50)
        for by in ("module", "task", "activity"):
            p95 = float(browser("page", f"/costs?range=90d&by={by}", 20).communicate()[0])
            figure(f"page `/costs` over 90 days by {by}, from the click in a browser to its content", f"p95 {p95:.0f} ms", "≤ 200 ms", p95 <= 200)
        spent, proof = timed_post("/api/v1/costs/proof")
        figure("the nightly proof", f"{spent:.0f} s, {proof['differences']} differences", "none", proof["differences"] == 0)
    finally:
        host.stop()
        shutil.rmtree(HOME, ignore_errors=True)
