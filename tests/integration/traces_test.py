#!/usr/bin/env python3
"""Traces: what a receiver that decodes by OpenTelemetry's own messages gets, and collectors that do not behave. traces_test.py SLUICE

The receiver is tests/clients/otlp_receiver.mjs. Nothing is asserted about how long a thing takes.
"""
import contextlib
import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import threading
import unittest

import grpc_test  # Before the harness: it finds a Python with grpcio.
import harness
import stores
from harness import Folder, Server, eventually

CLIENTS = os.path.join(os.path.dirname(harness.__file__), "..", "clients")
LIMITS = "limits:\n  api: {quota: 1/h burst 2}\n  wide: {quota: 1000000/s}\n"
POLICY = "domain: shop\ndescriptors:\n  - key: user\n    rate_limit: {unit: hour, requests_per_unit: 1}\n"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, NOT_SAMPLED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"
WAITING_MAX = 4096


class Receiver:
    def __init__(self):
        self.process = subprocess.Popen(["node", "otlp_receiver.mjs"], cwd=CLIENTS, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.exports = []
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.exports.append(json.loads(line))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.thread.join(harness.WAIT)
        self.process.stdout.close()
        self.process.wait(harness.WAIT)

    def spans(self):
        assert not any("error" in e for e in self.exports), self.exports
        return [s for e in self.exports for r in e["body"]["resourceSpans"] for scope in r["scopeSpans"] for s in scope["spans"]]

    def wait_for(self, n):
        eventually(lambda: len(self.spans()) >= n, lambda: f"{len(self.spans())} of {n} spans")
        return self.spans()


class Collector:
    """One that does as `answer` says with each connection, or, if there is none, accepts and never answers."""

    def __init__(self, answer=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.answer, self.open, self.asked = answer, [], 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(peer)
            if self.answer:
                threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        try:
            with peer.makefile("rb") as f:
                while f.readline():
                    length = 0
                    while (line := f.readline().strip()):
                        if line.lower().startswith(b"content-length:"):
                            length = int(line.split(b":")[1])
                    f.read(length)
                    self.asked += 1
                    peer.sendall(self.answer)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for peer in self.open:
            peer.close()


def attributes(span):
    return {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}


def ask(server, method, path, body=None, fields=None):
    host, port = server.addresses["http"].rsplit(":", 1)
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=harness.WAIT)) as c:
        c.request(method, path, body, fields or {})
        response = c.getresponse()
        return response.status, response.read().decode()


def take(server, limit="api", key="a", **fields):
    return ask(server, "POST", "/v1/take", json.dumps({"limit": limit, "key": key}), {"Content-Type": "application/json", **fields})[0]


def pipeline(server, n):
    """n decisions over RESP, of which all are allowed."""
    with server.connect() as s:
        ask = b"".join(b"SLUICE.TAKE wide key:%d\r\n" % i for i in range(1000)) + b"PING\r\n"
        for _ in range(n // 1000):
            s.sendall(ask)
            got = b""
            while not got.endswith(b"+PONG\r\n"):
                part = s.recv(65536)
                assert part, "the server hung up"
                got = got[-16:] + part


def number(server, name):
    for line in ask(server, "GET", "/metrics")[1].splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise AssertionError(f"no {name}")


def resident(server):
    with open(f"/proc/{server.process.pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Traces(Folder):
    def serve(self, port, *arguments, ratio="1", **options):
        return Server("--limits", self.write("limits.yaml", LIMITS), "--threads", "1", "--trace-endpoint", f"http://127.0.0.1:{port}",
                      "--trace-ratio", ratio, *arguments, http="127.0.0.1:0", **options)

    def test_a_receiver_gets_what_was_decided(self):
        headers = self.write("headers", "# For the collector.\nAuthorization: Bearer secret-7\n")
        with Receiver() as receiver:
            with self.serve(receiver.port, "--trace-headers", headers, "--trace-service", "shop limits", ratio="0") as server:
                for _ in range(2):
                    take(server)
                take(server, traceparent=NOT_SAMPLED)
                self.assertEqual(take(server, traceparent=SAMPLED), 429)
                spans = receiver.wait_for(3)
                self.assertEqual(server.end(), 0)
                self.assertNotIn("secret-7", server.said())
        self.assertEqual(len(spans), 3)
        export = receiver.exports[0]
        self.assertEqual(export["path"], "/v1/traces")
        self.assertEqual(export["headers"]["content-type"], "application/x-protobuf")
        self.assertEqual(export["headers"]["authorization"], "Bearer secret-7")
        resource = export["body"]["resourceSpans"][0]["resource"]
        self.assertEqual(attributes(resource)["service.name"], "shop limits")
        door, policy, store = spans
        self.assertEqual([s["name"] for s in spans], ["POST /v1/take", "policy", "store"])
        self.assertEqual({s["traceId"] for s in spans}, {TRACE})
        self.assertEqual((door["kind"], door["parentSpanId"], door["flags"]), (2, SPAN, 0x301))
        for step in (policy, store):
            self.assertEqual((step["kind"], step["parentSpanId"], step["flags"]), (1, door["spanId"], 0x101))
            self.assertLessEqual(int(door["startTimeUnixNano"]), int(step["startTimeUnixNano"]))
            self.assertLessEqual(int(step["startTimeUnixNano"]), int(step["endTimeUnixNano"]))
            self.assertLessEqual(int(step["endTimeUnixNano"]), int(door["endTimeUnixNano"]))
        told = attributes(door)
        wait = told.pop("sluice.wait")
        self.assertTrue(0 < wait <= 3600, wait)
        key = told.pop("sluice.key")
        self.assertRegex(key, "^[0-9a-f]{32}$")
        self.assertEqual(told, {"sluice.door": "http", "http.request.method": "POST", "http.route": "/v1/take", "sluice.decisions": "1",
                                "sluice.limit": "api", "sluice.version": hashlib.sha256(LIMITS.encode()).hexdigest()[:12], "sluice.quota": "1/h burst 2", "sluice.outcome": "refused", "sluice.origin": "bucket",
                                "sluice.cost": "1", "sluice.remaining": "0"})
        self.assertEqual(attributes(store), {"sluice.origin": "bucket"})

    def test_a_key_is_called_as_in_the_log(self):
        with Receiver() as receiver, self.serve(receiver.port, "--log-format", "json", "--log-refusals", "1") as server:
            for _ in range(3):
                take(server, traceparent=SAMPLED)
            refused = [a for s in receiver.wait_for(9) if s["kind"] == 2 and (a := attributes(s))["sluice.outcome"] == "refused"]
            eventually(lambda: '"key_hash"' in server.said(), server.said)
            [line] = [json.loads(line) for line in server.said().splitlines() if '"key_hash"' in line]
            self.assertEqual([a["sluice.key"] for a in refused], [line["key_hash"]])

    def test_all_doors_and_plain_keys(self):
        with Receiver() as receiver, self.serve(receiver.port, "--trace-plain-keys", "true", "--policies", self.write("shop.yaml", POLICY),
                                                grpc="127.0.0.1:0") as server:
            with server.connect() as s:
                s.sendall(b"*3\r\n$11\r\nsluice.take\r\n$3\r\napi\r\n$2\r\n\xff\xfe\r\nCL.THROTTLE k 0 1 60\r\n")
                harness.hear(s, 10)
                receiver.wait_for(6)
            self.assertEqual(self.call(server, [("traceparent", SAMPLED)]), 1)
            spans = receiver.wait_for(9)
        doors = {s["name"]: attributes(s) for s in spans if s["kind"] == 2}
        self.assertEqual(doors["cl.throttle"]["sluice.key"], "k")
        self.assertEqual(doors["sluice.take"]["sluice.key"], "fffe")  # Bytes that are no text go as bytes.
        told = doors["envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"]
        self.assertEqual((told["rpc.system"], told["rpc.method"], told["sluice.domain"], told["sluice.rule"], told["sluice.key"]),
                         ("grpc", "ShouldRateLimit", "shop", "shop.user", "user=ann"))

    def call(self, server, metadata):
        """The overall code, by grpcio with messages written by hand."""
        import grpc
        text = lambda field, value: bytes([field << 3 | 2, len(value)]) + value
        entry = text(1, text(1, b"user") + text(2, b"ann"))
        with grpc.insecure_channel(server.addresses["grpc"]) as channel:
            call = channel.unary_unary("/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit")
            return call(text(1, b"shop") + text(2, entry), metadata=metadata, timeout=harness.WAIT)[1]

    @unittest.skipUnless(stores.PROGRAMS, "no redis-server")
    def test_calls_of_the_shared_store_and_what_is_decided_without_it(self):
        with Receiver() as receiver, stores.Redis(stores.PROGRAMS[0]) as redis:
            with self.serve(receiver.port, "--store", redis.url, "--store-deadline", "20s", ratio="0") as server:
                eventually(lambda: number(server, "sluice_store_up") == 1)
                take(server, traceparent=SAMPLED)
                spans = receiver.wait_for(4)
                call = spans[-1]
                self.assertEqual((call["name"], call["kind"], call["parentSpanId"]), ("EVALSHA", 3, spans[2]["spanId"]))
                self.assertEqual(attributes(call), {"db.system.name": "redis", "db.operation.name": "EVALSHA", "sluice.call.asks": "1",
                                                    "sluice.call.buckets": "1"})
                redis.kill()
                eventually(lambda: number(server, "sluice_store_up") == 0)
                take(server, key="b")  # By chance none is traced: this one is.
                door, store = receiver.wait_for(6)[4:]
                self.assertEqual(attributes(door)["sluice.origin"], "degraded")
                self.assertEqual((store["name"], store["status"]["code"]), ("store", 2))

    def decides(self, server):
        """Decisions go on and are dropped from the traces beyond the bound, and memory does not grow with them."""
        pipeline(server, 2 * WAITING_MAX // 1000 * 1000 + 1000)
        before = resident(server)
        pipeline(server, 100_000)
        self.assertLess(resident(server) - before, 16 << 20)
        self.assertLessEqual(number(server, "sluice_traces_waiting"), WAITING_MAX)
        recorded = number(server, "sluice_traces_recorded_total")
        dropped = number(server, 'sluice_traces_dropped_total{reason="queue_full"}')
        self.assertGreaterEqual(recorded + dropped, 100_000)
        return dropped

    def test_a_collector_that_never_answers(self):
        with Collector() as collector, self.serve(collector.port) as server:
            self.assertGreater(self.decides(server), 0)
            self.assertEqual(number(server, "sluice_traces_exported_total"), 0)
            self.assertEqual(server.end(), 0)
        with Collector() as collector, self.serve(collector.port, "--trace-timeout", "50ms") as server:
            take(server, "wide")
            server.eventually_says("does not take them: no answer in time")
            self.assertGreater(self.decides(server), 0)

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with self.serve(port) as server:
            take(server, "wide")
            server.eventually_says("traces: http://127.0.0.1:%d does not take them" % port)
            self.assertGreater(self.decides(server), 0)
            self.assertEqual(server.end(), 0)

    def test_collectors_that_are_busy(self):
        for status in (b"429 Too Many Requests", b"503 Service Unavailable"):
            with Collector(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nRetry-After: 3600\r\n\r\n") as collector:
                with self.serve(collector.port) as server:
                    take(server, "wide")
                    eventually(lambda: collector.asked == 1)
                    self.assertGreater(self.decides(server), 0)
                    self.assertEqual(collector.asked, 1)
                    self.assertEqual(server.end(), 0)

    def test_a_collector_that_refuses(self):
        with Collector(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as collector, self.serve(collector.port) as server:
            self.decides(server)
            eventually(lambda: number(server, 'sluice_traces_dropped_total{reason="refused"}') > 0)
            server.eventually_says("it answers 400")

    def test_what_cannot_be_is_said(self):
        good = "http://127.0.0.1:4318"
        missing = self.path("none")
        for arguments, words in (
                (["--trace-endpoint", "127.0.0.1:4318"], "trace_endpoint: \"127.0.0.1:4318\" is no URL of a collector: write http:// or https://"),
                (["--trace-endpoint", "http://:4318"], "write host:port after the //"),
                (["--trace-endpoint", "http://a:b@c:4318"], "give what the collector asks for by trace_headers"),
                (["--trace-endpoint", good + "/v1?x"], "no ?"),
                (["--trace-endpoint", good, "--trace-ratio", "2"], "a number from 0 to 1"),
                (["--trace-endpoint", good, "--trace-service", ""], "trace_service: is empty"),
                (["--trace-endpoint", good, "--trace-timeout", "0"], "trace_timeout: is 0"),
                (["--trace-endpoint", good, "--trace-ca", missing], "trace_ca: trace_endpoint speaks no TLS"),
                (["--trace-endpoint", "https://localhost:4318", "--trace-ca", missing], missing),
                (["--trace-endpoint", good, "--trace-headers", missing], f"trace_headers: '{missing}'"),
                (["--trace-endpoint", good, "--trace-headers", self.write("a", "\nX secret-8\n")], ":2: write a field as Name: value"),
                (["--trace-endpoint", good, "--trace-headers", self.write("b", "Host: secret-8\n")], ":1: Host is said by Sluice itself")):
            code, _, said = harness.run("serve", "--resp", "127.0.0.1:0", "--http", "none", "--grpc", "none", *arguments)
            self.assertNotEqual(code, 0, arguments)
            self.assertIn(words, said)
            self.assertNotIn("secret-8", said)


if __name__ == "__main__":
    assert shutil.which("node"), "node is missing; ./dev setup"
    unittest.main(verbosity=2)
