#!/usr/bin/env python3
"""A complete agent in Python's standard library: audits a folder (large files, duplicates, TODO markers), asks before it reports.
CC_FOUNDER_KEY=… samples/agent.py FOLDER registers itself; with CC_AGENT_ID and CC_AGENT_KEY it goes on as an agent that is registered already."""
import collections, hashlib, http.client, json, os, pathlib, re, socket, sys, threading, time, urllib.error, urllib.request, uuid

BUS = os.environ.get("CC_URL", "http://127.0.0.1:7400") + "/api/v1"


class LeaseLost(Exception): """Somebody else goes on with the task."""
class Stopped(Exception): """The founder said stop."""

class Bus:
    def __init__(self, key): self.key = key

    def call(self, method, path, body=None):
        """Waits for a host that is away; the Idempotency-Key makes the repeat safe."""
        repeat = str(uuid.uuid4())
        while True:
            request = urllib.request.Request(BUS + path, None if body is None else json.dumps(body).encode(), method=method, headers={
                "Authorization": "Bearer " + self.key, "Content-Type": "application/json", "Idempotency-Key": repeat})
            try:
                with urllib.request.urlopen(request, timeout=90) as answer:
                    text = answer.read()
                    return json.loads(text) if text else None
            except urllib.error.HTTPError as problem:
                document = json.loads(problem.read() or b"{}")
                if document.get("code") == "lease_lost":
                    raise LeaseLost(document["detail"]) from problem
                if problem.code not in (429, 503):
                    raise SystemExit(f"{problem.code} {document.get('detail')}") from problem
                time.sleep(float(problem.headers.get("Retry-After", "1")))
            except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError):
                time.sleep(1)

class Work:
    """One task in hand: its lease, its heartbeat, and what the founder has said about it."""

    def __init__(self, bus, agent, claim):
        self.bus, self.agent, self.task = bus, agent, claim["task"]
        self.proof = {k: claim["lease"][k] for k in ("lease_id", "fencing_token")}
        self.paused, self.ended, self.stop, self.lost = (threading.Event() for _ in range(4))
        threading.Thread(target=self.heartbeats, daemon=True).start()

    def heartbeats(self):
        while not self.ended.wait(4):
            answer = self.bus.call("POST", f"/agents/{self.agent}/heartbeat", {"state": "working", "leases": [self.proof]})
            if any(lease.get("lost") for lease in answer["leases"]):
                self.lost.set()
            for told in answer["interventions"]:
                {"pause": self.paused.set, "resume": self.paused.clear, "stop": self.stop.set}.get(told["kind"], lambda: None)()
                print("told to", told["kind"], told["text"] or "", flush=True)
                self.bus.call("POST", f"/interventions/{told['intervention_id']}/ack")

    def obey(self):
        while self.paused.is_set() and not self.stop.is_set():
            time.sleep(1)
        if self.lost.is_set():
            raise LeaseLost("the lease is lost; somebody else goes on")
        if self.stop.is_set():
            self.write("release", reason="told to stop")
            raise Stopped

    def write(self, verb, **fields):
        return self.bus.call("POST", f"/tasks/{self.task['task_id']}/{verb}", {**self.proof, **fields})

    def do(self, folder):
        found = self.task["checkpoint"] or {}  # what an earlier attempt has found is not looked for again
        for number, (name, look) in enumerate(AUDITS.items(), start=1):
            if name not in found:
                self.obey()
                found[name] = look(folder)
                self.write("checkpoint", state=found)
                self.write("progress", percent=30 * number, message=f"looked for {name}")
        counts = {name: len(items) for name, items in found.items()}
        asked = self.bus.call("POST", "/escalations", {**self.proof, "kind": "approval", "task_id": self.task["task_id"],
            "title": f"Hand in the audit of {folder}?", "detail": str(counts), "action": {"report": str(folder), **counts}})
        print(f"asked; decide at {BUS[:-7]}/escalations/{asked['escalation_id']}", flush=True)
        verdict = "waiting"
        while verdict == "waiting":
            self.obey()
            verdict = self.bus.call("GET", f"/escalations/{asked['escalation_id']}?wait_seconds=15")["state"]
        self.write("complete", result=found) if verdict == "approved" else self.write("fail", error=f"the report was {verdict}", retryable=False)
        print("handed in" if verdict == "approved" else f"not handed in: {verdict}", flush=True)

def files(folder): return [p for p in sorted(pathlib.Path(folder).rglob("*")) if p.is_file() and not p.is_symlink() and ".git" not in p.parts]

def duplicates(folder):
    sizes, hashes = collections.defaultdict(list), collections.defaultdict(list)
    for path in files(folder):
        sizes[path.stat().st_size].append(path)
    for path in (p for size, same in sizes.items() if size and len(same) > 1 for p in same):
        hashes[hashlib.sha256(path.read_bytes()).hexdigest()].append(str(path))
    return [same for same in hashes.values() if len(same) > 1][:50]

AUDITS = {
    "large": lambda f: [{"path": str(p), "bytes": p.stat().st_size} for p in files(f) if p.stat().st_size > 1 << 20][:50],
    "duplicates": duplicates,
    "todo": lambda f: [f"{p}:{n}" for p in files(f) for n, line in enumerate(p.read_bytes().splitlines(), 1) if re.search(rb"TODO|FIXME", line)][:100],
}
folder = sys.argv[1] if len(sys.argv) > 1 else "."
agent, key = os.environ.get("CC_AGENT_ID"), os.environ.get("CC_AGENT_KEY")
if not key:  # it registers itself
    me = Bus(os.environ["CC_FOUNDER_KEY"]).call("POST", "/agents", {"name": f"audit-{socket.gethostname()}-{os.getpid()}", "kind": "script", "capabilities": ["audit"], "host": socket.gethostname()})
    agent, key = me["agent_id"], me["key"]
bus = Bus(key)
while claim := bus.call("POST", "/tasks/claim", {"agent_id": agent, "wait_seconds": 60}):
    print("took", claim["task"]["title"], flush=True)
    work = Work(bus, agent, claim)
    try:
        work.do(folder)
    except LeaseLost as lost:
        print(lost, flush=True)
    except Stopped:
        break
    finally:
        work.ended.set()
