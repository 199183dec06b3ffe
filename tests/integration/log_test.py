"""The log: lines that nobody can forge, levels that change while the server runs, refusals by sampling, and a reader that stands still."""
import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import threading
import time
import unittest

from harness import SLUICE, WAIT, Folder, Server, connect, environment, eventually, hear, run, until_end

LIMITS = "limits:\n  one: {quota: 1/h}\n  seen: {quota: 1/h, mode: shadow}\n  two: {quotas: [100/h, 1/h burst 1]}\n"


def bulk(*words):
    parts = [w if isinstance(w, bytes) else w.encode() for w in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


def ask(s, limit, key, *more):
    s.sendall(bulk("SLUICE.TAKE", limit, key, *more) + b"PING\r\n")
    data = b""
    while not data.endswith(b"+PONG\r\n"):
        part = hear(s, 1)
        assert part, f"the connection has ended: {data}"
        data += part
    return data


def json_lines(server):
    return [json.loads(line) for line in server.said().splitlines()]


def refusals(server):
    return [line for line in json_lines(server) if "limit" in line]


class Log(Folder):
    def setUp(self):
        super().setUp()
        self.limits = self.write("limits.yaml", LIMITS)

    def server(self, *arguments, **extra):
        return Server("--limits", self.limits, *arguments, **extra)

    def test_a_refusal_has_all_that_is_asked_of_it(self):
        with self.server("--log-format", "json", "--log-refusals", "1", "--log-keys", "plain") as server, server.connect() as s:
            ask(s, "one", "alice")
            ask(s, "one", "alice")
            ask(s, "one", "bob", "7")
            ask(s, "two", "carol")
            ask(s, "two", "carol")
            ask(s, "seen", "dave")
            ask(s, "seen", "dave")
            eventually(lambda: len(refusals(server)) == 4, server.said)
            one, never, two, seen = refusals(server)
            self.assertEqual((one["level"], one["message"], one["limit"], one["key"], one["cost"]), ("info", "refused", "one", "alice", 1))
            self.assertEqual((one["quota"], one["remaining"], one["origin"], one["door"]), ("1/h", 0, "bucket", "resp"))
            self.assertEqual(one["client"], "%s:%d" % s.getsockname())
            self.assertTrue(3500 < one["retry_after"] <= 3600, one)
            self.assertEqual((never["cost"], never["retry_after"]), (7, "never"))
            self.assertEqual((two["quota"], two["quota_index"]), ("1/h", 1))
            self.assertEqual((seen["message"], seen["shadow"]), ("would be refused", True))

    def test_hostile_keys_forge_nothing(self):
        keys = [b"a\r\n2026-01-01T00:00:00.000Z error forged", b'"},{"level":"error', b"\xff\xfe\x80", b"\x1b[2J\x07\x00", b"\xc2\x9b31m",
                "\u2028\u202e\u2066 x".encode(), b"\\", b"'", b"a=b c=d", b" ", b"x" * 1_000, "grüß \U0001f980".encode()]
        for form in "json", "text":
            with self.server("--log-format", form, "--log-refusals", "1", "--log-keys", "plain") as server, server.connect() as s:
                for key in keys:
                    ask(s, "one", key)
                    ask(s, "one", key)
                eventually(lambda: server.said().count("retry_after") == len(keys), server.said)
                server.log.seek(0)
                raw = server.log.buffer.read()
                text = raw.decode("utf-8")  # Strictly.
                lines = text.split("\n")[:-1]
                self.assertEqual(len([line for line in lines if "retry_after" in line]), len(keys))
                for c in text.replace("\n", ""):
                    self.assertFalse(ord(c) < 32 or 0x7f <= ord(c) < 0xa0 or c in "\u2028\u2029\u202e\u2066", repr(c))
                for line in lines:
                    self.assertRegex(line, r'^(\{"time":")?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z')
                    self.assertLess(len(line), 2000)
                if form == "json":
                    told = [json.loads(line).get("key") for line in lines if "retry_after" in line]
                    self.assertEqual(told, [key.decode("utf-8", "replace")[:256] for key in keys])

    def test_keys_are_hashed_and_can_be_looked_for(self):
        secret = "a secret of the house"
        with self.server("--log-format", "json", "--log-refusals", "100/s", SLUICE_LOG_KEY_SECRET=secret) as server, server.connect() as s:
            ask(s, "one", "alice@example.com")
            ask(s, "one", "alice@example.com")
            eventually(lambda: refusals(server), server.said)
            code, told, _ = run("log-key", "alice@example.com", SLUICE_LOG_KEY_SECRET=secret)
            self.assertEqual(code, 0)
            self.assertEqual(refusals(server)[0]["key_hash"], told.strip())
            self.assertEqual(told.strip(), hmac.new(secret.encode(), b"alice@example.com", hashlib.sha256).hexdigest()[:32])
            self.assertNotIn("alice", server.said())
            self.assertNotIn(secret, server.said())
        code, _, error = run("log-key", "alice")
        self.assertEqual(code, 2)
        self.assertIn("SLUICE_LOG_KEY_SECRET", error)

    def test_a_rule_that_refuses_all(self):
        """Without a bucket: the line says so in the quota's place."""
        policies = self.write("shop.yaml", "domain: shop\ndescriptors:\n  - key: user\n    deny: [eve]\n    rate_limit: {unit: hour, requests_per_unit: 0}\n")
        with Server("--policies", policies, "--log-format", "json", "--log-refusals", "1", "--log-keys", "plain", http="127.0.0.1:0") as server:
            for user in ("ann", "eve"):
                body = json.dumps({"domain": "shop", "descriptors": [{"entries": [{"key": "user", "value": user}]}]})
                with server.connect("http") as s:
                    s.sendall(f"POST /json HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
                    self.assertIn(b" 429 ", until_end(s))
            eventually(lambda: len(refusals(server)) == 2, server.said)
            self.assertEqual([(r["limit"], r["quota"], r["key"], r["retry_after"]) for r in refusals(server)],
                             [("shop.user", "refuses all", "user=ann", "never"), ("shop.user", "on a deny list", "user=eve", "never")])

    def test_no_keys_at_all(self):
        with self.server("--log-format", "json", "--log-refusals", "1", "--log-keys", "none") as server, server.connect() as s:
            ask(s, "one", "alice")
            ask(s, "one", "alice")
            eventually(lambda: refusals(server), server.said)
            self.assertFalse({"key", "key_hash"} & refusals(server)[0].keys())
            self.assertNotIn("alice", server.said())

    def test_lines_are_bounded_and_say_how_many_they_stand_for(self):
        with self.server("--log-format", "json", "--log-refusals", "5/s", "--threads", "1") as server, server.connect() as s:
            one = bulk("SLUICE.TAKE", "one", "k")
            s.sendall(one * 20_000 + b"PING\r\n")
            data = b""
            while not data.endswith(b"+PONG\r\n"):
                data += s.recv(1 << 16)
            lines = len(refusals(server))
            eventually(lambda: ask(s, "one", "k") and len(refusals(server)) > 5, server.said)  # One more after the storm.
            all_told = sum(1 + line["unlogged"] for line in refusals(server))
            self.assertGreaterEqual(all_told, 19_999)
            self.assertLess(lines, 1000)

    def test_levels_change_while_it_runs(self):
        with self.server("--log-format", "json") as server:
            def connects(words):
                server.connect().close()
                return words in server.said()
            server.signal(signal.SIGUSR1)
            server.eventually_says("SIGUSR1: log level debug, was info")
            eventually(lambda: connects("resp: connection from 127.0.0.1:"), server.said)
            for level in "info", "warning":
                server.signal(signal.SIGUSR2)
                server.eventually_says(f"SIGUSR2: log level {level}, was")
            server.signal(signal.SIGHUP)
            server.eventually_says("settings: log level info, was warning")

    def test_settings_of_the_log_are_read_again(self):
        config = self.write("sluice.yaml", "log_level: info\n")
        with self.server("--config", config) as server, server.connect() as s:
            self.write("sluice.yaml", "log_level: loud\n")
            server.signal(signal.SIGHUP)
            server.eventually_says("settings of the log refused, the old ones stay in force: ")
            self.assertIn("sluice.yaml:1:12: log_level:", server.said())
            self.write("sluice.yaml", "log_level: debug\nlog_format: json\nlog_refusals: 1\nlog_keys: plain\n")
            server.signal(signal.SIGHUP)
            server.eventually_says('"message":"settings: log level debug, was info"')
            ask(s, "one", "k")
            ask(s, "one", "k")
            server.eventually_says('"key":"k"')

    def test_a_reader_that_stands_still_stops_nothing(self):
        """Standard error is a pipe that nobody reads: 64 KiB, then our queue, then lines are lost. Decisions go on."""
        read, write = os.pipe()
        process = subprocess.Popen([SLUICE, "serve", "--resp", "unix:" + self.path("s"), "--http", "none", "--grpc", "none", "--limits", self.limits,
                                    "--log-format", "json", "--log-refusals", "1000/s", "--log-keys", "plain", "--log-level", "debug"],
                                   stdout=subprocess.PIPE, stderr=write, text=True, env=environment())
        try:
            os.close(write)
            while process.stdout.readline().strip() != "sluice: ready":
                pass
            with connect("unix:" + self.path("s")) as s:
                key = b"\x01" * 200  # Six bytes each in JSON: over 1 kB a line.
                for _ in range(4_000):  # 1000 lines at once and 1000 a second: more than queue and pipe hold.
                    self.assertIn(b"PONG", ask(s, "one", key))
            process.send_signal(signal.SIGTERM)  # And it ends, though its last lines cannot be written.
            self.assertEqual(process.wait(WAIT), 0)
        finally:
            process.kill()
            process.wait(WAIT)
            process.stdout.close()
            os.close(read)

    def test_lost_lines_are_told_of(self):
        """The same, but then somebody reads."""
        read, write = os.pipe()
        with open(self.path("out"), "w") as out:
            process = subprocess.Popen([SLUICE, "serve", "--resp", "unix:" + self.path("s"), "--http", "none", "--grpc", "none", "--limits",
                                        self.limits, "--log-format", "json", "--log-refusals", "1000/s", "--log-keys", "plain"],
                                       stdout=out, stderr=write, env=environment())
        try:
            os.close(write)
            eventually(lambda: os.path.getsize(self.path("out")) > 0)  # "sluice: ready" is among it.
            heard = []
            with connect("unix:" + self.path("s")) as s:
                lines = bulk("SLUICE.TAKE", "one", b"\x01" * 250)
                ask(s, "one", b"\x01" * 250)
                end = time.monotonic() + 3  # 1000 lines of 1.6 kB a second.
                while time.monotonic() < end:
                    s.sendall(lines * 100 + b"PING\r\n")
                    data = b""
                    while not data.endswith(b"+PONG\r\n"):
                        data += s.recv(1 << 16)

            def reader():
                with os.fdopen(read, "rb") as f:
                    for line in f:
                        heard.append(json.loads(line))  # Each is whole.
            thread = threading.Thread(target=reader)
            thread.start()
            eventually(lambda: any("lines of this log were lost" in line["message"] for line in heard), lambda: str(len(heard)))
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(WAIT), 0)
            thread.join(WAIT)
            self.assertTrue(any(re.match(r"draining: ", line["message"]) for line in heard))
        finally:
            process.kill()
            process.wait(WAIT)

    def test_a_full_disk_stops_nothing(self):
        with open("/dev/full", "w") as full:
            process = subprocess.Popen([SLUICE, "serve", "--resp", "unix:" + self.path("s"), "--http", "none", "--grpc", "none", "--limits",
                                        self.limits, "--log-refusals", "1"], stdout=subprocess.PIPE, stderr=full, text=True, env=environment())
        try:
            while process.stdout.readline().strip() != "sluice: ready":
                pass
            with connect("unix:" + self.path("s")) as s:
                for _ in range(100):
                    self.assertIn(b"PONG", ask(s, "one", "k"))
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(WAIT), 0)
        finally:
            process.kill()
            process.wait(WAIT)
            process.stdout.close()


if __name__ == "__main__":
    unittest.main()
