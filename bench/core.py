#!/usr/bin/env python3
"""Runs core_bench and compares the hot bucket with the bare load and compare-and-swap: core.py CORE_BENCH [SECONDS]"""
import json
import statistics
import subprocess
import sys

program, seconds = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "0.2"
# Interleaved, so that a neighbour's load falls on all alike; processor time, medians of nine.
out = subprocess.run([program, "--benchmark_format=json", f"--benchmark_min_time={seconds}", "--benchmark_repetitions=9",
                      "--benchmark_enable_random_interleaving=true"], capture_output=True, text=True, check=True).stdout
runs = {}
for row in json.loads(out)["benchmarks"]:
    if row["run_type"] == "iteration":
        runs.setdefault(row["run_name"], []).append(row["cpu_time"])
for name, times in runs.items():
    print(f"{name:24} {statistics.median(times):7.2f} ns  [{min(times):.2f}..{max(times):.2f}]")
bare = statistics.median(runs["BareLoadAndSwap"])
ok = True
for name, words in (("HotBucketAllowed", "core: hot bucket against bare CAS"),):
    ratio = statistics.median(runs[name]) / bare
    ok &= ratio <= 1.25
    print(f"RESULT\t{words}\t{ratio:.2f} x\t<= 1.25 x\t{'yes' if ratio <= 1.25 else 'NO'}")
sys.exit(0 if ok else 1)
