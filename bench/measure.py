"""Drives bench/run: loads a host and its ceilings in turns and prints a row for each figure of the table in bench/README.md."""
import json
from tools import *


def plan_ready(count):
    psql("update tasks set state = 'cancelled', ended_at = now() where state = 'ready'")
    psql(f"""insert into tasks (id, ticket_id, title, capability_set_id, priority, state, max_attempts, lease_seconds, created_by)
        select gen_random_uuid(), (select array_agg(id) from (select id from tickets order by number desc limit 1000) k)[1 + n % 1000], 't' || n, (select id from capability_sets where capabilities = '{{}}'), 2, 'ready', 3, 60, '00000000-0000-7000-8000-000000000002'
        from generate_series(1, {count}) n""")
    psql("vacuum analyze tasks")


def claims():
    return float(load("claims", 16, SECONDS))


def service_key():
    """An actor that may have 256 streams."""
    body = json.dumps({"name": f"bench-{time.time_ns()}", "role": "system_service"}).encode()
    request = urllib.request.Request(URL + "/api/v1/actors", body, {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"})
    return json.loads(urllib.request.urlopen(request).read())["key"]


def fan_out():
    """1,000 readers × 100 messages/s: processor time a delivery, and the 99th percentile, against nginx with nchan."""
    keys = [service_key() for _ in range(4)]
    delays = {}

    def run(server, url, *arguments):
        before = server.processor_seconds()
        count, lost, _, p99 = load("stream", 1000, 5, 100, *arguments, url=url).split()
        if int(lost):
            raise SystemExit(f"{lost} messages were lost by {url}")
        delays.setdefault(url, []).append(float(p99))
        return (server.processor_seconds() - before) / int(count) * 1e6

    with Nchan() as nchan:
        run(host, URL, *OURS, *keys)  # the just-in-time compiler's turn
        delays.clear()
        ratio("SSE, 1,000 subscribers × 100 events/s, µs of processor a delivery · nchan", 1.6, lambda: run(host, URL, *OURS, *keys), lambda: run(nchan, nchan.url, "/sub", "/pub"), "lower")
    ours, ceiling = (statistics.median(delays[url]) for url in (URL, nchan.url))
    print(f"| the same, p99 ms · nchan | {ours:.1f} | {ceiling:.1f} | {ours / ceiling:.2f} | ≤ 2 | {'yes' if ours <= 2 * ceiling else '**no**'} |", flush=True)


OURS = ("/api/v1/stream?channel=all", "/api/v1/events")
host = Host()
try:
    first = host.start()
    time.sleep(8)
    idle = host.memory_mb()
    psql("create database ceiling")
    psql("""create table bench (id bigint generated always as identity primary key, at timestamptz not null default now(), actor_id uuid, kind text, subject text, data jsonb);
        create table work (id bigint generated always as identity primary key, state text not null default 'ready', holder int);
        create index on work (id) where state = 'ready'; insert into work (state) select 'ready' from generate_series(1, 400000)""", "ceiling")
    one = "insert into bench (actor_id, kind, subject, data) values ('00000000-0000-7000-8000-000000000002', 'bench.tick', 'bench:1', '{\"n\": 1}');"
    hundred = "insert into bench (actor_id, kind, subject, data) select '00000000-0000-7000-8000-000000000002', 'bench.tick', 'bench:1', '{\"n\": 1}' from generate_series(1, 100);"
    skip = """update work set state = 'held', holder = :client_id where id = (select id from work where state = 'ready' order by id limit 1 for update skip locked) returning id \\gset
update work set state = 'done' where id = :id;"""
    event = '{"kind":"bench.tick","subject":"bench:1","data":{"n":1}}'
    wrk(event, 64); wrk(event, 64)  # the just-in-time compiler's turn
    print("| what | ours | ceiling | ratio | reach | met |\n|---|---|---|---|---|---|")
    ratio("single event, 64 connections, answers/s · `pgbench` 1 row", 1.0, lambda: wrk(event, 64), lambda: pgbench(one, 64))
    ratio("single event, 16 connections, answers/s · `pgbench` 1 row", 0.6, lambda: wrk(event, 16), lambda: pgbench(one, 16))
    ratio("single event, 64 connections, p99 ms · `pgbench` p99 ms", 8, lambda: wrk(event, 64, want="p99"), lambda: pgbench(one, 64, "p99"), "lower")
    ratio("100 events a post, 16 connections, posts/s · `pgbench` 100 rows", 0.35, lambda: wrk("[" + ",".join([event] * 100) + "]", 16), lambda: pgbench(hundred, 16))
    rate, p99 = wrk('{"title":"A ticket"}', 16, "/api/v1/tickets", "both")
    figure("create a ticket, 16 connections", f"{rate:,.0f}/s, p99 {p99:.1f} ms", "≥ 2,000/s, p99 ≤ 30 ms", rate >= 2000 and p99 <= 30)
    load("plan", 10)
    plan_ready(60_000)
    claims()
    ratio("claim + complete, 16 agents, pairs/s · `pgbench` SKIP LOCKED", 0.7, claims, lambda: pgbench(skip, 16))
    small, large = [], []
    for _ in range(min(ROUNDS, 3)):
        plan_ready(10_000 + 20_000); small.append(claims())
        plan_ready(100_000); large.append(claims())
    result = statistics.median(large) / statistics.median(small)
    print(f"| claim + complete with 100,000 ready · the same with 10,000 to 30,000 | {statistics.median(large):,.1f} | {statistics.median(small):,.1f} | {result:.2f} | ≥ 0.8 | {'yes' if result >= 0.8 else '**no**'} |", flush=True)
    count, lost, p50, p99 = load("stream", 200, 6, 100, *OURS).split()
    figure("SSE, 200 subscribers × 100 events/s", f"{int(count):,} delivered, {lost} lost, p50 {p50} ms, p99 {p99} ms", "none lost, p99 ≤ 50 ms", lost == "0" and float(p99) <= 50)
    fan_out()
    gateway()
    p50, p95 = browser("dom", 10, 50).communicate()[0].split()
    figure("write → visible in the browser's DOM at 50 events/s", f"p50 {p50} ms, p95 {p95} ms", "p95 ≤ 250 ms", float(p95) <= 250)
    plan_ready(100_000)
    psql(f"""insert into events (seq, at, actor_id, kind, subject_type, subject_id, data) select nextval('events_seq'), now(), '00000000-0000-7000-8000-000000000002', 'bench.tick', '', '', '{{}}'
        from generate_series(1, greatest(0, 1000000 - (select count(*) from events)))""")
    time.sleep(3)
    for path in ("/api/v1/tickets", "/api/v1/tasks?state=completed", "/api/v1/tasks", "/api/v1/agents", "/api/v1/events?kind=task.completed&limit=200"):
        spent = timed(path)
        figure(f"`{path}` with {int(psql('select count(*) from tasks')):,} tasks and {int(psql('select count(*) from events')):,} events", f"p95 {spent:.1f} ms", "≤ 200 ms", spent <= 200)
    for path in ("/", "/work", "/events", "/agents", "/escalations"):
        p95 = float(browser("page", path, 20).communicate()[0])
        figure(f"page `{path}` with that data, from the click in a browser to its content", f"p95 {p95:.0f} ms", "≤ 200 ms", p95 <= 200)
    dashboards = browser("dashboards", 50)
    assert dashboards.stdout.readline() == "open\n"
    load("stream", 1, 10, 50, *OURS)
    crowded = host.memory_mb()
    dashboards.communicate()
    figure("host memory with 50 open dashboards and 50 events/s, with that data", f"{crowded:.0f} MB", "≤ 500 MB", crowded <= 500)
    figure("host memory, idle after the first start", f"{idle:.0f} MB", "≤ 200 MB", idle <= 200)
    figure("first start → ready", f"{first:.1f} s", "≤ 15 s", first <= 15)
    host.stop()
    again = host.start()
    figure("start with that data → ready", f"{again:.1f} s", "≤ 3 s", again <= 3)
finally:
    host.stop()
    shutil.rmtree(HOME, ignore_errors=True)
