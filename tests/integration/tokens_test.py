#!/usr/bin/env python3
"""Tokens with roles at every door, as curl, redis-cli, Google's gRPC client and the commands show them: tokens_test.py SLUICE

Needs redis-cli, curl, openssl and Debian's python3-grpcio.
"""
import json
import os
import re
import signal
import subprocess
import unittest

import grpc_test  # Before the harness: it finds a Python with grpcio.
from grpc_test import OK, Service, grpc, request
from harness import SLUICE, WAIT, Folder, Server, environment, eventually, run
from tls_test import openssl

POLICIES = {name: f"domain: {name}\ndescriptors:\n  - key: user\n    rate_limit: {{unit: hour, requests_per_unit: 100}}\n" for name in ("test", "other")}


def new_token(name, roles, *more):
    code, out, err = run("token", "new", name, "--roles", roles, "--json", *more)
    if code != 0:
        raise AssertionError(err)
    made = json.loads(out)
    return made["token"], made["line"]


class Guarded(Folder):
    def setUp(self):
        super().setUp()
        self.limits = self.write("limits.yaml", "limits:\n  api: {quota: 1000/h}\n  other: {quota: 1000/h}\n")
        os.mkdir(self.path("policies"))
        for name, text in POLICIES.items():
            self.write(f"policies/{name}.yaml", text)
        self.tokens, self.lines = {}, {}
        for name, roles, *more in (("shop", "take"), ("watch", "inspect"), ("fix", "change"), ("ops", "admin"),
                                   ("tenant", "take,inspect", "--limits", "ap*", "--domains", "test")):
            self.tokens[name], self.lines[name] = new_token(name, roles, *more)
        self.put(*self.lines)

    def put(self, *names):
        return self.write("tokens.yaml", "tokens:\n" + "\n".join(self.lines[n] for n in names) + "\n" if names else "tokens: {}\n")

    def server(self, *arguments, **options):
        return Server("--limits", self.limits, "--policies", self.path("policies"), "--tokens", self.path("tokens.yaml"), *arguments,
                      **{"http": "127.0.0.1:0", "grpc": "127.0.0.1:0", **options})

    def curl(self, server, path, token=None, body=None):
        """(status, head and body)."""
        told = (["-H", f"Authorization: Bearer {self.tokens.get(token, token)}"] if token else []) + (["-d", body] if body else [])
        done = subprocess.run(["curl", "-sS", "-i", *told, f"http://{server.addresses['http']}{path}"], capture_output=True, text=True, timeout=WAIT)
        return int(done.stdout.split()[1]), done.stdout

    def take(self, server, token, limit="api", path="/v1/take"):
        return self.curl(server, path, token, json.dumps({"limit": limit, "key": "k"}))[0]

    def redis_cli(self, server, *words, user=None, **extra):
        host, port = server.addresses["resp"].rsplit(":", 1)
        own = ["--user", user, "--pass", self.tokens.get(user, user), "--no-auth-warning"] if user else []
        done = subprocess.run(["redis-cli", "-h", host, "-p", port, *own, *words], capture_output=True, text=True, timeout=WAIT)
        return (done.stdout + done.stderr).strip()

    def command(self, server, *words, door="resp", token=None, **extra):
        return run(*words, "--server", server.addresses[door], **({"SLUICE_TOKEN": self.tokens.get(token, token)} if token else {}), **extra)

    def call(self, server, token=None, domain="test"):
        with Service(server.addresses["grpc"]) as service:
            metadata = [("authorization", f"Bearer {self.tokens.get(token, token)}")] if token else []
            return service.ask(request(("user", "u"), domain=domain), metadata=metadata, timeout=WAIT).overall_code

    def refused(self, code, *arguments, **options):
        with self.assertRaises(grpc.RpcError) as caught:
            self.call(*arguments, **options)
        self.assertEqual(caught.exception.code(), code)
        return caught.exception.details()


class Tokens(Guarded):
    def test_http(self):
        with self.server() as s:
            for path in ("/healthz", "/readyz", "/healthcheck"):
                self.assertEqual(self.curl(s, path)[0], 200)
            status, said = self.curl(s, "/metrics")
            self.assertEqual(status, 401)
            self.assertIn('WWW-Authenticate: Bearer realm="sluice"', said)
            self.assertEqual([self.take(s, t) for t in (None, "nonsense", "watch", "shop", "ops")], [401, 401, 403, 200, 200])
            self.assertEqual([self.take(s, t, path="/v1/reset") for t in ("shop", "watch", "fix", "ops")], [403, 403, 200, 200])
            self.assertEqual([self.curl(s, "/metrics", t)[0] for t in ("shop", "watch", "tenant", "ops")], [403, 200, 403, 200])
            self.assertEqual([self.take(s, "tenant", limit) for limit in ("api", "other", "nowhere")], [200, 403, 403])
            page = self.curl(s, "/metrics", "ops")[1]
            self.assertIn('sluice_denied_total{door="http",reason="unauthenticated"} 3\n', page.replace("\r", ""))
            self.assertRegex(page, r'sluice_denied_total\{door="http",reason="forbidden"\} [5-9]')

    def test_grpc(self):
        with self.server() as s, Service(s.addresses["grpc"]) as service:
            self.assertEqual(service.check(grpc_test.HEALTH.HealthCheckRequest(), timeout=WAIT).status, 1)
            self.assertEqual(self.call(s, "shop"), OK)
            self.assertIn("asks for a token", self.refused(grpc.StatusCode.UNAUTHENTICATED, s))
            self.assertIn("does not know this token", self.refused(grpc.StatusCode.UNAUTHENTICATED, s, "nonsense"))
            self.assertIn("lacks the role take", self.refused(grpc.StatusCode.PERMISSION_DENIED, s, "watch"))
            self.assertEqual(self.call(s, "tenant"), OK)
            self.assertIn("not for this domain", self.refused(grpc.StatusCode.PERMISSION_DENIED, s, "tenant", domain="other"))

    def test_resp(self):
        with self.server() as s:
            self.assertIn("NOAUTH", self.redis_cli(s, "PING"))
            self.assertEqual(self.redis_cli(s, "PING", user="shop"), "PONG")
            self.assertEqual(self.redis_cli(s, "CL.THROTTLE", "k", "1", "1", "60", user="shop").split()[0], "0")
            self.assertIn("NOPERM", self.redis_cli(s, "SLUICE.RESET", "api", "k", user="shop"))
            self.assertIn("WRONGPASS", self.redis_cli(s, "PING", user="nobody"))
            self.assertIn("NOPERM", self.redis_cli(s, "CL.THROTTLE", "k", "1", "1", "60", user="tenant"))
        with self.server(SLUICE_PASSWORD="s3cret") as s:
            self.assertEqual(self.redis_cli(s, "-a", "s3cret", "--no-auth-warning", "SLUICE.RESET", "api", "k").split()[0], "1")
            self.assertEqual(self.redis_cli(s, "PING", user="shop"), "PONG")
            self.assertIn("NOAUTH", self.redis_cli(s, "PING"))

    # ---- the file

    def test_a_change_holds_at_once_for_connections_that_are_there(self):
        with self.server() as s, s.connect() as held, Service(s.addresses["grpc"]) as service:
            held.sendall(f"AUTH {self.tokens['shop']}\r\n".encode())
            self.assertEqual(held.recv(100), b"+OK\r\n")
            metadata = [("authorization", "Bearer " + self.tokens["shop"])]
            service.ask(request(("user", "u")), metadata=metadata, timeout=WAIT)
            self.put("ops")
            s.eventually_says("tokens reloaded")
            held.sendall(b"PING\r\n")
            self.assertIn(b"NOAUTH", held.recv(100))
            with self.assertRaises(grpc.RpcError) as caught:
                service.ask(request(("user", "u")), metadata=metadata, timeout=WAIT)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAUTHENTICATED)
            self.assertEqual(self.take(s, "shop"), 401)
            self.assertEqual(self.take(s, "ops"), 200)
            self.put(*self.lines)
            s.signal(signal.SIGHUP)
            eventually(lambda: self.take(s, "shop") == 200)

    def test_streams_end_with_the_token_that_let_them_in(self):
        """One ends, at whose token was taken out of the file; the others go on."""
        def listen(server, token):
            s = server.connect("http")
            self.addCleanup(s.close)
            s.sendall(f"GET /v1/live HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {self.tokens[token]}\r\n\r\n".encode())
            events = s.makefile("rb")
            self.addCleanup(events.close)
            self.assertIn(b" 200 ", events.readline())
            return events

        def next_event(events):
            while (line := events.readline()) and not line.startswith(b"data: "):
                pass
            return line

        with self.server() as s, Service(s.addresses["grpc"]) as service:
            withdrawn, stays = listen(s, "watch"), listen(s, "ops")
            health = service.watch(grpc_test.HEALTH.HealthCheckRequest(), metadata=[("authorization", "Bearer " + self.tokens["watch"])], timeout=WAIT)
            self.assertEqual(next(health).status, 1)
            for events in (withdrawn, stays):
                self.assertTrue(next_event(events))
            self.put("ops")
            s.eventually_says("tokens reloaded")
            last = [next_event(withdrawn) for _ in range(5)]  # One or two that were on their way, and then the end.
            self.assertEqual(last[-1], b"", "events go on")
            for _ in range(2):
                self.assertTrue(next_event(stays))
            self.assertEqual(self.curl(s, "/v1/live", "watch")[0], 401)
            self.assertTrue(health.is_active())  # It is open to all.
            self.assertEqual(s.end(), 0)

    def test_a_bad_file_never_replaces_a_good_one(self):
        with self.server() as s:
            self.write("tokens.yaml", "tokens:\n" + self.lines["ops"].replace("admin", "amdin") + "\n")
            s.eventually_says('there is no role "amdin" (did you mean "admin"?)')
            self.assertRegex(s.said(), r"tokens refused, the old ones stay in force: \S+tokens.yaml:2:\d+: ")
            self.assertEqual(self.take(s, "shop"), 200)
            os.remove(self.path("tokens.yaml"))
            eventually(lambda: "sluice_tokens_rejected_total 2\n" in self.curl(s, "/metrics", "ops")[1].replace("\r", ""))
            self.assertEqual(self.take(s, "shop"), 200)
            self.put()  # Nobody: that is meant.
            s.eventually_says("tokens reloaded")
            self.assertEqual(self.take(s, "ops"), 401)

    def test_at_start_a_bad_file_is_an_error(self):
        for text, said in ((None, "tokens.yaml"), ("tokens:\n  a: {roles: [take]}\n", "tokens.yaml:2:3: the token \"a\" has no sha256")):
            if text is None:
                os.remove(self.path("tokens.yaml"))
            else:
                self.write("tokens.yaml", text)
            code, _, err = run("serve", "--resp", "127.0.0.1:0", "--http", "none", "--grpc", "none", "--tokens", self.path("tokens.yaml"))
            self.assertEqual(code, 2)
            self.assertIn(said, err)

    def test_check_knows_tokens(self):
        code, out, _ = run("check", self.path("tokens.yaml"))
        self.assertEqual((code, out), (0, f"{self.path('tokens.yaml')}: valid, tokens: 5\n"))
        self.write("tokens.yaml", "tokens:\n  a: {sha256: x, roles: [take]}\n")
        code, out, _ = run("check", self.path("tokens.yaml"), "--json")
        self.assertEqual(code, 1)
        self.assertEqual(json.loads(out)["files"][0]["kind"], "tokens")

    # ---- the commands

    def test_commands_show_a_token(self):
        with self.server() as s:
            code, _, err = self.command(s, "take", "api", "k")
            self.assertEqual(code, 2)
            for mend in ("NOAUTH", "SLUICE_TOKEN", "--token-file", "--password"):
                self.assertIn(mend, err)
            self.assertEqual(self.command(s, "take", "api", "k", token="shop")[0], 0)
            self.assertIn("lacks the role change", self.command(s, "reset", "api", "k", token="shop")[2])
            secret = self.write("secret", self.tokens["fix"] + "\n")
            self.assertEqual(self.command(s, "reset", "api", "k", "--token-file", secret)[0], 0)
            self.assertEqual(self.command(s, "peek", "api", "k", "--token", self.tokens["watch"])[0], 0)
            self.assertIn("WRONGPASS", self.command(s, "take", "api", "k", token="nonsense")[2])
            code, _, err = self.command(s, "top", "--once", "--interval", "50ms", door="http")
            self.assertEqual(code, 2)
            self.assertIn("asks for a token", err)
            self.assertIn("SLUICE_TOKEN", err)
            self.assertIn("lacks the role inspect", self.command(s, "top", "--once", "--interval", "50ms", door="http", token="shop")[2])
            self.assertEqual(self.command(s, "top", "--once", "--interval", "50ms", door="http", token="watch")[0], 0)
            for protocol, door in (("resp", "resp"), ("http", "http")):
                bench = ("bench", "--protocol", protocol, "--limit", "api", "--connections", "2", "--duration", "100ms", "--json")
                code, out, err = self.command(s, *bench, door=door, token="shop")
                self.assertEqual((code, json.loads(out)["errors"]), (0, 0), err)
                self.assertNotEqual(self.command(s, *bench, door=door)[0], 0)

    def test_arguments_do_not_show_secrets(self):
        with self.server() as s:
            load = subprocess.Popen([SLUICE, "bench", "--server", s.addresses["resp"], "--token=" + self.tokens["shop"], "--duration", "5min"],
                                    env=environment(), stdout=subprocess.DEVNULL)
            try:
                def shown():
                    with open(f"/proc/{load.pid}/cmdline", "rb") as f:
                        return f.read().replace(b"\0", b" ").decode()
                eventually(lambda: "--token=****" in shown())
                self.assertNotIn(self.tokens["shop"], shown())
                self.assertIn("--duration 5min", shown())
            finally:
                load.kill()
                load.wait()

    def test_a_new_token(self):
        code, out, _ = run("token", "new", "x", "--roles", "take,inspect", "--limits", "a,b-*")
        self.assertEqual(code, 0)
        found = re.search(r"^(slt_[\w-]{43})$", out, re.M)[1]
        line = re.search(r"^  x: \{.*\}$", out, re.M)[0]
        self.assertNotIn(found, line)
        self.assertIn('roles: [take, inspect], limits: ["a", "b-*"]', line)
        hashed = subprocess.run(["sha256sum"], input=found, capture_output=True, text=True, timeout=WAIT).stdout.split()[0]
        self.assertIn(hashed, line)
        for arguments, said in ((("x", "--roles", "tak"), 'did you mean "take"'), (("x y", "--roles", "take"), "the name"),
                                (("default", "--roles", "take"), "RESP door's own user"), (("x",), "--roles")):
            code, out, err = run("token", "new", *arguments)
            self.assertEqual((code, out), (2, ""))
            self.assertIn(said, err)


class CommandsByTls(Guarded):
    """take, top and bench over TLS, with a token and a client's certificate."""

    def setUp(self):
        super().setUp()
        for ca in ("ca", "other"):
            openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{ca}.key", "-out", f"{ca}.pem", "-days", "2", "-subj", f"/CN={ca}",
                    cwd=self.folder)
        for name in ("server", "client"):
            openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=DNS:sluice.test,IP:127.0.0.1", cwd=self.folder)
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-copy_extensions",
                    "copy", "-out", f"{name}.pem", cwd=self.folder)

    def tls_server(self, *arguments):
        return self.server("--tls-cert", self.path("server.pem"), "--tls-key", self.path("server.key"), *arguments)

    def test_every_command(self):
        ca = ("--tls-ca", self.path("ca.pem"))
        with self.tls_server() as s:
            self.assertEqual(self.command(s, "take", "api", "k", *ca, token="shop")[0], 0)
            self.assertEqual(self.command(s, "take", "api", "k", *ca, "--tls-name", "sluice.test", token="shop")[0], 0)
            self.assertEqual(self.command(s, "take", "api", "k", "--tls-insecure", token="shop")[0], 0)
            self.assertEqual(self.command(s, "top", "--once", "--interval", "50ms", *ca, door="http", token="watch")[0], 0)
            for protocol in ("resp", "http"):
                code, out, err = self.command(s, "bench", "--protocol", protocol, "--limit", "api", "--connections", "3", "--pipeline", "64",
                                              "--duration", "200ms", "--json", *ca, door=protocol, token="shop")
                self.assertEqual(code, 0, err)
                self.assertGreater(json.loads(out)["requests"], 100)
            for arguments, mend in ((("--tls",), "--tls-ca"), (("--tls-ca", self.path("other.pem")), "--tls-ca"),
                                    ((*ca, "--tls-name", "elsewhere"), "--tls-name"), ((), "give --tls"), (("--tls-ca", "/nowhere"), "/nowhere"),
                                    (("--tls-cert", self.path("client.pem")), "--tls-key")):
                code, _, err = self.command(s, "take", "api", "k", *arguments, token="shop")
                self.assertEqual(code, 2)
                self.assertIn(mend, err)
        with self.server() as s:
            self.assertIn("does not speak TLS", self.command(s, "take", "api", "k", *ca, token="shop")[2])

    def test_with_a_clients_certificate(self):
        ca, own = ("--tls-ca", self.path("ca.pem")), ("--tls-cert", self.path("client.pem"), "--tls-key", self.path("client.key"))
        with self.tls_server("--tls-client-ca", self.path("ca.pem")) as s:
            self.assertEqual(self.command(s, "take", "api", "k", *ca, *own, token="shop")[0], 0)
            code, _, err = self.command(s, "take", "api", "k", *ca, token="shop")
            self.assertEqual(code, 2)
            self.assertIn("--tls-cert", err)


if __name__ == "__main__":
    unittest.main(argv=["tokens_test.py"], verbosity=2)
