"""What the load tests share: ports, a server's processor time and memory, redis-benchmark, and a collector of traces."""
import os
import re
import socket
import subprocess
import threading
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"bench: no server came up on port {port}")


def cpu_seconds(pid):
    """Of the process and its children that run now (nginx works in a child), of all their threads, to the nanosecond."""
    pids = [pid]
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        pids += map(int, f.read().split())
    total = 0
    for one in pids:
        for task in os.listdir(f"/proc/{one}/task"):
            with open(f"/proc/{one}/task/{task}/schedstat") as f:
                total += int(f.read().split()[0])
    return total / 1e9


def resident_bytes(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS"))


def result(name, value, bound, kept):
    """A line of the table that comes last (bench/run)."""
    print(f"RESULT\t{name}\t{value}\t{bound}\t{'yes' if kept else 'NO'}")
    return kept


def redis_benchmark(port, pipeline, requests, keys, command, *arguments):
    """Requests a second."""
    out = subprocess.run(["taskset", "-c", "1" if os.cpu_count() > 1 else "0", "redis-benchmark", "-p", str(port), "-c", "50", "-P", str(pipeline),
                          "-n", str(requests), "-r", str(keys), "--csv", *arguments, *command], capture_output=True, text=True, timeout=120)
    rates = re.findall(r'^"[^\n]*?","([\d.]+)"', out.stdout, re.M)
    if not rates:
        raise SystemExit(f"redis-benchmark: {out.stdout}{out.stderr}")
    return float(rates[-1])


class Collector:
    def __init__(self, answers):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.answers, self.open, self.taken = answers, [], 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            peer, _ = self.listener.accept()
            self.open.append(peer)
            if self.answers:
                threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with peer.makefile("rb") as f:
            while f.readline():
                length = 0
                while line := f.readline().strip():
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                f.read(length)
                self.taken += 1
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
