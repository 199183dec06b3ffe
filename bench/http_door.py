#!/usr/bin/env python3
"""The HTTP door against nginx's `return 200`, on one processor by turns, asked by wrk on another.

    http_door.py SLUICE [SECONDS [ROUNDS]]        2 seconds a run, 5 rounds

wrk sends POST /v1/take with one of 10,000 keys to Sluice, and the very same requests to nginx, which answers each with a
constant text of the length of Sluice's body without looking at it. CPU is the server's user + system time over its requests.
"""
import os
import re
import statistics
import subprocess
import sys
import tempfile

from servers import cpu_seconds, free_port, result, wait_for

SLUICE = os.path.abspath(sys.argv[1])
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 2
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 5
CONNECTIONS = 16
SERVER, CLIENT = ("0", "1") if os.cpu_count() > 1 else ("0", "0")
LIMITS = "limits:\n  api: {quota: 1000000/s burst 1000000}\n"
LOAD = """
local n = 0
function request()
  n = n + 1
  return wrk.format("POST", "/v1/take", {["Content-Type"] = "application/json"},
                    '{"limit":"api","key":"user:' .. (n * 7919 % 10000) .. '"}')
end
"""
NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port} reuseport; location / {{ default_type application/json; return 200 '{body}'; }} }}
}}
"""


class Run:
    def __init__(self, name, pid, port, script):
        self.name, self.pid, self.port, self.script = name, pid, port, script
        self.rates, self.cpus = [], []

    def round(self, seconds):
        before = cpu_seconds(self.pid)
        out = subprocess.run(["taskset", "-c", CLIENT, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", self.script,
                              f"http://127.0.0.1:{self.port}"], capture_output=True, text=True, timeout=seconds + 60).stdout
        requests = re.search(r"(\d+) requests in", out)
        if not requests or "Non-2xx" in out or "Socket errors" in out:
            raise SystemExit(f"http_door.py: {self.name}: {out}")
        self.rates.append(float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]))
        self.cpus.append((cpu_seconds(self.pid) - before) / int(requests[1]) * 1e6)

    def show(self):
        print(f"{self.name:24} {statistics.median(self.rates) / 1e3:7.1f} k/s [{min(self.rates) / 1e3:.1f}..{max(self.rates) / 1e3:.1f}]   "
              f"{statistics.median(self.cpus):6.2f} us [{min(self.cpus):.2f}..{max(self.cpus):.2f}]")


def answer_of(port):
    """Sluice's own answer: nginx gives one of the same length."""
    out = subprocess.run(["curl", "-s", f"http://127.0.0.1:{port}/v1/take", "-d", '{"limit":"api","key":"user:1234"}'],
                         capture_output=True, text=True, timeout=10).stdout
    if '"allowed":true' not in out:
        raise SystemExit(f"http_door.py: POST /v1/take answers {out!r}")
    return out


def main():
    with tempfile.TemporaryDirectory() as folder:
        def write(name, text):
            path = os.path.join(folder, name)
            with open(path, "w") as f:
                f.write(text)
            return path

        servers = []
        try:
            limits, script, ports = write("limits.yaml", LIMITS), write("load.lua", LOAD), [free_port(), free_port()]
            ours = subprocess.Popen(["taskset", "-c", SERVER, SLUICE, "serve", "--threads", "1", "--resp", "none", "--grpc", "none", "--http",
                                     f"127.0.0.1:{ports[0]}", "--limits", limits], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            servers.append(ours)
            wait_for(ports[0])
            config = write("nginx.conf", NGINX.format(folder=folder, port=ports[1], body=answer_of(ports[0])))
            nginx = subprocess.Popen(["taskset", "-c", SERVER, "nginx", "-c", config, "-p", folder], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
            servers.append(nginx)
            wait_for(ports[1])
            runs = [Run("sluice POST /v1/take", ours.pid, ports[0], script), Run("nginx return 200", nginx.pid, ports[1], script)]
            for run in runs:
                run.round(1)
                run.rates.clear(), run.cpus.clear()
            for _ in range(ROUNDS):
                for run in runs:
                    run.round(SECONDS)
            for run in runs:
                run.show()
            ratio = statistics.median(runs[0].rates) / statistics.median(runs[1].rates)
            cpu = statistics.median(runs[1].cpus) / statistics.median(runs[0].cpus)
            result("http: POST /v1/take against nginx return 200", f"{ratio:.2f} x", ">= 0.9 x", ratio >= 0.9)
            result("http: the same by CPU a request", f"{cpu:.2f} x", ">= 0.9 x", cpu >= 0.9)
            return 0 if ratio >= 0.9 else 1
        finally:
            for server in servers:
                server.terminate()
                server.wait(30)


sys.exit(main())
