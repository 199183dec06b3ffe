#!/usr/bin/env python3
"""The gRPC door on one processor, asked by h2load on another.

    grpc.py SLUICE [SECONDS [ROUNDS]]        2 seconds a run, 3 rounds

Calls are ShouldRateLimit with one descriptor of one entry (a body of 59 bytes), or with five of three entries. CPU is the
server's user + system time over its calls. The last run is paced: 10,000 calls a second, of which the 99th percentile counts.
"""
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from servers import cpu_seconds, free_port, resident_bytes, result, wait_for

SLUICE = os.path.abspath(sys.argv[1])
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 2
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 3
SERVER, CLIENT = ("0", "1") if os.cpu_count() > 1 else ("0", "0")
IDLE = 1000
PATH = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
POLICY = """
domain: envoy
descriptors:
  - key: user
    rate_limit: {unit: second, requests_per_unit: 1000000}
  - {key: a, descriptors: [{key: b, descriptors: [{key: c, rate_limit: {unit: second, requests_per_unit: 1000000}}]}]}
"""


def field(number, content):
    return bytes([number << 3 | 2, len(content)]) + content


def call(*descriptors):
    """RateLimitRequest by hand, behind gRPC's five bytes."""
    message = field(1, b"envoy") + b"".join(field(2, b"".join(field(1, field(1, k) + field(2, v)) for k, v in d)) for d in descriptors)
    return b"\0" + len(message).to_bytes(4, "big") + message


ONE = call([(b"user", b"12345678901234567890123456789012345")])
FIVE = call(*([(b"a", b"alpha"), (b"b", b"beta"), (b"c", b"gamma%d" % i)] for i in range(5)))


def h2load(port, body, *arguments):
    out = subprocess.run(["taskset", "-c", CLIENT, "h2load", *arguments, "-d", body, "-H", "content-type: application/grpc", "-H",
                          "te: trailers", f"http://127.0.0.1:{port}{PATH}"], capture_output=True, text=True, timeout=120).stdout
    done = re.search(r"requests: (\d+) total.* (\d+) succeeded, 0 failed", out)
    if not done or int(done[2]) == 0:
        raise SystemExit(f"grpc.py: {out}")
    return int(done[2]), float(re.search(r"([\d.]+) req/s", out)[1])


def frame(kind, flags=0, stream=0, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def bytes_a_connection(pid, port):
    """Of a connection at rest that has made a call."""
    head = b"\x83\x86\x44" + bytes([len(PATH)]) + PATH.encode() + b"\x41\x01t\x5f\x10application/grpc"
    before, peers = resident_bytes(pid), []
    for _ in range(IDLE):
        s = socket.create_connection(("127.0.0.1", port))
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4) + frame(1, 4, 1, head) + frame(0, 1, 1, ONE))
        peers.append(s)
    for s in peers:
        s.recv(4096)
    time.sleep(0.2)
    return (resident_bytes(pid) - before) / IDLE


def report(name, measured, bound, kept):
    return result("grpc: " + name, measured, bound, kept)


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("policy.yaml", POLICY.encode()), ("one", ONE), ("five", FIVE)):
            with open(os.path.join(folder, name), "wb") as f:
                f.write(content)
        one, five, port = os.path.join(folder, "one"), os.path.join(folder, "five"), free_port()
        server = subprocess.Popen(["taskset", "-c", SERVER, SLUICE, "serve", "--threads", "1", "--resp", "none", "--http", "none", "--grpc",
                                   f"127.0.0.1:{port}", "--policies", os.path.join(folder, "policy.yaml")],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(port)
            kept = True
            rows = (("8 connections x 1", one, 8, 1, None, None), ("8 x 32", one, 8, 32, 400, 2.6), ("64 x 1", one, 64, 1, None, None),
                    ("64 x 8", one, 64, 8, 250, None), ("8 x 32, 5 descriptors", five, 8, 32, None, 5.0))
            for name, body, connections, streams, rate_min, cpu_max in rows:
                rates, cpus = [], []
                for _ in range(ROUNDS):
                    before = cpu_seconds(server.pid)
                    n, rate = h2load(port, body, "-c", str(connections), "-m", str(streams), "-D", str(SECONDS))
                    cpus.append((cpu_seconds(server.pid) - before) / n * 1e6)
                    rates.append(rate / 1e3)
                rate, cpu = statistics.median(rates), statistics.median(cpus)
                print(f"{name:24} {rate:7.1f} k/s [{min(rates):.1f}..{max(rates):.1f}]   {cpu:6.2f} us [{min(cpus):.2f}..{max(cpus):.2f}]")
                if rate_min:
                    kept &= report(f"{name}, k calls/s", f"{rate:.0f}", f">= {rate_min}", rate >= rate_min)
                if cpu_max:
                    kept &= report(f"{name}, us a call", f"{cpu:.2f}", f"<= {cpu_max}", cpu <= cpu_max)
            log = os.path.join(folder, "latency")
            h2load(port, one, "-c", "8", "-m", "8", "--rps", "1250", "-D", str(2 * SECONDS), f"--log-file={log}")
            with open(log) as f:
                times = sorted(int(line.split()[2]) for line in f)
            p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
            print(f"10,000 calls/s, paced    p50 {p50} us, p99 {p99} us")
            kept &= report("paced, p99 us", p99, "<= 1000", p99 <= 1000)
            memory = bytes_a_connection(server.pid, port) / 1000
            print(f"a connection at rest     {memory:.1f} kB")
            kept &= report("kB a connection", f"{memory:.1f}", "<= 40", memory <= 40)
            return 0 if kept else 1
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    sys.exit(main())
