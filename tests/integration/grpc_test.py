#!/usr/bin/env python3
"""The gRPC door as Google's own client meets it, and as peers do who mean harm: grpc_test.py SLUICE

Needs Debian's python3-grpcio and protobuf-compiler.
"""
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

try:
    import grpc
except ImportError:  # Another Python came first in PATH: Debian's has it.
    if os.path.realpath(sys.executable) == os.path.realpath("/usr/bin/python3"):
        raise
    os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])

from harness import WAIT, Folder, Server, connect, eventually, until_end

PROTOS = Path(__file__).resolve().parents[2] / "src/door/grpc/proto"
GENERATED = tempfile.TemporaryDirectory(prefix="sluice-protos-")
subprocess.run(["protoc", f"--proto_path={PROTOS}", f"--python_out={GENERATED.name}",
                *(str(p.relative_to(PROTOS)) for p in PROTOS.rglob("*.proto") if "reflection" not in str(p))],
               check=True, timeout=WAIT, cwd=PROTOS)
sys.path.insert(0, GENERATED.name)
from envoy.service.ratelimit.v3 import rls_pb2  # noqa: E402


def health_pb2():
    """The module lies in a package called grpc, which is taken: loaded by its path."""
    import importlib.util
    spec = importlib.util.spec_from_file_location("health_pb2", Path(GENERATED.name) / "grpc/health/v1/health_pb2.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HEALTH = health_pb2()
OK, OVER = rls_pb2.RateLimitResponse.OK, rls_pb2.RateLimitResponse.OVER_LIMIT
POLICY = """
domain: test
descriptors:
  - key: user
    rate_limit: {unit: hour, requests_per_unit: 5}
  - key: tenant
    rate_limit: {unit: day, requests_per_unit: 2, name: per_tenant}
  - key: many
    rate_limit: {unit: year, requests_per_unit: 100000}
"""


def request(*descriptors, domain="test", hits=0):
    message = rls_pb2.RateLimitRequest(domain=domain, hits_addend=hits)
    for key, value in descriptors:
        message.descriptors.add().entries.add(key=key, value=value)
    return message


class Service:
    """A channel and its methods."""

    def __init__(self, *addresses, **options):
        self.channel = grpc.insecure_channel("ipv4:" + ",".join(addresses), options=list(options.items()))
        self.ask = self.channel.unary_unary("/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit",
                                            rls_pb2.RateLimitRequest.SerializeToString, rls_pb2.RateLimitResponse.FromString)
        self.check = self.channel.unary_unary("/grpc.health.v1.Health/Check", HEALTH.HealthCheckRequest.SerializeToString,
                                              HEALTH.HealthCheckResponse.FromString)
        self.watch = self.channel.unary_stream("/grpc.health.v1.Health/Watch", HEALTH.HealthCheckRequest.SerializeToString,
                                               HEALTH.HealthCheckResponse.FromString)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()


class Door(Folder):
    def server(self, *arguments, policy=POLICY, **options):
        path = self.write("policy.yaml", policy)
        return self.enterContext(Server("--policies", path, *arguments, resp="none", grpc="127.0.0.1:0", **options))

    def metrics(self, server):
        with server.connect("http") as s:
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
            return until_end(s).decode()

    def service(self, *servers, **options):
        return self.enterContext(Service(*(s.addresses["grpc"] for s in servers), **options))


class GrpcTest(Door):
    def test_a_burst_then_refusals(self):
        service = self.service(self.server())
        for left in (4, 3, 2, 1, 0):
            answer = service.ask(request(("user", "ann")), timeout=WAIT)
            self.assertEqual((answer.overall_code, answer.statuses[0].limit_remaining), (OK, left))
        answer = service.ask(request(("user", "ann")), timeout=WAIT)
        self.assertEqual((answer.overall_code, answer.statuses[0].code), (OVER, OVER))
        self.assertEqual(answer.dynamic_metadata["rule"], "test.user")
        self.assertEqual(service.check(HEALTH.HealthCheckRequest(), timeout=WAIT).status, 1)

    def test_errors(self):
        service = self.service(self.server())
        for message, code, details in (
                (request(("user", "u"), domain=""), grpc.StatusCode.UNKNOWN, "rate limit domain must not be empty"),
                (request(), grpc.StatusCode.UNKNOWN, "rate limit descriptor list must not be empty"),
                (request(("user", "x" * 300_000)), grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than 262144 bytes")):
            with self.assertRaises(grpc.RpcError) as caught:
                service.ask(message, timeout=WAIT)
            self.assertEqual(caught.exception.code(), code)
            self.assertIn(details, caught.exception.details())
        other = service.channel.unary_unary("/test.Other/Thing%C3%BC")
        with self.assertRaises(grpc.RpcError) as caught:
            other(b"", timeout=WAIT)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_gzip(self):
        service = self.service(self.server())
        many = request(*(("user", f"{i}" + "x" * 500) for i in range(32)))
        answer = service.ask(many, timeout=WAIT, compression=grpc.Compression.Gzip)
        self.assertEqual([s.limit_remaining for s in answer.statuses], [4] * 32)

    def test_exactly_as_many_as_may_pass(self):
        service = self.service(self.server(policy=POLICY.replace("100000", "700")))
        answers = [f.result(WAIT) for f in [service.ask.future(request(("many", "x"))) for _ in range(1500)]]
        self.assertEqual([a.overall_code for a in answers].count(OK), 700)

    def test_settings(self):
        server = self.server("--charge-each", "true", "--x-ratelimit-fields", "true", "--ratelimit-fields", "true")
        service = self.service(server)
        both = request(("user", "u"), ("tenant", "t"))
        for _ in range(4):
            answer = service.ask(both, timeout=WAIT)
        self.assertEqual([s.limit_remaining for s in answer.statuses], [1, 0], "the user was charged each time")
        fields = {f.key: f.value for f in answer.response_headers_to_add}
        self.assertEqual((fields["X-RateLimit-Limit"], fields["X-RateLimit-Remaining"]), ("2", "0"))
        self.assertRegex(fields["RateLimit"], r'^"per_tenant";r=0;t=\d+$')
        self.assertEqual(fields["RateLimit-Policy"], '"per_tenant";q=2;w=86400')
        self.assertRegex(fields["Retry-After"], r"^\d+$")
        shadow = self.service(self.server("--shadow-all", "true"))
        codes = [shadow.ask(request(("tenant", "t")), timeout=WAIT) for _ in range(3)][-1]
        self.assertEqual((codes.overall_code, codes.statuses[0].code), (OK, OVER))

    def test_policies_are_reloaded(self):
        server = self.server()
        service = self.service(server)
        self.assertEqual(service.ask(request(("user", "u")), timeout=WAIT).statuses[0].current_limit.requests_per_unit, 5)
        self.write("policy.yaml", POLICY.replace("requests_per_unit: 5", "requests_per_unit: 9"))
        eventually(lambda: service.ask(request(("user", "v")), timeout=WAIT).statuses[0].current_limit.requests_per_unit == 9)

    def test_metrics_count_it(self):
        server = self.server(http="127.0.0.1:0")
        service = self.service(server)
        for _ in range(7):
            service.ask(request(("user", "u")), timeout=WAIT)
        page = self.metrics(server)
        self.assertRegex(page, r'(?m)^sluice_decisions_total\{[^}]*limit="test.user"[^}]*outcome="allowed"[^}]*\} 5$')
        self.assertRegex(page, r'(?m)^sluice_decisions_total\{[^}]*limit="test.user"[^}]*outcome="refused"[^}]*\} 2$')

    def test_statistics_by_rule(self):
        policy = POLICY + """
  - key: visitor
    detailed_metric: true
    rate_limit: {unit: hour, requests_per_unit: 2}
  - key: trial
    shadow_mode: true
    rate_limit: {unit: hour, requests_per_unit: 1}
"""
        server = self.server("--max-detailed-series", "2", "--near-limit-ratio", "0.6", "--threads", "2",
                             policy=policy, http="127.0.0.1:0")
        service = self.service(server)
        for _ in range(7):
            service.ask(request(("user", "u")), timeout=WAIT)
        for visitor in ("ann", "bob", "ann", "ann", "cid", "dan"):
            service.ask(request(("visitor", visitor)), timeout=WAIT)
        for _ in range(2):
            service.ask(request(("trial", "t")), timeout=WAIT)
        service.ask(request(("user", "u"), domain="nowhere"), timeout=WAIT)

        def counted(rule):
            page = self.metrics(server)
            found = [re.search(rf'(?m)^sluice_rule_{name}_total\{{domain="test",rule="{rule}"\}} (\d+)$', page)
                     for name in ("hits", "within_limit", "near_limit", "over_limit", "shadow_mode")]
            return tuple(int(f[1]) for f in found if f)

        self.assertEqual(counted("test.user"), (7, 5, 2, 2, 0))
        self.assertEqual(counted("test.tenant"), (0, 0, 0, 0, 0), "told before its first hit")
        self.assertEqual(counted("test.visitor_ann"), (3, 2, 1, 1, 0))
        self.assertEqual(counted("test.visitor_bob"), (1, 1, 0, 0, 0))
        self.assertEqual(counted("#other"), (2, 2, 0, 0, 0))
        self.assertEqual(counted("test.visitor"), (), "it has its values' names")
        self.assertEqual(counted("test.trial"), (2, 1, 1, 1, 1))
        page = self.metrics(server)
        self.assertIn('\nsluice_domain_not_found_total{domain="nowhere"} 1\n', page)
        self.assertIn("\nsluice_rule_series_refused_total 2\n", page)

        self.write("policy.yaml", policy.replace("  - key: user", "  - key: first\n    rate_limit: {unit: day, requests_per_unit: 1}\n"
                                                 "  - key: user"))
        eventually(lambda: counted("test.first") == (0, 0, 0, 0, 0))
        service.ask(request(("user", "u")), timeout=WAIT)
        self.assertEqual(counted("test.user"), (8, 5, 2, 3, 0), "counts stay with the name over a reload")

    def test_the_end_loses_no_call(self):
        going, staying = self.server(), self.server()
        service = self.service(going, staying)  # The first that answers serves; the other one steps in.
        service.ask(request(("many", "warm")), timeout=WAIT)
        results, stop = [], threading.Event()

        def load():
            while not stop.is_set():
                try:
                    results.append(service.ask(request(("many", "x")), timeout=WAIT).overall_code)
                except grpc.RpcError as error:
                    results.append(error.code())

        threads = [threading.Thread(target=load) for _ in range(8)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(results) > 200)
        self.assertEqual(going.end(), 0)
        after = len(results)
        eventually(lambda: len(results) > after + 200)
        stop.set()
        for thread in threads:
            thread.join(WAIT)
        self.assertEqual(set(results), {OK})

    def test_the_end_is_told_to_watchers_and_idle_connections(self):
        server = self.server()
        service = self.service(server)
        watch = service.watch(HEALTH.HealthCheckRequest())
        self.assertEqual(next(watch).status, 1)
        began = time.monotonic()
        self.assertEqual(server.end(), 0)
        self.assertLess(time.monotonic() - began, 4, "the drain waited for nothing")
        self.assertEqual(next(watch).status, 2)
        with self.assertRaises(grpc.RpcError) as caught:
            next(watch)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)

    def test_an_idle_connection_ends(self):
        server = self.server("--grpc-idle", "200ms")
        with server.connect("grpc") as s:
            s.sendall(PREFACE)
            self.assertEqual(until_end(s)[-17:-8][3:4], b"\x07", "GOAWAY is the last word")

    def test_half_a_call_is_not_waited_for_for_ever(self):
        server = self.server("--request-time", "300ms")
        with server.connect("grpc") as s:
            s.sendall(PREFACE + frame(1, 4, 1, CALL) + frame(0, 0, 1, b"\0\0"))
            said = b""
            while chunk := s.recv(4096):  # A byte now and then wins no time.
                said += chunk
                try:
                    s.sendall(frame(0, 0, 1, b"\0"))
                    time.sleep(0.02)
                except (BrokenPipeError, ConnectionResetError):
                    break
            self.assertIn(b"\x07\0\0\0\0\0", said, "GOAWAY")

    def test_keepalive_pings_are_answered(self):
        options = {"grpc.keepalive_time_ms": 10_000, "grpc.keepalive_permit_without_calls": 1}
        service = self.service(self.server(), **options)
        self.assertEqual(service.ask(request(("user", "u")), timeout=WAIT).overall_code, OK)


def frame(kind, flags=0, stream=0, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4)
HEAD = b"\x83\x86\x84\x41\x01t"  # POST http / t, by HPACK's static table.
PATH = b"/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
CALL = b"\x83\x86\x04" + bytes([len(PATH)]) + PATH + b"\x41\x01t" + b"\x0f\x10\x10application/grpc"


class HostileTest(Door):
    """Floods: the connection ends, memory does not grow, others are served."""

    def resident_kb(self, server):
        with open(f"/proc/{server.process.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))

    def flood(self, server, pieces, most=64 << 20):
        """Sends until the server ends the connection; whether it did, and how many bytes that took."""
        sent = 0
        with server.connect("grpc") as s:
            s.settimeout(2)
            s.sendall(PREFACE)
            try:
                for piece in pieces:
                    s.sendall(piece)
                    sent += len(piece)
                    if sent > most:
                        return False, sent
            except (BrokenPipeError, ConnectionResetError, TimeoutError, socket.timeout):
                return True, sent
            s.settimeout(WAIT)
            until_end(s)
            return True, sent

    def test_floods(self):
        server = self.server("--threads", "1")
        service = self.service(server)
        service.ask(request(("user", "before")), timeout=WAIT)
        before = self.resident_kb(server)

        def reset(i):
            return frame(1, 4, 2 * i + 1, HEAD) + frame(3, 0, 2 * i + 1, b"\0\0\0\x08")

        floods = {
            "ping": (frame(6, 0, 0, b"12345678") * 500 for _ in range(10**6)),
            "settings": (frame(4) * 500 for _ in range(10**6)),
            "rapid reset": (b"".join(reset(i) for i in range(n * 200, n * 200 + 200)) for n in range(10**6)),
            "continuation": ((frame(1, 0, 1, HEAD) if n == 0 else b"") + frame(9, 0, 1, b"\0\1a\1b") * 500
                             for n in range(10**6)),
            "empty data": ((frame(1, 4, 1, CALL) if n == 0 else b"") + frame(0, 0, 1) * 500 for n in range(10**6)),
        }
        for name, pieces in floods.items():
            ended, sent = self.flood(server, pieces)
            self.assertTrue(ended, name)
            self.assertLess(sent, 16 << 20, name)  # What the sockets' buffers hold counts as sent.
            self.assertEqual(service.ask(request(("many", name)), timeout=WAIT).overall_code, OK, name)
        self.assertLess(self.resident_kb(server) - before, 8 * 1024)

    def test_many_that_take_no_answers(self):
        server = self.server("--threads", "1")
        before = self.resident_kb(server)
        body = request(("many", "deaf")).SerializeToString()
        body = b"\0" + len(body).to_bytes(4, "big") + body
        calls = b"".join(frame(1, 4, 2 * i + 1, CALL) + frame(0, 1, 2 * i + 1, body) for i in range(250))
        with_no_window = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"\0\4\0\0\0\0")
        for _ in range(50):
            s = connect(server.addresses["grpc"])
            self.addCleanup(s.close)
            s.sendall(with_no_window + calls)
        service = self.service(server)
        eventually(lambda: service.ask(request(("many", "deaf"), hits=1), timeout=WAIT).statuses[0].limit_remaining
                   <= 100000 - 50 * 250)
        self.assertLess(self.resident_kb(server) - before, 64 * 1024, "50 connections of 250 answers each")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
