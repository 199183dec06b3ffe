"""What whoever runs a server can see of it: live events, the heaviest keys, why a key is refused."""
import hashlib
import json
import os
import pty
import re
import select
import sqlite3
import subprocess
import unittest

from stores import COMPILER, HERE
from harness import SLUICE, WAIT, Folder, Server, connect, environment, eventually, ping, run, until_end


def get(address, target, fields=""):
    """(status, head, body) of a response that ends with its connection."""
    with connect(address) as s:
        s.sendall(f"GET {target} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n{fields}\r\n".encode())
        head, _, body = until_end(s).partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode(), body.decode()


def get_json(address, target):
    status, _, body = get(address, target)
    if status != 200:
        raise AssertionError(f"{target}: {status} {body}")
    return json.loads(body)


class Listener:
    """Of /v1/live: its events one by one."""

    def __init__(self, address):
        self.s = connect(address)
        self.s.sendall(b"GET /v1/live HTTP/1.1\r\nHost: t\r\n\r\n")
        self.file = self.s.makefile("rb")
        self.head = b"".join(iter(lambda: self.file.readline(), b"\r\n"))

    def event(self):
        for line in self.file:
            if line.startswith(b"data: "):
                return json.loads(line[6:])
        return None

    def close(self):
        self.file.close()
        self.s.close()


class Live(Folder):
    def test_events_have_totals_of_limits_doors_and_store(self):
        limits = self.write("limits.yaml", "limits:\n  api:\n    quota: 2/h\n  idle:\n    quota: 1/s\n")
        with Server("--limits", limits, http="127.0.0.1:0") as server:
            listener = Listener(server.addresses["http"])
            self.assertIn(b"text/event-stream", listener.head)
            first = listener.event()
            self.assertEqual(first["limits"]["api"], {"allowed": 0, "refused": 0, "never": 0})
            self.assertEqual(first["store"], {"kind": "local", "state": "up", "degraded": 0})
            with server.connect() as s:
                for _ in range(5):
                    s.sendall(b"SLUICE.TAKE api alice\r\n")
                    s.recv(1024)
                s.sendall(b"SLUICE.TAKE api alice 3\r\n")
                s.recv(1024)
            event = listener.event()
            while event["limits"]["api"]["never"] == 0:
                event = listener.event()
            self.assertEqual(event["limits"]["api"], {"allowed": 2, "refused": 3, "never": 1})
            self.assertIn("idle", event["limits"])
            self.assertEqual(event["doors"]["http"]["connections"], 1)
            self.assertEqual(event["doors"]["resp"]["requests"], 6)
            self.assertGreater(event["time"], first["time"])
            self.assertEqual(event["started"], first["started"])
            listener.close()

    def test_a_listener_that_goes_or_does_not_read_harms_nobody(self):
        names = "".join(f"  limit-with-a-long-name-{i:04}:\n    quota: 1/s\n" for i in range(1000))
        limits = self.write("limits.yaml", "limits:\n" + names)
        # A unix socket: the kernel keeps only some events for who does not read.
        with Server("--limits", limits, "--threads", "1", "--output-time", "2s", http="unix:" + self.path("http")) as server:
            gone = Listener(server.addresses["http"])
            gone.event()
            gone.close()
            deaf = connect(server.addresses["http"])
            deaf.sendall(b"GET /v1/live HTTP/1.1\r\nHost: t\r\n\r\n")
            hears = Listener(server.addresses["http"])
            self.assertGreater(len(hears.event()["limits"]), 900)
            while hears.event()["doors"]["http"]["connections"] > 1:  # Until the deaf one was sent away.
                with server.connect() as s:
                    self.assertEqual(ping(s), b"+PONG\r\n")
            hears.close()
            deaf.close()

    def test_ends_when_the_server_drains(self):
        with Server(http="127.0.0.1:0") as server:
            listener = Listener(server.addresses["http"])
            listener.event()
            self.assertEqual(server.end(), 0)
            while listener.event() is not None:
                pass
            listener.close()


class Keys(Folder):
    def server(self, *arguments):
        limits = self.write("limits.yaml", "limits:\n  api:\n    quota: 3/h\n  other:\n    quota: 1000/s\n")
        return Server("--limits", limits, *arguments, http="127.0.0.1:0")

    def take(self, server, limit, key, times):
        with server.connect() as s:
            for _ in range(times):
                s.sendall(f"SLUICE.TAKE {limit} {key}\r\n".encode())
                s.recv(1024)

    def top(self, server, query=""):
        return {(k["limit"], k["key"]): k["count"] for k in get_json(server.addresses["http"], "/v1/top" + query)["keys"]}

    def test_the_heaviest_by_asked_and_by_refused(self):
        with self.server() as server:
            self.take(server, "api", "alice", 10)
            self.take(server, "api", "bob", 5)
            self.take(server, "other", "alice", 7)
            asked = {("api", "alice"): 10, ("other", "alice"): 7, ("api", "bob"): 5}
            eventually(lambda: self.top(server) == asked, lambda: str(self.top(server)))
            self.assertEqual(self.top(server, "?by=refused"), {("api", "alice"): 7, ("api", "bob"): 2})
            self.assertEqual(self.top(server, "?limit=other&n=1"), {("other", "alice"): 7})
            address = server.addresses["http"]
            code, out, _ = run("top", "--server", address, "--by", "refused", "--once")
            self.assertEqual(code, 0)
            self.assertRegex(out, r"(?m)^api +7 +7 +0  alice$")
            code, out, _ = run("top", "--server", address, "--by", "asked", "--limit", "api", "-n", "1", "--json", "--once")
            self.assertEqual([k["key"] for k in json.loads(out)["keys"]], ["alice"])
            code, out, _ = run("why", "api", "alice", "--server", address)
            self.assertEqual(code, 1)
            self.assertRegex(out, r"limit api, key alice: a request now is refused, it would pass in \d+\.\d+ s")
            self.assertRegex(out, r"(?m)^  [\d-]+ [\d:]+  cost 1, wait \d+\.\d+ s, quota 0, by local$")
            self.assertEqual(run("why", "other", "alice", "--server", address)[0], 0)
            code, _, said = run("why", "none", "alice", "--server", address)
            self.assertEqual(code, 2)
            self.assertIn("no limit has this name", said)

    def test_none_are_counted_if_so_configured(self):
        with self.server("--top-keys", "0") as server:
            self.take(server, "api", "alice", 5)
            self.assertEqual(get(server.addresses["http"], "/v1/top")[0], 404)
            self.assertIsNone(get_json(server.addresses["http"], "/v1/why?limit=api&key=alice")["refusals"])

    def test_top_in_a_terminal(self):
        with self.server() as server:
            self.take(server, "api", "alice", 9)
            eventually(lambda: self.top(server))
            ours, theirs = pty.openpty()
            top = subprocess.Popen([SLUICE, "top", "--server", server.addresses["http"], "--interval", "50ms"], stdin=theirs,
                                   stdout=theirs, env=environment())
            os.close(theirs)
            seen = b""

            def until(pattern):
                nonlocal seen
                while not re.search(pattern, seen):
                    seen = seen[-20000:] + os.read(ours, 4096)
                seen = b""
            until(rb"limits by rate[^$]*LIMIT +ALLOWED/s")
            os.write(ours, b"s")
            until(rb"limits by refused")
            os.write(ours, b"r")
            until(rb"keys by refused[^$]*api +6 +6 +0  alice")
            os.write(ours, b"q")
            self.assertEqual(top.wait(WAIT), 0)
            os.close(ours)


class History(Folder):
    def server(self, *arguments, **extra):
        limits = self.write("limits.yaml", "limits:\n  api:\n    quota: 30/h\n")
        return Server("--limits", limits, "--history", self.path("history.db"), *arguments, http="127.0.0.1:0", **extra)

    def take(self, server, times):
        with server.connect() as s:
            for _ in range(times):
                s.sendall(b"SLUICE.TAKE api alice\r\n")
                s.recv(1024)

    def sums(self, server, step):
        """By outcome."""
        answer = get_json(server.addresses["http"], f"/v1/history?limit=api&from=0&to=9000000000&step={step}")
        self.assertEqual(answer["step"], step)
        return {s["outcome"]: sum(n for _, n in s["points"]) for s in answer["series"]}

    def eventually_counts(self, server, **sums):
        eventually(lambda: self.sums(server, "1s") == sums, lambda: f"{self.sums(server, '1s')} is not {sums}")
        self.assertEqual(self.sums(server, "1m"), sums)
        self.assertEqual(self.sums(server, "1h"), sums)

    def test_sums_over_a_restart_and_a_kill(self):
        with self.server() as server:
            self.take(server, 40)
            self.assertEqual(server.end(), 0)  # Writes what the last second brought.
        with self.server() as server:
            self.eventually_counts(server, allowed=30, refused=10)
            self.take(server, 35)
            self.eventually_counts(server, allowed=60, refused=15)
            server.process.kill()
            server.process.wait(WAIT)
        with self.server() as server:
            self.eventually_counts(server, allowed=60, refused=15)

    def test_trouble_with_the_file_never_harms_decisions(self):
        with self.server() as server:
            self.take(server, 1)
            self.eventually_counts(server, allowed=1)
            other = sqlite3.connect(self.path("history.db"), isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            self.take(server, 3)
            server.eventually_says("cannot be written: database is locked")
            self.take(server, 3)
            other.execute("ROLLBACK")
            other.close()
            self.eventually_counts(server, allowed=7)
            server.eventually_says("is written again")
            server.process.terminate()  # What is in the WAL would mend the file.
            server.process.wait(WAIT)
        with open(self.path("history.db"), "r+b") as file:
            file.write(b"x" * 5000)
        with self.server() as server:
            server.eventually_says("is damaged")
            self.take(server, 2)
            self.eventually_counts(server, allowed=2)

    def test_a_full_disk(self):
        """A disk of its own, of 300 kB, that others fill: decisions go on, counts wait, and none is lost."""
        disk = self.path("disk")
        os.mkdir(disk)
        within = ["unshare", "--map-root-user", "--mount", "sh", "-c", f'mount -t tmpfs -o size=300k none {disk} && exec "$0" "$@"']
        if subprocess.run([*within, "true"], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("no mounts of one's own to be had here")
        limits = self.write("limits.yaml", "limits:\n  api:\n    quota: 30/h\n")
        with Server("--limits", limits, "--history", disk + "/history.db", within=within, http="127.0.0.1:0") as server:
            self.take(server, 1)
            self.eventually_counts(server, allowed=1)
            ballast = f"/proc/{server.process.pid}/root{disk}/ballast"
            with self.assertRaises(OSError), open(ballast, "wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            taken = 1
            while "cannot be written: database or disk is full" not in server.said():
                self.take(server, 1)
                taken += 1
            self.take(server, 20)
            taken += 20
            os.unlink(ballast)
            server.eventually_says("is written again")
            told = lambda: sum(self.sums(server, "1s").values())
            eventually(lambda: told() == taken, lambda: f"{told()} of {taken}")
            self.eventually_counts(server, **self.sums(server, "1s"))
            self.assertEqual(server.end(), 0)

    def test_a_long_range_holds_up_no_decision(self):
        """While the file's disk does not answer, decisions and other pages do."""
        if not COMPILER:
            self.skipTest("needs a C compiler")
        library, slow = self.path("slow_disk.so"), self.path("slow")
        subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", library, os.path.join(HERE, "slow_disk.c")], check=True, timeout=WAIT)
        with self.server("--threads", "1", LD_PRELOAD=library, SLOW_DISK=slow, SLOW_THREAD="sluice-history") as server:
            self.take(server, 3)
            self.eventually_counts(server, allowed=3)
            open(slow, "w").close()
            waiting = []
            while True:  # As many as wait, then one is turned away.
                s = connect(server.addresses["http"])
                s.sendall(b"GET /v1/history?from=0&to=9000000000 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
                waiting.append(s)
                self.take(server, 1)
                self.assertEqual(get(server.addresses["http"], "/healthz")[0], 200)
                if select.select(waiting, [], [], 0.05)[0]:
                    break
            self.assertEqual(len(waiting), 1 + 16 + 1)
            os.unlink(slow)
            answers = [until_end(s) for s in waiting]
            self.assertIn(b"503 Service Unavailable", answers[-1])
            self.assertIn(b"too many questions", answers[-1])
            for answer in answers[:-1]:
                self.assertTrue(b'"outcome":"allowed"' in answer or b"not read in time" in answer, answer)
            for s in waiting:
                s.close()

    def test_errors_name_what_is_wrong(self):
        with self.server() as server:
            for query, words in (("", "from: is missing"), ("?from=0", "to: is missing"), ("?from=x&to=1", "from: must be seconds"),
                                 ("?from=0&to=1&step=2s", "step: must be 1s, 1m or 1h"), ("?from=0&to=1&outcome=x", "outcome: must be")):
                status, _, body = get(server.addresses["http"], "/v1/history" + query)
                self.assertEqual((status, words in body), (400, True), body)
        with Server(http="127.0.0.1:0") as server:
            self.assertEqual(get(server.addresses["http"], "/v1/history?from=0&to=1")[0], 404)
        code, _, said = run("serve", "--resp", "127.0.0.1:0", "--history", self.path("no/history.db"))
        self.assertEqual(code, 2)
        self.assertIn("history", said)


class Whence(Folder):
    """What a decision comes from, and what is done to the server as a whole."""

    def post(self, server, target, body=None):
        with connect(server.addresses["http"]) as s:
            text = json.dumps(body) if body is not None else ""
            s.sendall(f"POST {target} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
            head, _, answer = until_end(s).partition(b"\r\n\r\n")
            return int(head.split()[1]), json.loads(answer)

    def version(self, path):
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()[:12]

    def test_the_version_goes_with_the_file(self):
        limits = self.write("limits.yaml", "limits: {api: {quota: 9/h}}\n")
        policies = self.write("shop.yaml", "domain: shop\ndescriptors:\n  - {key: user, rate_limit: {unit: hour, requests_per_unit: 9}}\n")
        with Server("--limits", limits, "--policies", policies, "--explain-decisions", "true", http="127.0.0.1:0") as server:
            take = lambda: self.post(server, "/v1/take", {"limit": "api", "key": "a"})[1]
            envoy = lambda: self.post(server, "/json", {"domain": "shop", "descriptors": [{"entries": [{"key": "user", "value": "a"}]}]})[1]
            files = lambda: {f["file"]: f["version"] for f in get_json(server.addresses["http"], "/v1/policies")["files"]}
            for _ in range(2):
                in_force = {limits: self.version(limits), policies: self.version(policies)}
                eventually(lambda: files() == in_force, lambda: f"{files()} is not {in_force}")
                told = take()
                self.assertEqual((told["version"], told["store"]), (in_force[limits], "local"))
                told = envoy()["dynamicMetadata"]
                self.assertEqual((told["rule"], told["version"], told["store"]), ("shop.user", in_force[policies], "local"))
                self.assertEqual(told["descriptors"][0]["quota"], "9/h")
                for path in (limits, policies):
                    with open(path, "a") as file:
                        file.write("# changed\n")
            eventually(lambda: files() == {limits: self.version(limits), policies: self.version(policies)})
            in_force = files()
            self.write("limits.yaml", "limits: {api: {quota: nonsense}}\n")
            self.assertEqual(self.post(server, "/v1/reload")[0], 409)
            self.assertEqual(files(), in_force)  # A bad file is not the version in force.
            self.assertEqual(take()["version"], in_force[limits])

    def test_reload_and_the_level_of_the_log(self):
        limits = self.write("limits.yaml", "limits: {api: {quota: 9/h}}\n")
        policies = self.write("shop.yaml", "domain: shop\ndescriptors: []\n")
        with Server("--limits", limits, "--policies", policies, "--threads", "2", http="127.0.0.1:0") as server:
            for _ in range(5):  # On whichever thread.
                self.assertEqual(self.post(server, "/v1/reload"), (200, {"reloaded": True}))
            for what in ("limits", "policies"):
                eventually(lambda: server.said().count(what + " reloaded from") == 5, server.said)
            self.write("shop.yaml", "domain: shop\ndescriptors: {}\n")
            status, problem = self.post(server, "/v1/reload")
            self.assertEqual(status, 409, problem)
            server.eventually_says("policies refused")
            self.assertEqual(self.post(server, "/v1/log-level?level=debug"), (200, {"level": "debug", "was": "info"}))
            server.eventually_says("/v1/log-level: log level debug, was info")
            server.eventually_says("connection from")
            self.assertEqual(self.post(server, "/v1/log-level?level=loud")[0], 400)
            self.assertEqual(self.post(server, "/v1/log-level?level=off")[1]["was"], "debug")
            self.assertEqual(server.end(), 0)


if __name__ == "__main__":
    unittest.main()
