#!/usr/bin/env python3
"""TLS on the doors, as openssl, redis-cli, curl and Google's gRPC client meet it: tls_test.py SLUICE

The certificates are made by openssl, in the test. Needs redis-cli with TLS and Debian's python3-grpcio.
"""
import itertools
import json
import os
import re
import shutil
import signal
import ssl
import stat
import subprocess
import tempfile
import threading
import types
import unittest

import grpc_test  # Before the harness: it finds a Python with grpcio.
from certificates import issue, make_ca, openssl
from grpc_test import OK, grpc, request
from harness import WAIT, Folder, Server, connect, eventually, run
from http2_test import END_STREAM, HEADERS, Peer, call

POLICY = "domain: test\ndescriptors:\n  - key: user\n    rate_limit: {unit: hour, requests_per_unit: 100}\n"


class Tls(Folder):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.mkdtemp(prefix="sluice-tls-")
        cls.addClassCleanup(shutil.rmtree, cls.made)
        for ca in ("ca", "other-ca"):
            make_ca(cls.made, ca)
        for name, ca in (("server", "ca"), ("renewed", "ca"), ("client", "ca"), ("stranger", "other-ca")):
            issue(cls.made, name, ca)

    def setUp(self):
        super().setUp()
        self.put("server")
        self.limits = self.write("limits.yaml", "limits:\n  api: {quota: 100000/s}\n")
        os.mkdir(self.path("policies"))
        self.write("policies/p.yaml", POLICY)

    def of(self, name):
        return os.path.join(self.made, name)

    def put(self, name):
        """The certificate that the server uses: both files, the key first."""
        for end in ("key", "pem"):
            shutil.copy(self.of(f"{name}.{end}"), self.path("new"))
            os.rename(self.path("new"), self.path(f"tls.{end}"))

    def server(self, *arguments, mutual=False, **options):
        arguments = ("--tls-cert", self.path("tls.pem"), "--tls-key", self.path("tls.key"), "--limits", self.limits,
                     "--policies", self.path("policies"), *(("--tls-client-ca", self.of("ca.pem")) if mutual else ()), *arguments)
        return Server(*arguments, **{"http": "127.0.0.1:0", "grpc": "127.0.0.1:0", **options})

    def context(self, identity=None, alpn=None):
        context = ssl.create_default_context(cafile=self.of("ca.pem"))
        if identity:
            context.load_cert_chain(self.of(f"{identity}.pem"), self.of(f"{identity}.key"))
        if alpn:
            context.set_alpn_protocols(alpn)
        return context

    def tls(self, server, door="resp", **options):
        return self.context(**options).wrap_socket(connect(server.addresses[door]), server_hostname="localhost")

    def subject(self, server):
        with self.tls(server) as s:
            return dict(pair[0] for pair in s.getpeercert()["subject"])["commonName"]

    def metric(self, server, line):
        url = f"https://{server.addresses['http']}/metrics"
        page = subprocess.run(["curl", "-sS", "--cacert", self.of("ca.pem"), url], capture_output=True, text=True, timeout=WAIT)
        found = re.search(rf"^{re.escape(line)} (\S+)$", page.stdout, re.M)
        return float(found[1]) if found else None

    # ---- clients

    def redis_cli(self, server, *words, identity=None):
        host, port = server.addresses["resp"].rsplit(":", 1)
        own = ["--cert", self.of(f"{identity}.pem"), "--key", self.of(f"{identity}.key")] if identity else []
        done = subprocess.run(["redis-cli", "-h", host, "-p", port, "--tls", "--cacert", self.of("ca.pem"), *own, *words],
                              capture_output=True, text=True, timeout=WAIT)
        return done.stdout + done.stderr

    def curl(self, server, *arguments, path="/readyz"):
        done = subprocess.run(["curl", "-sS", "--cacert", self.of("ca.pem"), *arguments, f"https://{server.addresses['http']}{path}"],
                              capture_output=True, text=True, timeout=WAIT)
        return done.returncode, done.stdout + done.stderr

    def call(self, server, identity=None, ca="ca.pem"):
        def text(name):
            with open(self.of(name), "rb") as f:
                return f.read()
        own = (text(f"{identity}.key"), text(f"{identity}.pem")) if identity else (None, None)
        with grpc.secure_channel(server.addresses["grpc"], grpc.ssl_channel_credentials(text(ca), *own)) as channel:
            ask = channel.unary_unary("/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit",
                                      grpc_test.rls_pb2.RateLimitRequest.SerializeToString,
                                      grpc_test.rls_pb2.RateLimitResponse.FromString)
            return ask(request(("user", "u")), timeout=WAIT).overall_code

    def test_every_door_by_its_own_clients(self):
        with self.server() as s:
            self.assertIn("PONG", self.redis_cli(s, "PING"))
            self.assertEqual(self.redis_cli(s, "CL.THROTTLE", "k", "1", "1", "60").split()[:3], ["0", "2", "1"])
            for version in ("--http1.1", "--tls-max", "--tlsv1.3"):
                code, said = self.curl(s, *([version, "1.2"] if version == "--tls-max" else [version]))
                self.assertEqual(code, 0, said)
            self.assertEqual(self.call(s), OK)
            with self.tls(s, "grpc", alpn=["h2"]) as raw:
                self.assertEqual(raw.selected_alpn_protocol(), "h2")
            with self.tls(s, "http", alpn=["h2", "http/1.1"]) as raw:
                self.assertEqual(raw.selected_alpn_protocol(), "http/1.1")
            with self.assertRaises(OSError), self.tls(s, "http", alpn=["h2"]):
                pass
            self.assertEqual(self.metric(s, 'sluice_tls_handshakes_total{door="resp",outcome="done"}'), 2)
            self.assertEqual(s.end(), 0)

    def test_live_events(self):
        """A stream of events by both versions: they come one by one, also across a new certificate, and end as TLS ends."""
        with self.server() as s:
            for version, renewed in ((ssl.TLSVersion.TLSv1_2, "renewed"), (ssl.TLSVersion.TLSv1_3, "server")):
                context = self.context()
                context.minimum_version = context.maximum_version = version
                with context.wrap_socket(connect(s.addresses["http"]), server_hostname="localhost", suppress_ragged_eofs=False) as raw, \
                        raw.makefile("rb") as stream:
                    raw.sendall(b"GET /v1/live HTTP/1.1\r\nHost: t\r\n\r\n")
                    events = (json.loads(line[6:]) for line in stream if line.startswith(b"data: "))
                    before = next(events)
                    self.put(renewed)
                    eventually(lambda: self.subject(s) == renewed)
                    for _ in range(2):
                        event = next(events)
                        self.assertGreater(event["time"], before["time"])
                        self.assertGreaterEqual(event["doors"]["http"]["bytes_out"], before["doors"]["http"]["bytes_out"])
                        before = event
                    if version == ssl.TLSVersion.TLSv1_3:
                        s.signal(signal.SIGTERM)
                        self.assertLessEqual(len(list(events)), 1)  # One on its way, and the end, said by TLS: it was not cut off.
            self.assertEqual(s.process.wait(WAIT), 0)

    def s_client(self, server, *arguments):
        done = subprocess.run(["openssl", "s_client", "-connect", server.addresses["resp"], "-CAfile", self.of("ca.pem"), *arguments],
                              input="PING\r\nQUIT\r\n", capture_output=True, text=True, timeout=WAIT)
        return done.stdout + done.stderr

    def test_versions_and_ciphers(self):
        with self.server() as s:
            self.assertIn("+PONG", self.s_client(s, "-tls1_2", "-quiet"))
            self.assertIn("+PONG", self.s_client(s, "-tls1_3", "-quiet"))
            self.assertNotIn("PONG", self.s_client(s, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"))
            self.assertNotIn("PONG", self.s_client(s, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384"))

    def test_client_certificates(self):
        with self.server(mutual=True) as s:
            self.assertIn("PONG", self.redis_cli(s, "PING", identity="client"))
            self.assertNotIn("PONG", self.redis_cli(s, "PING"))
            self.assertNotIn("PONG", self.redis_cli(s, "PING", identity="stranger"))
            own = ("--cert", self.of("client.pem"), "--key", self.of("client.key"))
            self.assertEqual(self.curl(s, *own)[0], 0)
            self.assertNotEqual(self.curl(s)[0], 0)
            self.assertEqual(self.call(s, "client"), OK)
            for identity in (None, "stranger"):
                with self.assertRaises(grpc.RpcError):
                    self.call(s, identity)
            s.eventually_says("tls_client_ca")

    def test_clients_in_the_clear_are_turned_away_at_once(self):
        with self.server() as s:
            with s.connect() as plain:
                plain.sendall(b"PING\r\n")
                self.assertNotIn(b"PONG", plain.recv(100))
            s.eventually_says("the client does not speak TLS")
            self.assertEqual(self.subject(s), "server")

    def test_a_list_of_doors_and_unix_sockets_in_the_clear(self):
        with self.server("--tls", "resp, grpc", "--unix-mode", "0660") as s:
            self.assertIn("PONG", self.redis_cli(s, "PING"))
            self.assertEqual(self.call(s), OK)
            done = subprocess.run(["curl", "-sS", f"http://{s.addresses['http']}/readyz"], capture_output=True, timeout=WAIT)
            self.assertEqual(done.returncode, 0)
        with self.server("--unix-mode", "0660", resp=f"unix:{self.path('s')}") as s, s.connect() as plain:
            self.assertEqual(stat.S_IMODE(os.stat(self.path("s")).st_mode), 0o660)
            plain.sendall(b"PING\r\n")
            self.assertEqual(plain.recv(7), b"+PONG\r\n")

    # ---- files

    def one_by_one(self, server, door):
        """Asks over one connection, as often as is wished; OSError when it ends."""
        with self.tls(server, door, alpn=["h2"] if door == "grpc" else None) as connection:
            if door == "grpc":
                peer = Peer(types.SimpleNamespace(connect=lambda _: connection))
                for stream in itertools.count(1, 2):
                    peer.send(call(stream))
                    if not any(kind == HEADERS and flags & END_STREAM and which == stream for kind, flags, which, _ in peer.frames()):
                        raise OSError("closed")
                    yield
            request, reply = (b"PING\r\n" * 10, b"+PONG\r\n" * 10) if door == "resp" else (b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n", b"\r\n\r\nok\n")
            while True:
                connection.sendall(request)
                said = b""
                while not said.endswith(reply):
                    part = connection.recv(1000)
                    if not part:
                        raise OSError("closed")
                    said += part
                yield

    def test_a_new_certificate_without_a_connection_dropped(self):
        with self.server() as s:
            doors = ("resp", "resp", "http", "http", "grpc", "grpc")
            end, failures, asked = threading.Event(), [], [0] * len(doors)

            def load(i, door):
                try:
                    for _ in self.one_by_one(s, door):
                        asked[i] += 1
                        if end.is_set():
                            return
                except OSError as error:
                    failures.append((door, error))

            threads = [threading.Thread(target=load, args=pair) for pair in enumerate(doors)]
            for t in threads:
                t.start()
            eventually(lambda: min(asked) > 10 or failures, lambda: f"{asked}")
            for name in ("renewed", "server", "renewed"):
                self.put(name)
                eventually(lambda: self.subject(s) == name)
                before = list(asked)
                eventually(lambda: all(a > b for a, b in zip(asked, before)) or failures)
            s.signal(signal.SIGHUP)
            eventually(lambda: self.metric(s, "sluice_tls_reloads_total") >= 4)
            end.set()
            for t in threads:
                t.join()
            self.assertEqual(failures, [])

    def test_a_bad_new_certificate_never_replaces_the_good_one(self):
        with self.server() as s:
            shutil.copy(self.of("renewed.pem"), self.path("tls.pem"))
            s.eventually_says("new files of TLS refused, the old ones stay in force: TLS: the key")
            self.assertEqual(self.subject(s), "server")
            self.write("tls.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n")
            s.eventually_says("damaged")
            os.unlink(self.path("tls.key"))
            s.signal(signal.SIGHUP)
            s.eventually_says(f"'{self.path('tls.key')}' cannot be read")
            self.assertEqual(self.subject(s), "server")
            self.assertGreaterEqual(self.metric(s, "sluice_tls_rejected_total"), 3)
            self.put("renewed")
            eventually(lambda: self.subject(s) == "renewed")
            self.assertGreater(self.metric(s, "sluice_tls_certificate_expiry_timestamp_seconds"), 1.7e9)
            with open(self.of("server.key")) as key:
                for line in key.read().splitlines()[1:-1]:
                    self.assertNotIn(line, s.said())

    def refuses(self, words, *arguments):
        code, _, said = run("serve", "--resp", "127.0.0.1:0", "--http", "none", "--grpc", "none", *arguments)
        self.assertEqual(code, 2, said)
        self.assertIn(words, said)

    def test_errors_at_start(self):
        cert, key = ("--tls-cert", self.path("tls.pem")), ("--tls-key", self.path("tls.key"))
        self.refuses("give it by tls_key", *cert)
        self.refuses("give it by tls_cert", *key)
        self.refuses("give it by tls_cert", "--tls", "resp")
        self.refuses('there is no door "rasp"; give all, or a list of resp, http, grpc', *cert, *key, "--tls", "http,rasp")
        self.refuses("cannot be read", *cert, "--tls-key", self.path("none.key"))
        self.refuses("is not that of the first certificate in", *cert, "--tls-key", self.of("client.key"))
        self.refuses("a mode in octal such as 0660", "--unix-mode", "rw")
        faketime = ("x509", "-req", "-in", self.of("server.csr"), "-CA", self.of("ca.pem"), "-CAkey", self.of("ca.key"))
        openssl(*faketime, "-days", "-1", "-out", self.path("late.pem"), cwd=self.made)
        self.refuses("expired at", "--tls-cert", self.path("late.pem"), "--tls-key", self.of("server.key"))

    def test_beyond_loopback_in_the_clear_is_warned_of(self):
        with Server(resp="0.0.0.0:0", http="127.0.0.1:0") as s:
            s.eventually_says(f"without TLS beyond this machine: resp on {s.addresses['resp']};")
        with self.server(resp="0.0.0.0:0", http="none", grpc="none") as s:
            self.assertNotIn("without TLS", s.said())
        with Server() as s:
            self.assertNotIn("without TLS", s.said())


if __name__ == "__main__":
    unittest.main()
