#!/usr/bin/env python3
"""The RESP door against redis-server, on one processor by turns, asked by redis-benchmark on another.

    resp.py SLUICE [SECONDS [ROUNDS]]        2 seconds a run, 5 rounds

Sluice answers CL.THROTTLE; redis-server answers the same question by the fastest script we know (one GET and one SET, state in
one packed string: a hash with HMGET and HSET takes 1.2 times as long), and PING. A round is one run of each, so that a neighbour's
load falls on all alike. CPU is the server's user + system time over the requests answered: it does not depend on whether
redis-benchmark was the limit, which for Sluice and for PING it is.
"""
import os
import statistics
import subprocess
import sys
import tempfile

from servers import cpu_seconds, free_port, redis_benchmark, result, wait_for

SLUICE = os.path.abspath(sys.argv[1])
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 2.0
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 5
SERVER = "0"

# A token bucket as GCRA, with the script's own clock in microseconds. KEYS[1]; ARGV: capacity, microseconds a token, cost.
SCRIPT = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local state = redis.call('GET', KEYS[1])
local tat = now
if state then tat = struct.unpack('d', state) if tat < now then tat = now end end
local each, cost = tonumber(ARGV[2]), tonumber(ARGV[3])
local full = ARGV[1] * each
local after = tat + cost * each
if after - now > full then
  return {1, tonumber(ARGV[1]), math.floor((full - tat + now) / each), math.ceil((after - now - full) / 1000000), math.ceil((tat - now) / 1000000)}
end
redis.call('SET', KEYS[1], struct.pack('d', after), 'PX', math.ceil((after - now) / 1000) + 10000)
return {0, tonumber(ARGV[1]), math.floor((full - after + now) / each), -1, math.ceil((after - now) / 1000000)}
"""


class Run:
    """redis-benchmark for about SECONDS: a short run tells how many requests that is."""

    def __init__(self, name, pid, port, pipeline, command):
        self.name, self.pid, self.port, self.pipeline, self.command = name, pid, port, pipeline, command
        self.rates, self.cpus = [], []
        self.requests = max(int(self.go(20_000 if pipeline == 1 else 200_000)[0] * SECONDS), 10_000)

    def go(self, requests):
        before = cpu_seconds(self.pid)
        rate = redis_benchmark(self.port, self.pipeline, requests, 1_000_000, self.command)
        return rate, (cpu_seconds(self.pid) - before) / requests * 1e6

    def round(self):
        rate, cpu = self.go(self.requests)
        self.rates.append(rate)
        self.cpus.append(cpu)

    @property
    def rate(self):
        return statistics.median(self.rates)

    @property
    def cpu(self):
        return statistics.median(self.cpus)

    def show(self):
        print(f"{self.name:34} {self.rate / 1e3:8.0f} k/s [{min(self.rates) / 1e3:.0f}..{max(self.rates) / 1e3:.0f}]   "
              f"{self.cpu:6.3f} us [{min(self.cpus):.3f}..{max(self.cpus):.3f}]", flush=True)


def main():
    servers = []
    folder = tempfile.TemporaryDirectory()
    try:
        ports = [free_port(), free_port()]
        commands = [[SLUICE, "serve", "--threads", "1", "--resp", f"127.0.0.1:{ports[0]}", "--http", "none", "--grpc", "none"],
                    ["redis-server", "--port", str(ports[1]), "--save", "", "--appendonly", "no", "--dir", folder.name]]
        for command, port in zip(commands, ports):
            servers.append(subprocess.Popen(["taskset", "-c", SERVER, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                            cwd=folder.name))
            wait_for(port)
        ours, redis = (s.pid for s in servers)
        sha = subprocess.run(["redis-cli", "-p", str(ports[1]), "SCRIPT", "LOAD", SCRIPT], capture_output=True, text=True).stdout.strip()
        throttle = ["CL.THROTTLE", "user:__rand_int__", "99999", "1000", "1"]
        script = ["EVALSHA", sha, "1", "user:__rand_int__", "100000", "1000", "1"]
        runs = {}
        for pipeline in (64, 1):
            for name, pid, port, command in (("sluice CL.THROTTLE", ours, ports[0], throttle), ("redis EVALSHA", redis, ports[1], script),
                                             ("redis PING", redis, ports[1], ["PING"])):
                runs[name, pipeline] = Run(f"{name} -P {pipeline}", pid, port, pipeline, command)
            for _ in range(ROUNDS):
                for (_, depth), run in runs.items():
                    if depth == pipeline:
                        run.round()
        for run in runs.values():
            run.show()
        deep, lua = runs["sluice CL.THROTTLE", 64], runs["redis EVALSHA", 64]
        single, ping = runs["sluice CL.THROTTLE", 1], runs["redis PING", 1]
        kept = [result("resp: -P 64 against a Lua script", f"{deep.rate / lua.rate:.1f} x", ">= 5 x", deep.rate >= 5 * lua.rate),
                result("resp: -P 64 CPU a request", f"{deep.cpu:.3f} us", "<= 0.45 us", deep.cpu <= 0.45),
                result("resp: -P 1 against redis PING", f"{single.rate / ping.rate:.2f} x", ">= 0.9 x", single.rate >= 0.9 * ping.rate)]
        return 0 if all(kept) else 1
    finally:
        for server in servers:
            server.terminate()
            server.wait(30)
        folder.cleanup()


sys.exit(main())
