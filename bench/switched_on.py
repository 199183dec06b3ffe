#!/usr/bin/env python3
"""What it costs to be seen and safe: the same load on two servers by turns, one with all of it switched off and one with all of it on.

    switched_on.py SLUICE [SECONDS [ROUNDS]]        3 seconds a run, 9 rounds

off: no heaviest keys, history, dashboard, shedding, tokens, traces, refusal log. on: all of them, with a dashboard that listens, a
Prometheus that asks each second, and a collector of traces that takes one request in a hundred. Not TLS, which ciphers each byte. RESP is
asked by redis-benchmark, `SLUICE.TAKE` at -P 64; gRPC by h2load, 8 x 32. A round's two runs follow each other, so the figure is the median of
their ratios; CPU is the whole server's, its threads for history and traces included. Then: the memory of the server that has all of it on.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import grpc
from servers import Collector, cpu_seconds, free_port, redis_benchmark, resident_bytes, result, wait_for

SLUICE = os.path.abspath(sys.argv[1])
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 9
SERVER = "0"
KEYS = 100_000
LIMITS = "limits:\n  api: {quota: 1000/s burst 100000}\n"
OFF = ["--top-keys", "0", "--ui", "false", "--shed-after", "0"]
ON = ["--trace-ratio", "0.01", "--log-refusals", "20/s", "--log-format", "json", "--max-connections-per-address", "1000"]


class Run:
    rates = {"resp": 300_000, "grpc": 0}  # Of the run before, whichever server's.

    def __init__(self, name, folder, *arguments, token=None):
        self.name, self.token = name, token
        self.resp, self.http, self.grpc = free_port(), free_port(), free_port()
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER, SLUICE, "serve", "--threads", "1", "--limits", os.path.join(folder, "limits.yaml"), "--policies",
             os.path.join(folder, "policy.yaml"), *(f"--{door}=127.0.0.1:{getattr(self, door)}" for door in ("resp", "http", "grpc")), *arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.http)

    def ask_resp(self, seconds):
        auth = ["--user", "bench", "-a", self.token] if self.token else []
        requests = int(self.rates["resp"] * seconds)
        return redis_benchmark(self.resp, 64, requests, KEYS, ["SLUICE.TAKE", "api", "user:__rand_int__"], *auth), requests

    def ask_grpc(self, seconds):
        # Both get it: what a literal field costs HTTP/2 is the client's choice (h2load never indexes this one).
        header = f"authorization: Bearer {self.sent}"
        n, rate = grpc.h2load(self.grpc, self.body, "-c", "8", "-m", "32", "-D", str(int(seconds)), "-H", header)
        return rate, n

    def go(self, door, seconds):
        before = cpu_seconds(self.process.pid)
        rate, n = getattr(self, "ask_" + door)(seconds)
        self.rates[door] = rate
        return rate, (cpu_seconds(self.process.pid) - before) / n * 1e6

    def get(self, path, timeout=5):
        return urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", headers={"authorization": f"Bearer {self.token}"}),
                                      timeout=timeout)

    def is_watched(self):
        """A dashboard that listens, and a Prometheus; on a thread of each."""
        def listen():
            try:
                with self.get("/v1/live", timeout=60) as events:
                    for _ in events:
                        pass
            except OSError:
                pass

        def scrape():
            while self.process.poll() is None:
                try:
                    self.get("/metrics").read()
                except OSError:
                    return
                time.sleep(1)
        for each in (listen, scrape):
            threading.Thread(target=each, daemon=True).start()


def main():
    with tempfile.TemporaryDirectory() as folder:
        def write(name, content):
            path = os.path.join(folder, name)
            with open(path, "wb") as f:
                f.write(content)
            return path
        write("limits.yaml", LIMITS.encode()), write("policy.yaml", grpc.POLICY.encode())
        Run.body = write("one", grpc.ONE)
        made = json.loads(subprocess.run([SLUICE, "token", "new", "bench", "--roles", "admin", "--json"], capture_output=True, check=True).stdout)
        Run.sent = made["token"]
        tokens, collector = write("tokens.yaml", b"tokens:\n" + made["line"].encode() + b"\n"), Collector(True)
        runs = [Run("off", folder, *OFF)]
        try:
            runs.append(Run("on", folder, *ON, "--tokens", tokens, "--history", os.path.join(folder, "history"), "--trace-endpoint", collector.url,
                            token=made["token"]))
            off, on = runs
            on.is_watched()
            kept = True
            for door in ("resp", "grpc"):
                kept &= compare(door, off, on)
            memory = resident_bytes(on.process.pid) / 1e6
            kept &= result(f"all of it on: memory, {KEYS:,} keys", f"{memory:.0f} MB", "< 60 MB", memory < 60)
            return 0 if kept else 1
        finally:
            for run in runs:
                run.process.terminate()
                run.process.wait(30)


def compare(door, off, on):
    for run in (off, on):
        run.go(door, 1)
    rates, cpus = [], []
    for i in range(ROUNDS):
        got = {run: run.go(door, SECONDS) for run in ((off, on), (on, off))[i % 2]}
        rates.append(got[on][0] / got[off][0])
        cpus.append(got[on][1] / got[off][1])
        print(f"{door:5} off {got[off][0] / 1e3:7.0f} k/s {got[off][1]:6.3f} us   on {got[on][0] / 1e3:7.0f} k/s {got[on][1]:6.3f} us", flush=True)
    rate, cpu = statistics.median(rates), statistics.median(cpus)
    kept = result(f"all of it on: {door} throughput against off", f"{rate:.3f} x", ">= 0.97 x", rate >= 0.97)
    return result(f"all of it on: {door} CPU a request against off", f"{cpu:.3f} x", "<= 1.03 x", cpu <= 1.03) and kept


if __name__ == "__main__":
    sys.exit(main())
