"""The figures of recovery: bench/run ROUNDS recovery. A database of 2 GB (RECOVERY_GB says otherwise), its base backup under load, its log, a drill."""
import json
from tools import *

GIGABYTES = float(os.environ.get("RECOVERY_GB", "2"))
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
    psql("checkpoint")


def start(with_repository):
    for name, value in REPOSITORY.items():
        os.environ.pop(name, None)
        if with_repository:
            os.environ[name] = value
    host.start()
    time.sleep(3)


def run_of(asked):
    return call("GET", f"/jobs/{asked['job']}/runs/{asked['run_id']}")["run"]


def finished(asked):
    while (run := run_of(asked))["state"] not in ("succeeded", "failed"):
        time.sleep(0.2)
    if run["state"] == "failed":
        raise SystemExit(f"{asked['job']}: {run['error']}")
    return run


def rate_while_backed_up():
    """Events/s while a base is taken: as many loads as fit into it. And how long it took under that load."""
    asked, rates, began = call("POST", "/backups", {}), [], time.monotonic()
    while not rates or run_of(asked)["state"] in ("queued", "running"):
        rates.append(wrk(EVENT, 16))
    finished(asked)
    return statistics.mean(rates), time.monotonic() - began


def arrival_p99():
    """From a commit to the arrival of the shipment that brings it, of commits spread evenly over the time that was loaded."""
    shipments = [tuple(map(float, line.split("|"))) for line in psql(
        f"select extract(epoch from at), extract(epoch from arrived_at) from wal_shipments where at > to_timestamp({loaded_since}) order by at").splitlines()]
    waits = sorted(arrived - (before + (at - before) * part / 100) for (before, _), (at, arrived) in zip(shipments, shipments[1:]) for part in range(100))
    return waits[int(len(waits) * 0.99)], len(shipments)


host = Host()
(HOME / "repository.password").write_text("a password for the bench\n")
try:
    start(False)
    fill()
    print("| what | ours | ceiling | ratio | reach | met |\n|---|---|---|---|---|---|", flush=True)
    rounds, loaded_since = [], time.time()
    for _ in range(ROUNDS):
        off = statistics.mean(wrk(EVENT, 16) for _ in range(3))
        host.stop()
        start(True)
        on, took = rate_while_backed_up()
        rounds.append((on / off, on, off, took))
        host.stop()
        start(False)
    middle, on, off, took = sorted(rounds)[len(rounds) // 2]
    print(f"| events/s while a base of {psql('select pg_database_size(current_database()) / 1000000')} MB is taken · with no backups | {on:,.0f} | {off:,.0f} | {middle:.2f} | ≥ 0.9 | {'yes' if middle >= 0.9 else '**no**'} |", flush=True)
    figure("the base backup under that load", f"{took:.0f} s", "reported", True)
    host.stop()
    start(True)
    loaded_since = time.time()
    for _ in range(20):
        wrk(EVENT, 2)
    wait, count = arrival_p99()
    figure("the log, from a commit until it is in the repository", f"p99 {wait:.1f} s ({count} shipments)", "p99 ≤ 60 s", wait <= 60)
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
