"""Drives bench/run: starts a host of its own, loads it and PostgreSQL in turns, prints ratios beside their ceilings."""
import json, os, pathlib, re, shutil, signal, statistics, subprocess, sys, tempfile, time, urllib.request

TOP, ROUNDS = pathlib.Path(sys.argv[1]), int(sys.argv[2])
HOME = pathlib.Path(tempfile.mkdtemp(prefix="cc-bench-"))
HOME.chmod(0o755)
URL, KEY = "http://127.0.0.1:7499", "founder-key-for-bench"
SECONDS = 4


class Host:
    def start(self):
        began = time.monotonic()
        self.process = subprocess.Popen(["dotnet", TOP / "artifacts/bench-host/ControlCenter.dll"], stdout=open(HOME / "host.log", "a"), stderr=subprocess.STDOUT,
            env={**os.environ, "CC_HOME": str(HOME / "home"), "CC_LISTEN": URL, "CC_FOUNDER_KEY": KEY, "CC_LOG": "warning"})
        while True:
            try:
                urllib.request.urlopen(URL + "/health/ready", timeout=2).read()
                return time.monotonic() - began
            except OSError:
                time.sleep(0.02)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def memory_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def environment():
    root = HOME / "home/postgres"
    return {**os.environ, "PGHOST": str(root / "run"), "PGPORT": (root / "port").read_text(), "PGUSER": "control_center", "PGPASSWORD": (root / "password").read_text().strip()}


def psql(sql, database="control_center"):
    return subprocess.run(["psql", "-qAt", "-d", database, "-c", sql], env=environment(), check=True, capture_output=True, text=True).stdout.strip()


def pgbench(script, clients, want="tps"):
    file = HOME / "script.sql"
    file.write_text(script)
    logs = HOME / "log"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir()
    text = subprocess.run(["pgbench", "-n", "-f", file, "-c", str(clients), "-j", "2", "-T", str(SECONDS), *(["-l", "--log-prefix", str(logs / "l")] if want == "p99" else []), "ceiling"],
        env=environment(), check=True, capture_output=True, text=True).stdout
    if want == "tps":
        return float(re.search(r"tps = ([\d.]+)", text)[1])
    times = sorted(int(line.split()[2]) for log in logs.iterdir() for line in log.read_text().splitlines())
    return times[int(len(times) * 0.99)] / 1000


def wrk(body, connections, path="/api/v1/events", want="rate"):
    script = HOME / "load.lua"
    script.write_text('''
        wrk.method = "POST"
        wrk.headers["Content-Type"] = "application/json"
        wrk.headers["Authorization"] = "Bearer %s"
        local count = 0
        function setup(thread) thread:set("id", tostring(math.random(1, 1e9)) .. "-%d") end
        function request()
          count = count + 1
          wrk.headers["Idempotency-Key"] = id .. "-" .. count
          return wrk.format(nil, "%s", nil, [==[%s]==])
        end''' % (KEY, time.time_ns(), path, body))
    text = subprocess.run(["wrk", "-t2", f"-c{connections}", f"-d{SECONDS}", "--latency", "-s", script, URL], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text:
        raise SystemExit(text)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    return rate if want == "rate" else float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit] if want == "p99" else (rate, float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit])


def load(*arguments):
    return subprocess.run([TOP / "artifacts/bench-load/ControlCenter.Load", URL, KEY, *map(str, arguments)], check=True, capture_output=True, text=True).stdout.strip()


def ratio(name, reach, ours, ceiling, better="higher"):
    """Median of interleaved rounds; a round whose ceiling strays over 30 % from the median is repeated."""
    rounds = [(ours(), ceiling()) for _ in range(ROUNDS)]
    for _ in range(ROUNDS):
        middle = statistics.median(c for _, c in rounds)
        strays = [i for i, (_, c) in enumerate(rounds) if abs(c - middle) > 0.3 * middle]
        if not strays:
            break
        rounds[strays[0]] = (ours(), ceiling())
    result = statistics.median(o / c for o, c in rounds)
    met = result >= reach if better == "higher" else result <= reach
    print(f"| {name} | {statistics.median(o for o, _ in rounds):,.1f} | {statistics.median(c for _, c in rounds):,.1f} | {result:.2f} | {'≥' if better == 'higher' else '≤'} {reach} | {'yes' if met else '**no**'} |", flush=True)


def figure(name, value, reach, met):
    print(f"| {name} | {value} | – | – | {reach} | {'yes' if met else '**no**'} |", flush=True)


def plan_ready(count):
    psql("update tasks set state = 'cancelled', ended_at = now() where state = 'ready'")
    psql(f"""insert into tasks (id, ticket_id, title, capability_set_id, priority, state, max_attempts, lease_seconds, created_by)
        select gen_random_uuid(), (select id from tickets limit 1), 't' || n, (select id from capability_sets where capabilities = '{{}}'), 2, 'ready', 3, 60, '00000000-0000-7000-8000-000000000002'
        from generate_series(1, {count}) n""")
    psql("vacuum analyze tasks")


def claims():
    return float(load("claims", 16, SECONDS))


def timed(path, times=40):
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        urllib.request.urlopen(urllib.request.Request(URL + path, headers={"Authorization": "Bearer " + KEY})).read()
        spent.append((time.perf_counter() - began) * 1000)
    return sorted(spent)[int(times * 0.95) - 1]


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
    rate, p99 = wrk('{"title":"A ticket"}', 16, "/api/v1/tickets", "both")
    figure("create a ticket, 16 connections", f"{rate:,.0f}/s, p99 {p99:.1f} ms", "≥ 2,000/s, p99 ≤ 30 ms", rate >= 2000 and p99 <= 30)
    count, lost, p50, p99 = load("stream", 200, 6, 100).split()
    figure("SSE, 200 subscribers × 100 events/s", f"{int(count):,} delivered, {lost} lost, p50 {p50} ms, p99 {p99} ms", "none lost, p99 ≤ 50 ms", lost == "0" and float(p99) <= 50)
    plan_ready(60_000)
    psql(f"""insert into events (seq, at, actor_id, kind, subject_type, subject_id, data) select nextval('events_seq'), now(), '00000000-0000-7000-8000-000000000002', 'bench.tick', '', '', '{{}}'
        from generate_series(1, greatest(0, 1000000 - (select count(*) from events)))""")
    time.sleep(3)
    for path in ("/api/v1/tickets", "/api/v1/tasks?state=completed", "/api/v1/tasks", "/api/v1/agents", "/api/v1/events?kind=task.completed&limit=200"):
        spent = timed(path)
        figure(f"`{path}` with {int(psql('select count(*) from tasks')):,} tasks and {int(psql('select count(*) from events')):,} events", f"p95 {spent:.1f} ms", "≤ 200 ms", spent <= 200)
    figure("host memory, idle after the first start", f"{idle:.0f} MB", "≤ 200 MB", idle <= 200)
    figure("first start → ready", f"{first:.1f} s", "≤ 15 s", first <= 15)
    host.stop()
    again = host.start()
    figure("start with that data → ready", f"{again:.1f} s", "≤ 3 s", again <= 3)
finally:
    host.stop()
    shutil.rmtree(HOME, ignore_errors=True)
