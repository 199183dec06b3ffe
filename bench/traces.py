#!/usr/bin/env python3
"""What traces cost who decides: the same paced load on four servers by turns.

    traces.py SLUICE [SECONDS [ROUNDS]]        5 seconds a run, 12 rounds: each collector hangs or answers for a minute of load

off: no trace_endpoint. none: on, ratio 0. answers: ratio 0.01, a collector that takes all. hangs: the same with one that accepts and
never answers. p99 is that of `sluice bench --rate`, from the moment at which a request was to be sent; CPU is the whole server's, its
exporter included, over its requests. The promise is that a collector that hangs moves p99 by less than 5 %.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile

from servers import Collector, cpu_seconds, free_port, result, wait_for

SLUICE = os.path.abspath(sys.argv[1])
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 12
RATE = 20_000
SERVER, CLIENT = ("0", "1") if os.cpu_count() > 1 else ("0", "0")
LIMITS = "limits:\n  api: {quota: 1000000/s burst 1000000}\n"


class Run:
    def __init__(self, name, limits, *arguments):
        self.name, self.port = name, free_port()
        self.process = subprocess.Popen(["taskset", "-c", SERVER, SLUICE, "serve", "--threads", "1", "--resp", "none", "--grpc", "none", "--http",
                                         f"127.0.0.1:{self.port}", "--limits", limits, "--shed-after", "0", *arguments], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_for(self.port)
        self.p50, self.p99, self.cpus = [], [], []

    def round(self, seconds):
        before = cpu_seconds(self.process.pid)
        out = subprocess.run(["taskset", "-c", CLIENT, SLUICE, "bench", "--protocol", "http", "--server", f"127.0.0.1:{self.port}", "--limit", "api",
                              "--key-count", "10000", "--connections", "16", "--rate", str(RATE), "--duration", f"{seconds}s", "--json"],
                             capture_output=True, text=True, timeout=seconds + 60, check=True).stdout
        got = json.loads(out)
        self.p50.append(got["latency_us"]["p50"])
        self.p99.append(got["latency_us"]["p99"])
        self.cpus.append((cpu_seconds(self.process.pid) - before) / got["requests"] * 1e6)

    def show(self):
        print(f"{self.name:8} p50 {statistics.median(self.p50):7.1f} us   p99 {statistics.median(self.p99):7.1f} us "
              f"[{min(self.p99):.1f}..{max(self.p99):.1f}]   {statistics.median(self.cpus):5.2f} us CPU a request")


def main():
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        limits = os.path.join(folder, "limits.yaml")
        with open(limits, "w") as f:
            f.write(LIMITS)
        answers, hangs = Collector(True), Collector(False)
        try:
            runs.append(Run("off", limits))
            runs.append(Run("none", limits, "--trace-endpoint", answers.url, "--trace-ratio", "0"))
            runs.append(Run("answers", limits, "--trace-endpoint", answers.url, "--trace-ratio", "0.01"))
            runs.append(Run("hangs", limits, "--trace-endpoint", hangs.url, "--trace-ratio", "0.01"))
            for run in runs:
                run.round(1)
                run.p50.clear(), run.p99.clear(), run.cpus.clear()
            for i in range(ROUNDS):
                for run in runs[i % len(runs):] + runs[:i % len(runs)]:
                    run.round(SECONDS)
            for run in runs:
                run.show()
            print(f"{answers.taken} exports were answered, {len(hangs.open)} connections hung")
            off, _, _, hung = runs
            ratio = statistics.median(h / o for h, o in zip(hung.p99, off.p99))
            return 0 if result("traces: p99 with a collector that hangs against none", f"{ratio:.3f} x", "< 1.05 x", ratio < 1.05) else 1
        finally:
            for run in runs:
                run.process.terminate()
                run.process.wait(30)


sys.exit(main())
