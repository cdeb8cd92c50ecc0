"""The figures of the agent runtime: bench/run ROUNDS runtimes. 50 `process` runtimes with a line of output a second each, for a minute a round."""
import json
from tools import *

COUNT, SECONDS_A_ROUND = 50, 60


def call(method, path, body=None):
    request = urllib.request.Request(URL + "/api/v1" + path, None if body is None else json.dumps(body).encode(), method=method,
        headers={"Authorization": "Bearer " + KEY, "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def wait_until(what, is_so, seconds=60):
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            raise SystemExit(f"It did not come to be within {seconds} s that {what}.")
        time.sleep(0.02)


def phase(runtime):
    return psql(f"select phase from runtimes where id = '{runtime}'")


def define(name, script, instances):
    call("PUT", f"/agent-definitions/{name}", {"name": name, "adapter": "process", "command": ["/bin/sh", "-c", script], "instances": instances})


def spawn(name):
    """Asks for one and waits until it is ready; what it took is in its row, by the database's clock."""
    runtime = call("POST", "/runtimes", {"definition": name})["runtime_id"]
    wait_until("a runtime was ready", lambda: phase(runtime) in ("ready", "ended"))
    return runtime


def runner_pid():
    return int((HOME / "home/runner/runner.pid").read_text().split()[0])


def spent():
    return processor_seconds(host.process.pid), processor_seconds(runner_pid()), host.processor_seconds()


host = Host(local_runner=True)
try:
    host.start()
    wait_until("the local host was there", lambda: psql("select count(*) from hosts where state = 'online'") == "1")

    # Of what has never been measured one at a time is started: the first one shows how much memory it takes.
    define("talker", "while :; do date; sleep 1; done", COUNT + 1)
    first = spawn("talker")
    call("POST", f"/runtimes/{first}/stop", {})
    wait_until("the first one ended", lambda: phase(first) == "ended")
    print("| what | ours | ceiling | ratio | reach | met |\n|---|---|---|---|---|---|")
    runtimes = [spawn("talker") for _ in range(COUNT)]
    live = int(psql("select count(*) from runtimes where phase = 'ready'"))
    if live != COUNT:
        raise SystemExit(f"{live} of {COUNT} runtimes are ready: " + psql("select distinct end_kind, end_detail, waits_for from runtimes"))
    p50, p95 = psql(f"""select round(1000 * percentile_disc(0.5) within group (order by extract(epoch from ready_at - requested_at))), round(1000 * percentile_disc(0.95) within group (order by extract(epoch from ready_at - requested_at)))
        from runtimes where phase = 'ready'""").split("|")
    figure("spawning a `process` runtime, from request to ready", f"p50 {p50} ms, p95 {p95} ms", "p95 ≤ 1,000 ms", int(p95) <= 1000)
    time.sleep(10)
    shares = []
    for _ in range(ROUNDS):
        before, lines = spent(), int(psql("select sum(transcript_lines) from runtimes where phase = 'ready'"))
        time.sleep(SECONDS_A_ROUND)
        after, more = spent(), int(psql("select sum(transcript_lines) from runtimes where phase = 'ready'"))
        bus, runner, both = ((b - a) * 100 / SECONDS_A_ROUND for a, b in zip(before, after))
        shares.append((bus + runner, bus, runner, both - bus, more - lines))
    total, bus, runner, postgres, lines = sorted(shares)[len(shares) // 2]
    figure(f"{COUNT} `process` runtimes with a line a second each, processor of bus and runner, of one core",
        f"{total:.1f} % (bus {bus:.1f}, runner {runner:.1f}; PostgreSQL {postgres:.1f} beside; {lines:,} lines came)", "≤ 50 %", total <= 50 and lines >= COUNT * SECONDS_A_ROUND * 0.9)
    memory = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{runner_pid()}/status").read_text())[1]) / 1024
    figure("the runner's memory with them", f"{memory:.0f} MB", "reported", True)
    began = time.monotonic()
    host.stop()
    figure("SIGTERM of the bus with them → nothing of it runs", f"{time.monotonic() - began:.1f} s", "≤ 30 s", time.monotonic() - began <= 30)
finally:
    host.stop()
    shutil.rmtree(HOME, ignore_errors=True)
