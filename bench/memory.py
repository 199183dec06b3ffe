#!/usr/bin/env python3
"""Memory at rest, time to start, and what an idle connection costs: memory.py SLUICE [CONNECTIONS]"""
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import time

from servers import resident_bytes, result

SLUICE = os.path.abspath(sys.argv[1])
CONNECTIONS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000


class Server:
    def __init__(self):
        begin = time.monotonic()
        self.process = subprocess.Popen([SLUICE, "serve", "--resp", "127.0.0.1:0", "--http", "none", "--grpc", "none"], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            if found := re.search(r"resp listening on .*:(\d+)$", line):
                self.port = int(found[1])
            if line == "sluice: ready\n":
                break
        self.started = (time.monotonic() - begin) * 1e3

    def end(self):
        self.process.kill()
        self.process.wait()


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, CONNECTIONS + 100) if hard > soft else soft, hard))
    starts = []
    for _ in range(7):
        server = Server()
        starts.append(server.started)
        server.end()
    server = Server()
    time.sleep(0.2)
    rest = resident_bytes(server.process.pid)
    peers = []
    for _ in range(CONNECTIONS):
        peer = socket.create_connection(("127.0.0.1", server.port))
        peer.sendall(b"PING\r\n")
        peer.recv(16)
        peers.append(peer)
    each = (resident_bytes(server.process.pid) - rest) / CONNECTIONS / 1024
    server.end()
    start = statistics.median(starts)
    print(f"start, median of {len(starts)}: {start:.1f} ms [{min(starts):.1f}..{max(starts):.1f}]")
    kept = [result("memory: at rest", f"{rest / 2**20:.1f} MB", "< 20 MB", rest < 20 << 20),
            result("memory: start", f"{start:.0f} ms", "< 100 ms", start < 100),
            result("memory: an idle connection", f"{each:.1f} kB", "<= 8 kB", each <= 8)]
    return 0 if all(kept) else 1


sys.exit(main())
