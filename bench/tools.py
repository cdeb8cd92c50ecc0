"""What bench/measure.py measures with: a host of its own, loads for it and for its ceilings, ratios of interleaved rounds."""
import json, os, pathlib, random, re, shutil, signal, socket, statistics, subprocess, sys, tempfile, time, urllib.request

TOP, ROUNDS = pathlib.Path(sys.argv[1]), int(sys.argv[2])
HOME = pathlib.Path(tempfile.mkdtemp(prefix="cc-bench-"))
HOME.chmod(0o755)
SECONDS = 4


def free_port():
    """One that nobody has, below those that the system hands out to clients: benches of several checkouts run beside each other."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass  # Somebody has it; another.


URL, KEY = f"http://127.0.0.1:{free_port()}", "founder-key-for-bench"


class Host:
    def __init__(self, local_runner=False):
        self.local_runner = local_runner

    def start(self):
        began = time.monotonic()
        self.process = subprocess.Popen(["dotnet", TOP / "artifacts/bench-host/ControlCenter.dll"], stdout=open(HOME / "host.log", "a"), stderr=subprocess.STDOUT,
            env={**os.environ, "CC_HOME": str(HOME / "home"), "CC_LISTEN": URL, "CC_FOUNDER_KEY": KEY, "CC_LOG": "warning", "CC_LOCAL_RUNNER": "on" if self.local_runner else "off"})
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


    def processor_seconds(self):
        """Of the host and its PostgreSQL, ended children included."""
        postmaster = (HOME / "home/postgres/data/postmaster.pid").read_text().split()[0]
        children = subprocess.run(["pgrep", "-P", postmaster], capture_output=True, text=True).stdout.split()
        return sum(map(processor_seconds, [self.process.pid, postmaster, *children])) + processor_seconds(postmaster, ended_children=True)


def processor_seconds(pid, ended_children=False):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return 0
    return (int(fields[13]) + int(fields[14]) if ended_children else int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Nchan:
    """nginx with nchan on a port of its own: the ceiling for fan-out."""
    def __enter__(self):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        folder = HOME / "nchan"
        folder.mkdir()
        (folder / "nginx.conf").write_text(f"""
            load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
            worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log; user root;
            events {{ worker_connections 4096; }}
            http {{ access_log off; keepalive_requests 1000000; server {{ listen 127.0.0.1:{port};
                location = /sub {{ nchan_subscriber eventsource; nchan_channel_id bench; nchan_subscriber_first_message newest; }}
                location = /pub {{ nchan_publisher; nchan_channel_id bench; nchan_message_buffer_length 1000; nchan_message_timeout 1m; }} }} }}""")
        self.process = subprocess.Popen(["nginx", "-p", folder, "-c", folder / "nginx.conf"])
        time.sleep(1)
        self.worker = subprocess.run(["pgrep", "-P", str(self.process.pid)], check=True, capture_output=True, text=True).stdout.split()[0]
        return self

    def processor_seconds(self):
        return processor_seconds(self.worker)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


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


def load(*arguments, url=URL, key=KEY):
    return subprocess.run([TOP / "artifacts/bench-load/ControlCenter.Load", url, key, *map(str, arguments)], check=True, capture_output=True, text=True).stdout.strip()


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


def timed(path, times=40):
    """The 95th percentile in ms of that many requests, one after another."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        urllib.request.urlopen(urllib.request.Request(URL + path, headers={"Authorization": "Bearer " + KEY})).read()
        spent.append((time.perf_counter() - began) * 1000)
    return sorted(spent)[int(times * 0.95) - 1]


def browser(*arguments):
    return subprocess.Popen([TOP / "artifacts/bench-browser/ControlCenter.BrowserLoad", URL, KEY, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class Provider:
    """A provider of models on a port of its own, that says so many pieces so many ms apart, and the gateway's catalogue that leads to it."""
    def __init__(self, pieces, pace):
        port = free_port()
        self.arguments, self.url = [port, pieces, pace], f"http://127.0.0.1:{port}"

    def __enter__(self):
        self.process = subprocess.Popen([TOP / "artifacts/bench-load/ControlCenter.Load", self.url, KEY, "provider", *map(str, self.arguments)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "listening\n"
        post("catalogue", {"providers": [{"id": "bench", "endpoint": self.url, "dialect": "anthropic"}], "modules": [{"id": "bench", "provider": "bench", "upstream_model": "bench"}],
            "prices": [{"module": "bench", "effective_from": "2020-01-01T00:00:00Z", "currency": "USD", "input": 1, "output": 2}]})
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def post(path, body, key=KEY):
    return json.loads(urllib.request.urlopen(urllib.request.Request(
        f"{URL}/api/v1/{path}", json.dumps(body).encode(), {"Authorization": "Bearer " + key, "Content-Type": "application/json"})).read())


def working_agent():
    """The key of an agent that holds a task, with budgets of the host, of its project and of its own in force."""
    agent = post("agents", {"name": "model-user", "kind": "script", "capabilities": ["bench-models"]})
    ticket = post("tickets", {"title": "Bench", "project": "bench"})
    post(f"tickets/{ticket['ticket_id']}/tasks", {"title": "Call models", "required_capabilities": ["bench-models"], "lease_seconds": 3600})
    post("tasks/claim", {"agent_id": agent["agent_id"]}, agent["key"])
    for scope, of in (("global", None), ("project", "bench"), ("agent", agent["agent_id"])):
        post("budgets", {"scope": scope, "scope_id": of, "period": "day", "hard_limit": 1_000_000, "currency": "USD"})
    return agent["key"]


def models(url, key=KEY, streams=50):
    """Answers/s, and p50 and p99 in ms of the first byte and of the whole answer."""
    return list(map(float, load("models", streams, SECONDS, url=url, key=key).split()))


def gateway():
    """The gateway beside its provider called directly: what it adds at a pace that leaves the machine time, and how many it passes on when there is no pace."""
    key = working_agent()
    with Provider(10, 20) as paced:
        models(URL, key), models(paced.url)  # the just-in-time compiler's turn
        rounds = [[ours - direct for ours, direct in zip(models(URL, key), models(paced.url))] for _ in range(ROUNDS)]
        added = [statistics.median(r[i] for r in rounds) for i in range(1, 5)]
        for name, reach, spent in (("first byte, p50", 5, added[0]), ("whole answer, p50", 2, added[2]), ("whole answer, p99", 15, added[3])):
            figure(f"gateway, 50 streams at once: added to the {name}", f"{spent:.1f} ms", f"≤ {reach} ms", spent <= reach)
    with Provider(10, 0) as unpaced:
        ratio("gateway, 50 connections, streamed answers/s · its provider called directly", 0.4, lambda: models(URL, key)[0], lambda: models(unpaced.url)[0])
