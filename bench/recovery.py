"""The figures of recovery: bench/run ROUNDS recovery. A database of 2 GB (RECOVERY_GB says otherwise), its base backup under load, its log, a drill."""
import concurrent.futures, http.client, json, uuid
from tools import *

GIGABYTES = float(os.environ.get("RECOVERY_GB", "2"))
PACE, WRITERS = 500, 16
EVENT = '{"kind":"bench.event","data":{"n":1}}'
REPOSITORY = {"CC_BACKUP_REPOSITORY": str(HOME / "repository"), "CC_BACKUP_PASSWORD_FILE": str(HOME / "repository.password")}


def call(method, path, body=None):
    request = urllib.request.Request(URL + "/api/v1" + path, None if body is None else json.dumps(body).encode(), method=method,
        headers={"Authorization": "Bearer " + KEY, "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def fill():
    """Rows that neither compress nor repeat, with an index to check, in a table of the bench's own."""
    psql("create table bench_ballast (id bigint primary key, at timestamptz not null default now(), data text not null)")
    chunk, rows = 100_000, int(GIGABYTES * 1_000_000_000 / 1_000)
    for first in range(0, rows, chunk):
        psql(f"""insert into bench_ballast (id, data)
            select n, (select string_agg(md5(n::text || '-' || i), '') from generate_series(1, 28) i) from generate_series({first}, {min(first + chunk, rows) - 1}) n""")
    # Else whoever reads the rows first writes each page anew, which is log too.
    psql("vacuum (freeze, analyze) bench_ballast")
    psql("checkpoint")


def start(with_repository):
    for name, value in REPOSITORY.items():
        os.environ.pop(name, None)
        if with_repository:
            os.environ[name] = value
    host.start()
    time.sleep(3)
    loads(3)  # A host that is just up compiles its ways first.


def run_of(asked):
    return call("GET", f"/jobs/{asked['job']}/runs/{asked['run_id']}")["run"]


def finished(asked):
    while (run := run_of(asked))["state"] not in ("succeeded", "failed"):
        time.sleep(0.2)
    if run["state"] == "failed":
        raise SystemExit(f"{asked['job']}: {run['error']}")
    return run


def loads(count):
    return [wrk(EVENT, 16) for _ in range(count)]


def while_backed_up(load):
    """What a load measures while a base is taken, as often as it fits into it; and the seconds that the base took under it."""
    asked, measured, began = call("POST", "/backups", {}), [], time.monotonic()
    while not measured or run_of(asked)["state"] in ("queued", "running"):
        measured.append(load())
    finished(asked)
    return measured, time.monotonic() - began


def paced():
    """Answer times in ms of as many events a second as a busy fleet writes, from when each was due: one that had to wait for the one before counts its wait."""
    def writes(part):
        line, times = http.client.HTTPConnection(URL.removeprefix("http://")), []
        for n in range(PACE * SECONDS // WRITERS):
            due = began + (n * WRITERS + part) / PACE
            time.sleep(max(0, due - time.monotonic()))
            line.request("POST", "/api/v1/events", EVENT, {"Authorization": "Bearer " + KEY, "Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())})
            answer = line.getresponse()
            answer.read()
            if answer.status >= 300:
                raise SystemExit(f"POST /events: {answer.status}")
            times.append((time.monotonic() - due) * 1000)
        return times

    with concurrent.futures.ThreadPoolExecutor(WRITERS) as writers:
        began = time.monotonic() + 0.1
        return [t for times in writers.map(writes, range(WRITERS)) for t in times]


def p99(times):
    return sorted(times)[int(len(times) * 0.99)]


def share(name, ours, without):
    ratio = statistics.mean(ours) / statistics.mean(without)
    print(f"| {name} | {statistics.mean(ours):,.0f} | {statistics.mean(without):,.0f} | {ratio:.2f} | ≥ 0.9 | {'yes' if ratio >= 0.9 else '**no**'} |", flush=True)


def arrival_p99(since, until):
    """From a commit to the arrival of the shipment that brings it, of commits spread evenly over the time that was loaded."""
    shipments = [tuple(map(float, line.split("|"))) for line in psql(
        f"select extract(epoch from at), extract(epoch from arrived_at) from wal_shipments where at between to_timestamp({since}) and to_timestamp({until}) order by at").splitlines()]
    waits = sorted(arrived - (before + (at - before) * part / 100) for (before, _), (at, arrived) in zip(shipments, shipments[1:]) for part in range(100))
    return waits[int(len(waits) * 0.99)], len(shipments)


host = Host()
(HOME / "repository.password").write_text("a password for the bench\n")
try:
    start(False)
    fill()
    print("| what | ours | ceiling | ratio | reach | met |\n|---|---|---|---|---|---|", flush=True)
    off, log, base, seconds = [], [], [], []
    for _ in range(ROUNDS):
        # Each on both sides of what it is compared with, for a machine of others' drifts.
        off += loads(4)
        host.stop()
        start(True)
        log += loads(4)
        since = time.time()
        while_taken, took = while_backed_up(lambda: wrk(EVENT, 16))
        until = time.time()
        base, seconds = base + while_taken, seconds + [took]
        log += loads(4)
        host.stop()
        start(False)
        off += loads(4)
    size = psql("select pg_database_size(current_database()) / 1000000")
    share(f"events/s at full load while a base of {size} MB is taken · while none is", base, log)
    share("events/s at full load while the log is shipped · with no repository", log, off)
    share("events/s at full load with both · with no repository", base, off)
    figure("the base backup at full load", f"{statistics.median(seconds):.0f} s", "reported", True)
    wait, count = arrival_p99(since, until)
    figure("the log, from a commit until it is in the repository, then", f"p99 {wait:.1f} s ({count} shipments)", "p99 ≤ 60 s", wait <= 60)
    host.stop()
    start(True)
    without = [t for _ in range(5) for t in paced()]
    during, took = while_backed_up(paced)
    figure(f"p99 of an answer at {PACE} events/s while a base is taken · while none is", f"{p99([t for times in during for t in times]):.1f} ms · {p99(without):.1f} ms", "reported", True)
    figure(f"the base backup at {PACE} events/s", f"{took:.0f} s", "reported", True)
    since = time.time()
    for _ in range(20):
        wrk(EVENT, 2)
    wait, count = arrival_p99(since, time.time())
    figure("the log, from a commit until it is in the repository, at two writers' load", f"p99 {wait:.1f} s ({count} shipments)", "p99 ≤ 60 s", wait <= 60)
    finished(call("POST", "/backups", {}))
    took = []
    for _ in range(ROUNDS):
        finished(call("POST", "/restore-drills", {"scenario": "database"}))
        drill = call("GET", "/restore-drills?limit=1")["items"][0]
        took.append((drill["seconds"], drill))
    seconds, drill = sorted(took, key=lambda t: t[0])[len(took) // 2]
    steps = ", ".join(f"{s['name']} {s['seconds']:.0f} s" for s in drill["steps"] if s["seconds"] >= 1)
    figure("a drill of the database, with a restore to a moment between two rows", f"{seconds:.0f} s ({steps})", "≤ 300 s", seconds <= 300)
finally:
    host.stop()
    shutil.rmtree(HOME, ignore_errors=True)
