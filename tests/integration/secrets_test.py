#!/usr/bin/env python3
"""Secrets are never printed, and nothing listens beyond this machine unbidden: secrets_test.py SLUICE

A server with everything that has a secret, at its most talkative, is used rightly and wrongly at every door, reloads good and
bad files, loses its store and starts in vain; then all that it and the commands said, every page, and the files it wrote are
searched. Needs redis-server, openssl and Debian's python3-grpcio.
"""
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import unittest
import urllib.parse

import grpc_test  # Before the harness: it finds a Python with grpcio.
from grpc_test import grpc, request
from harness import SLUICE, WAIT, Folder, Server, environment, eventually, run
from stores import PROGRAMS, Redis, command
from tls_test import openssl

PASSWORD, STORE_PASSWORD, TYPO = "door-pa55-kept", "store/pa55@kept", "typo-pa55-kept"
LOG_SECRET, COLLECTOR_TOKEN = "log-s3cret-kept", "collector-t0ken-kept"
POLICY = "domain: test\ndescriptors:\n  - key: user\n    rate_limit: {unit: hour, requests_per_unit: 100}\n"


class Secrets(Folder):
    def setUp(self):
        super().setUp()
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "tls.key", "-out", "tls.pem", "-days", "2", "-subj", "/CN=sluice",
                "-addext", "subjectAltName=IP:127.0.0.1", cwd=self.folder)
        self.write("limits.yaml", "limits:\n  api: {quota: 1000/h}\n")
        self.write("policy.yaml", POLICY)
        self.token, self.weak = (json.loads(run("token", "new", "ops", "--roles", "admin", "--json")[1]) for _ in range(2))
        self.write("tokens.yaml", "tokens:\n" + self.token["line"] + "\n")
        self.said = {}  # By where it was said.

    def hidden(self):
        """What must not be found, by its name; each secret also as a URL, base64 and hexadecimal digits would have it."""
        with open(self.path("tls.key")) as f:
            key = "".join(f.read().split("\n")[1:-2])
        texts = {"password": PASSWORD, "store's password": STORE_PASSWORD, "wrong password": TYPO, "token": self.token["token"],
                 "secret of the log's keys": LOG_SECRET, "collector's token": COLLECTOR_TOKEN,
                 "token's hash": self.token["sha256"], "wrong token": self.weak["token"], "TLS key": key[64:128], "TLS key's end": key[-64:]}
        for name, text in list(texts.items()):
            texts[name + " in a URL"] = urllib.parse.quote(text, safe="")
            texts[name + " in base64"] = base64.b64encode(text.encode()).decode().rstrip("=")
            texts[name + " in hexadecimal"] = text.encode().hex()
        return texts

    def hear(self, where, what):
        self.said[where] = self.said.get(where, "") + (what if isinstance(what, str) else what.decode("latin-1"))

    def command(self, *words, **extra):
        code, out, err = run(*words, **extra)
        self.hear("sluice " + " ".join(w for w in words if not w.startswith("-"))[:40], out + err)
        return code

    def curl(self, server, path, token=None, *more):
        config = f'header = "Authorization: Bearer {token}"\n' if token else ""
        done = subprocess.run(["curl", "-sS", "-i", "-K", "-", "--cacert", self.path("tls.pem"), *more, f"https://{server.addresses['http']}{path}"],
                              input=config, capture_output=True, text=True, timeout=WAIT)
        self.hear(path.split("?")[0], done.stdout + done.stderr)
        return done.stdout

    def resp(self, server, *requests):
        """RESP over TLS, each request's reply, whatever it is."""
        done = subprocess.run(["openssl", "s_client", "-quiet", "-connect", server.addresses["resp"], "-CAfile", self.path("tls.pem")],
                              input=b"".join(command(*r) for r in (*requests, ("QUIT",))), capture_output=True, timeout=WAIT)
        self.hear("RESP", done.stdout)
        return done.stdout

    def call(self, server, token):
        with open(self.path("tls.pem"), "rb") as f:
            credentials = grpc.ssl_channel_credentials(f.read())
        with grpc.secure_channel(server.addresses["grpc"], credentials) as channel:
            ask = channel.unary_unary("/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit",
                                      grpc_test.rls_pb2.RateLimitRequest.SerializeToString, grpc_test.rls_pb2.RateLimitResponse.FromString)
            try:
                self.hear("gRPC", str(ask(request(("user", "u")), metadata=[("authorization", "Bearer " + token)], timeout=WAIT)))
                return grpc.StatusCode.OK
            except grpc.RpcError as error:
                self.hear("gRPC", error.details())
                return error.code()

    def store(self):
        return Redis(PROGRAMS[0], "--requirepass", STORE_PASSWORD)

    def settings(self, redis, password=STORE_PASSWORD):
        url = redis.url.replace("redis+unix://", "redis+unix://:" + urllib.parse.quote(password, safe="") + "@")
        self.write("headers", f"Authorization: Bearer {COLLECTOR_TOKEN}\n")
        self.write("sluice.yaml", "".join(f"{key}: {json.dumps(value)}\n" for key, value in {
            "password": PASSWORD, "store": url, "store_deadline": "10s", "log_level": "debug", "limits": self.path("limits.yaml"),
            "policies": self.path("policy.yaml"), "tokens": self.path("tokens.yaml"), "tls_cert": self.path("tls.pem"),
            "tls_key": self.path("tls.key"), "snapshot": self.path("snapshot"), "snapshot_every": "100ms",
            "history": self.path("history"), "log_refusals": "1", "log_key_secret": LOG_SECRET, "trace_endpoint": "http://127.0.0.1:9",
            "trace_headers": self.path("headers"), "trace_ratio": 1}.items()))
        return self.path("sluice.yaml")

    def use(self, s):
        """Every door, with what is right and what is wrong."""
        good, wrong = self.token["token"], self.weak["token"]
        self.assertIn(b"+OK", self.resp(s, ("AUTH", PASSWORD), ("SLUICE.TAKE", "api", "k"), ("INFO",), ("CONFIG", "GET", "*"), ("CLIENT", "LIST"),
                                        ("COMMAND", "DOCS"), ("SLUICE.LIMITS",)))
        self.assertIn(b"+OK", self.resp(s, ("AUTH", "ops", good), ("CLIENT", "INFO"), ("CL.THROTTLE", "k", "1", "1", "60")))
        self.assertIn(b"WRONGPASS", self.resp(s, ("AUTH", TYPO), ("AUTH", "ops", wrong), ("HELLO", "3", "AUTH", "default", TYPO)))
        for path in ("/metrics", "/rlconfig", "/v1/explain?domain=test&entry=user=u", "/v1/limits", "/openapi.json", "/healthz", "/readyz", "/nowhere", "/v1/top",
                     "/v1/why?limit=api&key=k", "/v1/history?from=0&to=9999999999", "/healthcheck", "/ui", "/ui/app.js"):
            self.assertIn("HTTP/1.1 ", self.curl(s, path, good))
            self.curl(s, path, wrong)
        self.assertIn("HTTP/1.1 200", self.curl(s, "/v1/take", good, "-d", '{"limit":"api","key":"k"}'))
        self.assertEqual(self.call(s, good), grpc.StatusCode.OK)
        self.assertEqual(self.call(s, wrong), grpc.StatusCode.UNAUTHENTICATED)

    def use_commands(self, s):
        ca = ("--tls-ca", self.path("tls.pem"))
        at = {door: ("--server", address, *ca) for door, address in s.addresses.items()}
        self.assertEqual(self.command("take", "api", "k", *at["resp"], SLUICE_PASSWORD=PASSWORD), 0)
        self.assertEqual(self.command("take", "api", "k", *at["resp"], SLUICE_TOKEN=self.token["token"], **{"LANG": "C"}), 0)
        self.assertEqual(self.command("peek", "api", "k", *at["resp"], "--password", TYPO), 2)
        self.assertEqual(self.command("top", "--once", "--interval", "10ms", *at["http"], "--token", self.weak["token"]), 2)
        self.assertEqual(self.command("top", "--once", "--json", "--interval", "10ms", *at["http"], SLUICE_TOKEN=self.token["token"]), 0)
        self.assertEqual(self.command("bench", "--limit", "api", "--duration", "50ms", *at["resp"], SLUICE_PASSWORD=TYPO), 2)
        self.command("take", "--help", SLUICE_PASSWORD=PASSWORD, SLUICE_TOKEN=self.token["token"])
        self.command("serve", "--help", SLUICE_PASSWORD=PASSWORD, SLUICE_STORE=f"redis://:{STORE_PASSWORD}@h")

    def spoil(self, s):
        """Files that are bad in just the places where a secret stands."""
        before = os.path.join(self.folder, "kept")
        for name, text in (("tokens.yaml", f"tokens:\n  ops: {{sha256: {self.weak['token']}, roles: [admin]}}\n"),
                           ("tokens.yaml", f"tokens:\n  ops: {self.weak['token']}\n"), ("tls.key", "-----BEGIN PRIVATE KEY-----\n" + TYPO + "\n")):
            shutil.copy(self.path(name), before)
            count = s.said().count("refused, the old ones stay in force")
            self.write(name, text)
            eventually(lambda: s.said().count("refused, the old ones stay in force") > count, s.said)
            os.rename(before, self.path(name))
        s.signal(signal.SIGHUP)
        s.eventually_says("tokens reloaded")

    def test_none_is_ever_told(self):
        with self.store() as redis:
            with Server("--config", self.settings(redis), http="127.0.0.1:0", grpc="127.0.0.1:0") as s:
                eventually(lambda: re.search("^sluice_store_up 1", self.curl(s, "/metrics", self.token["token"]), re.M), s.said)
                self.use(s)
                self.use_commands(s)
                self.spoil(s)
                redis.kill()
                eventually(lambda: re.search("^sluice_store_up 0", self.curl(s, "/metrics", self.token["token"]), re.M), s.said)
                self.use(s)
                self.assertEqual(s.end(), 0)
                self.hear("the log", s.said())
                self.hear("standard output", "\n".join(s.lines))
            redis.start()
            with Server("--config", self.settings(redis, TYPO), http="127.0.0.1:0") as s:  # The store's password is wrong.
                s.eventually_says("WRONGPASS")
                self.hear("the log, wrong password", s.said())
        for name in ("snapshot", "history"):
            with open(self.path(name), "rb") as f:
                self.hear("the file of the " + name, f.read())
        self.starts_in_vain()
        self.assertGreater(len(self.said["the log"]), 1000)
        for where, what in self.said.items():
            for name, text in self.hidden().items():
                self.assertNotIn(text, what, f"the {name} in {where}")

    def starts_in_vain(self):
        doors = ("--resp", "127.0.0.1:0", "--http", "none", "--grpc", "none")
        for store in (f"redis://:{TYPO}@host:notaport", f"redis://user:{TYPO}@", f"rediss://:{TYPO}@h?sni", f"redis+sentinel://:{TYPO}@h", f"redsi://:{TYPO}@h",
                      f"redis://:{TYPO}@h/x", f"redis://:{TYPO}/x@h"):
            self.assertEqual(self.command("serve", *doors, "--store", store), 2, store)
        for endpoint in (f"http://u:{TYPO}@h:notaport", f"u:{TYPO}@h:1", f"http://u:{TYPO} @h", f"http://u:{TYPO}/x@h:notaport", f"http://h/?key={TYPO}",
                         f"https://h#{TYPO}"):
            self.assertEqual(self.command("serve", *doors, "--trace-endpoint", endpoint), 2, endpoint)
        for text in (f"Authorization {TYPO}\n", f"Host: {TYPO}\n", f"X: {TYPO}\x01\n"):
            self.assertEqual(self.command("serve", *doors, "--trace-endpoint", "http://127.0.0.1:9", "--trace-headers", self.write("headers", text)), 2, text)
        for text in (f"password: {TYPO}: x\n", f"password: [{TYPO}]\n", f'password: "{TYPO}\n', f"pasword: {TYPO}\n", f"password:\n  {TYPO}: x\n",
                     f"store: redis://:{TYPO}@h/x\n"):
            self.assertEqual(self.command("serve", *doors, "--config", self.write("bad.yaml", text)), 2, text)


class Seen(Folder):
    """What other users of the machine see of a server, and what it leaves behind when it crashes."""

    def test_of_its_arguments_and_of_a_crash(self):
        with Server("--password", PASSWORD, "--store", f"redis://u:{STORE_PASSWORD.replace('/', '%2F').replace('@', '%40')}@127.0.0.1:1",
                    "--log-key-secret=" + LOG_SECRET, "--log-level", "debug") as s:
            with open(f"/proc/{s.process.pid}/cmdline", "rb") as f:
                seen = f.read().replace(b"\0", b" ").decode()
            self.assertIn("--log-level debug", seen)
            with s.connect() as client:
                client.sendall(f"AUTH {PASSWORD}\r\n".encode())
                self.assertEqual(client.recv(5), b"+OK\r\n")
                s.signal(signal.SIGABRT)
                s.process.wait(WAIT)
            for secret in (PASSWORD, "pa55", LOG_SECRET):
                self.assertNotIn(secret, seen)
                self.assertNotIn(secret, s.said() + "\n".join(s.lines))


class Listening(Folder):
    """Sockets of a whole process, as the kernel has them."""

    def listening(self, process):
        inodes = {found[1] for fd in os.listdir(f"/proc/{process.pid}/fd")
                  if (found := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{process.pid}/fd/{fd}")))}
        found = []
        for table in ("tcp", "tcp6", "udp", "udp6"):
            with open(f"/proc/{process.pid}/net/{table}") as f:
                for line in f.read().splitlines()[1:]:
                    words = line.split()
                    if words[9] in inodes and (words[3] == "0A" or table.startswith("udp")):
                        found.append((table, words[1]))
        return found

    def server(self, *arguments):
        """In a network of its own, so that the default ports are free."""
        process = subprocess.Popen(["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"', SLUICE, "serve", *arguments],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=self.folder, env=environment())
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        if not any(line == "sluice: ready\n" for line in process.stdout):
            self.skipTest("no network of one's own to be had here")
        return process

    def test_nothing_beyond_this_machine_unless_configured(self):
        self.write("limits.yaml", "limits: {}\n")
        self.write("tokens.yaml", "tokens: {}\n")
        for arguments in ((), ("--limits", "limits.yaml", "--tokens", "tokens.yaml", "--snapshot", "snapshot", "--store", "redis://127.0.0.1:1")):
            listening = self.listening(self.server(*arguments))
            self.assertTrue(listening)
            self.assertEqual({(table, at.split(":")[0]) for table, at in listening}, {("tcp", "0100007F")})
            self.assertEqual({int(at.split(":")[1], 16) for _, at in listening}, {6380, 8080, 8081})

    def test_what_is_configured_is_seen(self):
        """That the test above can fail."""
        self.assertIn(("tcp", "00000000:2382"), self.listening(self.server("--http", "0.0.0.0:9090")))


if __name__ == "__main__":
    unittest.main(argv=["secrets_test.py"], verbosity=2)
