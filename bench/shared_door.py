#!/usr/bin/env python3
"""The RESP door over a shared store: one hot key under load, and what a decision waits when nothing else is going on.

    shared_door.py SLUICE [SECONDS [ROUNDS]]        2 seconds a run, 3 rounds

redis-server and redis-benchmark share a processor, Sluice has the other. The yardstick of the wait, in the same round: the same
door on its local store, and a script that does one GET and one SET, asked of redis-server alone, from the processor that Sluice has: to
wake another processor is most of a round trip. By turns, so that a neighbour's load falls on all alike.
"""
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from servers import cpu_seconds, free_port, result, wait_for

SLUICE = os.path.abspath(sys.argv[1])
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 2.0
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 3
OURS, OTHERS = ("1", "0") if os.cpu_count() > 1 else ("0", "0")
THROTTLE = ("CL.THROTTLE", "hot", "100000000", "1000000", "1", "1")
SCRIPT = "local v = redis.call('GET', KEYS[1]) redis.call('SET', KEYS[1], ARGV[1], 'PX', 10000) return v"


def load(port, requests, connections, pipeline, *command, cpu=OTHERS):
    """Requests a second, and the median wait in microseconds."""
    out = subprocess.run(["taskset", "-c", cpu, "redis-benchmark", "-p", str(port), "-c", str(connections), "-P", str(pipeline),
                          "-n", str(int(requests)), "--precision", "3", *command], capture_output=True, text=True, timeout=300)
    rate = re.findall(r"throughput summary: ([\d.]+)", out.stdout)
    waits = re.findall(r"avg\s+min\s+p50.*\n\s+([\d.]+)\s+([\d.]+)\s+([\d.]+)", out.stdout)
    if not rate or not waits:
        raise SystemExit(f"shared_door.py: {out.stdout[-500:]}{out.stderr}")
    return float(rate[-1]), float(waits[-1][2]) * 1000


def server(folder, *arguments):
    port = free_port()
    process = subprocess.Popen(["taskset", "-c", OURS, SLUICE, "serve", "--resp", f"127.0.0.1:{port}", "--http", "none", "--grpc", "none",
                                *arguments], stdout=subprocess.DEVNULL, stderr=open(os.path.join(folder, "log"), "a"))
    wait_for(port)
    return process, port


with tempfile.TemporaryDirectory() as folder:
    redis_port = free_port()
    running = [subprocess.Popen(["taskset", "-c", OTHERS, "redis-server", "--port", str(redis_port), "--save", "", "--dir", folder],
                                stdout=subprocess.DEVNULL)]
    try:
        wait_for(redis_port)
        sha = subprocess.run(["redis-cli", "-p", str(redis_port), "SCRIPT", "LOAD", SCRIPT], capture_output=True, text=True,
                             check=True).stdout.strip()
        shared, shared_port = server(folder, "--store", f"redis://127.0.0.1:{redis_port}")
        running.append(shared)
        local, local_port = server(folder)
        running.append(local)
        time.sleep(1)  # Connected to its store.
        rates, cpus, waits = [], [], {"shared": [], "local": [], "script": []}
        busy = load(shared_port, 500_000, 16, 64, *THROTTLE)[0] * SECONDS
        idle = load(shared_port, 2000, 1, 1, *THROTTLE)[0] * SECONDS
        for _ in range(ROUNDS):
            before = cpu_seconds(shared.pid)
            rates.append(load(shared_port, busy, 16, 64, *THROTTLE)[0])
            cpus.append((cpu_seconds(shared.pid) - before) / busy * 1e6)
            for name, port, cpu, command in (("shared", shared_port, OTHERS, THROTTLE), ("local", local_port, OTHERS, THROTTLE),
                                             ("script", redis_port, OURS, ("EVALSHA", sha, "1", "k", "v"))):
                waits[name].append(load(port, idle, 1, 1, *command, cpu=cpu)[1])
    finally:
        for p in reversed(running):
            p.kill()
            p.wait()

rate, cpu = statistics.median(rates), statistics.median(cpus)
p50 = {name: statistics.median(w) for name, w in waits.items()}
more = p50["shared"] - p50["local"]
print(f"one hot key through the RESP door: {rate / 1e6:.2f} M/s ({min(rates) / 1e6:.2f} to {max(rates) / 1e6:.2f}), "
      f"{cpu:.2f} us of ours a decision")
print(f"idle, p50: {p50['shared']:.0f} us over Redis, {p50['local']:.0f} us on the local store, {p50['script']:.0f} us a script of Redis alone")
kept = result("shared, one hot key, RESP door", f"{rate / 1e6:.3g} M/s", ">= 1 M/s", rate >= 1e6)
kept &= result("shared, wait added when idle, less a round trip", f"{more - p50['script']:.3g} us", "<= 50 us", more - p50["script"] <= 50)
sys.exit(0 if kept else 1)
