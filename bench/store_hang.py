#!/usr/bin/env python3
"""How long decisions take while the shared store hangs: a paced load, over which redis-server is well, sleeps, is stopped, and is well again.

    store_hang.py SLUICE [SECONDS [RATE]]        3 seconds a phase, 1,000 requests a second

Requests are sent when their time has come, answered or not (an open loop), over 16 connections, each for a key of its own, with the default
deadline. A request's time counts from when it was due; who is late to send it, the host or this script, counts too. The first 100 ms of a
phase are shown apart: in them the breaker has not opened yet, and each request waits for the deadline. Before a phase the breaker is closed.
"""
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from servers import free_port, result, wait_for

SLUICE = os.path.abspath(sys.argv[1])
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
RATE = float(sys.argv[3]) if len(sys.argv) > 3 else 1000.0
SERVER, CLIENT = (0, 1) if os.cpu_count() > 1 else (0, 0)
DEADLINE_MS, ALLOWANCE_MS, CONNECTIONS = 20, 5, 16


class Load:
    def __init__(self, port):
        self.sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
        self.poll = selectors.DefaultSelector()
        self.waiting = {}
        for i, s in enumerate(self.sockets):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.setblocking(False)
            self.waiting[s] = []
            self.poll.register(s, selectors.EVENT_READ)
        self.requests = [b"*5\r\n$11\r\nCL.THROTTLE\r\n$6\r\nhang%02d\r\n$5\r\n99999\r\n$5\r\n10000\r\n$1\r\n1\r\n" % i for i in range(CONNECTIONS)]

    def run(self, seconds):
        """[(when it was due, how long it took)] in seconds; all are answered."""
        begin, sent, took = time.perf_counter(), 0, []
        count = int(seconds * RATE)
        while len(took) < count:
            now = time.perf_counter() - begin
            while sent < count and sent / RATE <= now:
                s = self.sockets[sent % CONNECTIONS]
                self.waiting[s].append(sent / RATE)
                s.sendall(self.requests[sent % CONNECTIONS])
                sent += 1
            left = sent / RATE - (time.perf_counter() - begin) if sent < count else 1.0
            for key, _ in self.poll.select(max(0.0, left)):
                answers = key.fileobj.recv(65536).count(b"*5")  # Short replies come whole.
                done = time.perf_counter() - begin
                due = self.waiting[key.fileobj]
                took += [(at, done - at) for at in due[:answers]]
                del due[:answers]
            if now > seconds + 10:
                raise SystemExit("store_hang.py: a request was not answered")
        return took


def quantile(times, q):
    times = sorted(times)
    return times[min(int(len(times) * q), len(times) - 1)] * 1e3 if times else 0.0


def show(name, took):
    print(f"{name:44} p50 {quantile(took, 0.5):7.2f} ms   p99 {quantile(took, 0.99):7.2f} ms   most {quantile(took, 1):7.2f} ms   of {len(took)}", flush=True)
    return quantile(took, 0.99)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path, port = os.path.join(folder, "s"), free_port()
        redis = subprocess.Popen(["taskset", "-c", str(SERVER), "redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder,
                                  "--enable-debug-command", "local"], stdout=subprocess.DEVNULL)
        while not os.path.exists(path):
            time.sleep(0.05)
        server = subprocess.Popen(["taskset", "-c", str(SERVER), SLUICE, "serve", "--threads", "1", "--resp", f"127.0.0.1:{port}", "--http", "none",
                                   "--grpc", "none", "--store", "redis+unix://" + path, "--store-deadline", f"{DEADLINE_MS}ms"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(port)
            os.sched_setaffinity(0, {CLIENT})
            load = Load(port)
            load.run(1.0)
            show("the store is well", [t for _, t in load.run(SECONDS)])
            worst = 0.0

            def slept():
                subprocess.run(["redis-cli", "-s", path, "DEBUG", "SLEEP", str(SECONDS)], stdout=subprocess.DEVNULL)
            for name, begin, end in (("DEBUG SLEEP", threading.Thread(target=slept).start, lambda: None),
                                     ("SIGSTOP", lambda: redis.send_signal(signal.SIGSTOP), lambda: redis.send_signal(signal.SIGCONT))):
                begin()
                took = load.run(SECONDS)
                end()
                show(f"{name}: the first 100 ms", [t for at, t in took if at < 0.1])
                worst = max(worst, show(f"{name}: all of it", [t for _, t in took]))
                show(f"{name}: afterwards", [t for _, t in load.run(SECONDS)])
            bound = DEADLINE_MS + ALLOWANCE_MS
            kept = worst <= bound
            result("store-hang: p99 of decisions", f"{worst:.1f} ms", f"<= {bound} ms", kept)
            return 0 if kept else 1
        finally:
            redis.send_signal(signal.SIGCONT)
            for process in (server, redis):
                process.terminate()
                process.wait(30)


sys.exit(main())
