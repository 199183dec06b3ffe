"""What the load tests share: ports, and a server's processor time."""
import os
import socket
import time

TICKS = os.sysconf("SC_CLK_TCK")


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
    """Of the process and its children that run now: nginx works in a child."""
    pids = [pid]
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        pids += map(int, f.read().split())
    total = 0
    for one in pids:
        with open(f"/proc/{one}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS
