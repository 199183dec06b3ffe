#!/usr/bin/env python3
"""What is granted, and how late, when more is asked than one processor answers: overload.py SLUICE [SECONDS [ROUNDS]]

A round runs each load once, so that a neighbour's work falls on all alike (2 seconds a run, 3 rounds). "Peak" is the load at
which a door grants most; "2 x" has twice as many requests under way, "16 x" sixteen times; of gRPC "128 x" is where what is ready waits
for more than --shed-after. What was granted and what was shed is the server's own count, over its processor time: that does not depend on
whether the tool, which has the other processor, was the limit. The 99th percentile is the tool's (redis-benchmark's, wrk's, h2load's),
of all that was answered.
"""
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from servers import cpu_seconds, free_port, result, wait_for

SLUICE = os.path.abspath(sys.argv[1])
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 2
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 3
SERVER, CLIENT = ("0", "1") if os.cpu_count() > 1 else ("0", "0")
KEPT = 0.9  # Of the peak.
P99_MS = 250  # Of whoever is answered.
LIMITS = "limits:\n  api: {quota: 1000000000/s}\n"
POLICY = "domain: envoy\ndescriptors:\n  - key: user\n    rate_limit: {unit: second, requests_per_unit: 1000000000}\n"
PATH = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
TAKE = 'wrk.method = "POST"\nwrk.path = "/v1/take"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = \'{"limit":"api","key":"k"}\'\n'
CALL = b"\0\0\0\0\x14" + b"\x0a\x05envoy\x12\x0b\x0a\x09\x0a\x04user\x12\x01k"


class Server:
    def __init__(self, folder):
        for name, text in (("limits.yaml", LIMITS), ("policy.yaml", POLICY), ("take.lua", TAKE)):
            with open(os.path.join(folder, name), "w") as f:
                f.write(text)
        with open(os.path.join(folder, "call"), "wb") as f:
            f.write(CALL)
        self.folder, (self.resp, self.http, self.grpc) = folder, (free_port(), free_port(), free_port())
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER, SLUICE, "serve", "--threads", "1", "--limits", f"{folder}/limits.yaml", "--policies", f"{folder}/policy.yaml",
             *(f"--{d}=127.0.0.1:{p}" for d, p in (("resp", self.resp), ("http", self.http), ("grpc", self.grpc)))],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for port in (self.resp, self.http, self.grpc):
            wait_for(port)

    def counts(self):
        """Requests that were answered, and of these those that were shed, of all doors."""
        with socket.create_connection(("127.0.0.1", self.http), 60) as s:
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
            text = b"".join(iter(lambda: s.recv(65536), b"")).decode()
        return tuple(sum(float(n) for n in re.findall(rf"^{name}\{{.*\}} (\S+)$", text, re.M))
                     for name in ("sluice_request_seconds_count", "sluice_requests_shed_total"))


def tool(*arguments):
    return subprocess.run(["taskset", "-c", CLIENT, *arguments], capture_output=True, text=True, timeout=SECONDS + 60).stdout


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def resp(server, connections, pipeline):
    """redis-benchmark counts requests, not seconds; its percentile is of one request of a pipeline."""
    requests = str(resp.rate * SECONDS)
    out = tool("redis-benchmark", "-p", str(server.resp), "-c", str(connections), "-P", str(pipeline), "-n", requests, "--csv", "SLUICE.TAKE", "api", "k")
    row = re.findall(r'^"SLUICE.TAKE[^"]*",(.*)$', out, re.M)[-1].replace('"', "").split(",")
    return float(row[5])  # rps, avg, min, p50, p95, p99, max


resp.rate = 500_000


def http(server, connections, _):
    out = tool("wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", "-s", f"{server.folder}/take.lua", f"http://127.0.0.1:{server.http}")
    return milliseconds(re.search(r"99%\s+(\S+)", out)[1])


def grpc(server, connections, streams):
    log = os.path.join(server.folder, "latency")
    if os.path.exists(log):
        os.unlink(log)
    tool("h2load", "-c", str(connections), "-m", str(streams), "-D", str(SECONDS), "-d", f"{server.folder}/call", f"--log-file={log}",
         "-H", "content-type: application/grpc", "-H", "te: trailers", f"http://127.0.0.1:{server.grpc}{PATH}")
    with open(log) as f:
        times = sorted(int(line.split()[2]) for line in f)
    return times[len(times) * 99 // 100] / 1e3


# (door, connections, requests of each at a time): the peak, twice, sixteen times.
LOADS = [(resp, ((50, 16), (100, 16), (800, 16))), (http, ((64, 1), (128, 1), (1024, 1))), (grpc, ((8, 32), (16, 32), (128, 32), (512, 64)))]
NAMES = ("peak", "2 x", "16 x", "128 x")


def report(name, measured, bound, kept):
    return result("overload: " + name, measured, bound, kept)


def main():
    kept = True
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            for door, loads in LOADS:
                runs = {load: [] for load in loads}
                for _ in range(ROUNDS):
                    for load in loads:
                        before, began, used = server.counts(), time.monotonic(), cpu_seconds(server.process.pid)
                        p99 = door(server, *load)
                        used = cpu_seconds(server.process.pid) - used
                        after, seconds = server.counts(), time.monotonic() - began
                        answered, shed = (a - b for a, b in zip(after, before))
                        runs[load].append(((answered - shed) / used, shed / seconds, p99, (answered - shed) / seconds))
                granted = {load: statistics.median(r[0] for r in runs[load]) for load in loads}
                for name, load in zip(NAMES, loads):
                    shed, p99 = (statistics.median(r[i] for r in runs[load]) for i in (1, 2))
                    rates = [r[3] / 1e3 for r in runs[load]]
                    part = granted[load] / granted[loads[0]]
                    print(f"{door.__name__:5} {name:5} {load[0]:5} x {load[1]:3}  {statistics.median(rates):7.1f} k/s [{min(rates):.1f}..{max(rates):.1f}]"
                          f"  {1e6 / granted[load]:5.2f} us each  shed {shed / 1e3:6.1f} k/s  p99 {p99:7.1f} ms  {part:.2f} of the peak")
                    if name == "peak":
                        continue
                    if name == "2 x":  # Beyond, a thousand connections' memory costs more than the load does: printed alone.
                        kept &= report(f"{door.__name__}, {name}, of the peak", f"{part:.2f}", f">= {KEPT}", part >= KEPT)
                    kept &= report(f"{door.__name__}, {name}, p99 ms", f"{p99:.1f}", f"<= {P99_MS}", p99 <= P99_MS)
        finally:
            server.process.kill()
            server.process.wait()
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
