#!/usr/bin/env python3
"""The server under a service manager: this test plays systemd's part of sd_notify(3) and sd_listen_fds(3): systemd_test.py SLUICE"""
import os
import re
import signal
import socket
import subprocess
import tempfile
import unittest

from harness import SLUICE, WAIT, environment

LIMITS = "limits:\n  login: {quota: 5/h burst 2}\n"
POLICY = "domain: edge\ndescriptors:\n  - key: a\n    rate_limit: {unit: hour, requests_per_unit: 2}\n"


class Manager:
    """systemd, as far as one service sees it."""

    def __init__(self, folder):
        self.folder = folder
        self.path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(WAIT)
        self.processes = []

    def start(self, *arguments, sockets=(), **variables):
        """`sockets`: (name, listening socket)."""
        fds = [s.fileno() for _, s in sockets]
        passed = " ".join(f"{3 + i}<&{fd}" for i, fd in enumerate(fds))
        extra = {"LISTEN_FDS": str(len(fds)), "LISTEN_FDNAMES": ":".join(name for name, _ in sockets)} if sockets else {}
        command = f"export LISTEN_PID=$$; exec \"$@\" {passed}"
        process = subprocess.Popen(["bash", "-c", command, "sluice", SLUICE, "serve", *arguments], pass_fds=fds, cwd=self.folder, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(NOTIFY_SOCKET=self.path, **extra, **variables))
        self.processes.append(process)
        return process

    def hears(self, first):
        """The next message, but for those of the watchdog, which begins with `first`."""
        while (message := self.socket.recv(4096).decode()) == "WATCHDOG=1":
            pass
        lines = message.split("\n")
        if lines[0] != first:
            raise AssertionError(f"{message!r} instead of {first}")
        return dict(line.split("=", 1) for line in lines)

    def end(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=WAIT)
        self.socket.close()


def listening(address, family=socket.AF_INET, kind=socket.SOCK_STREAM):
    s = socket.socket(family, kind)
    s.bind(address)
    if kind == socket.SOCK_STREAM:
        s.listen(64)
    return s


def ping(address, family=socket.AF_INET):
    with socket.socket(family) as c:
        c.settimeout(WAIT)
        c.connect(address)
        c.sendall(b"PING\r\n")
        return c.recv(100)


class SystemdTest(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="sluice-systemd-"))
        self.manager = Manager(self.folder)
        self.addCleanup(self.manager.end)

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        self.manager.hears("STOPPING=1")
        self.assertEqual(process.wait(WAIT), 0)

    def test_ready_reloading_stopping(self):
        for name, text in (("limits.yaml", LIMITS), ("policy.yaml", POLICY)):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
                f.write(text)
        for more in ([], ["--limits", "limits.yaml"], ["--limits", "limits.yaml", "--policies", "policy.yaml"]):
            process = self.manager.start("--resp", "unix:resp", "--http", "none", "--grpc", "none", *more)
            self.assertEqual(self.manager.hears("READY=1")["STATUS"], "Serving")
            self.assertEqual(ping(os.path.join(self.folder, "resp"), socket.AF_UNIX), b"+PONG\r\n")
            for _ in range(2):
                process.send_signal(signal.SIGHUP)
                self.assertGreater(int(self.manager.hears("RELOADING=1")["MONOTONIC_USEC"]), 0)
                self.manager.hears("READY=1")
            self.stop(process)

    def test_a_start_that_fails_is_not_ready(self):
        process = self.manager.start("--resp", "unix:/nowhere/at/all", "--http", "none")
        self.assertEqual(process.wait(WAIT), 2)
        self.manager.socket.setblocking(False)
        self.assertRaises(BlockingIOError, self.manager.socket.recv, 100)

    def test_the_watchdog_hears_of_life_from_all_loops(self):
        for threads in ("1", "3"):
            process = self.manager.start("--resp", "unix:resp", "--http", "none", "--grpc", "none", "--threads", threads, WATCHDOG_USEC="40000")
            self.manager.hears("READY=1")
            for _ in range(5):
                self.assertEqual(self.manager.socket.recv(100), b"WATCHDOG=1")
            self.stop(process)

    def test_sockets_outlive_the_server(self):
        """A connection that comes before the server, or between two of them, waits and is answered."""
        resp = listening(("127.0.0.1", 0))
        http_path = os.path.join(self.folder, "http")
        http = listening(http_path, socket.AF_UNIX)
        with resp, http:
            for _ in range(2):
                early = self.enterContext(socket.create_connection(resp.getsockname()))
                early.settimeout(WAIT)
                early.sendall(b"PING\r\n")
                process = self.manager.start("--resp", "127.0.0.1:1", "--http", "none", "--grpc", "none", "--threads", "2",
                                             sockets=[("http", http), ("resp", resp)])
                self.manager.hears("READY=1")
                for _ in range(10):
                    self.assertEqual(ping(resp.getsockname()), b"+PONG\r\n")
                with socket.socket(socket.AF_UNIX) as c:
                    c.connect(http_path)
                    c.sendall(b"GET /readyz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
                    self.assertIn(b"ready\n", c.makefile("rb").read())
                self.assertEqual(early.recv(100), b"+PONG\r\n")
                self.stop(process)
                out = process.stdout.read()
                self.assertIn(f"sluice: resp listening on 127.0.0.1:{resp.getsockname()[1]}\n", out)
                self.assertIn(f"sluice: http listening on unix:{http_path}\n", out)
                self.assertTrue(os.path.exists(http_path))

    def refused(self, *sockets):
        process = self.manager.start("--resp", "none", "--http", "none", "--grpc", "none", sockets=sockets)
        error = process.communicate(timeout=WAIT)[1]
        self.assertEqual(process.returncode, 2, error)
        return error

    def test_a_socket_that_no_door_can_take(self):
        with listening(("127.0.0.1", 0)) as s:
            said = self.refused(("sluice.socket", s))
            self.assertRegex(said, re.escape('"sluice.socket": give each its door\'s name, once, by FileDescriptorName= (resp, http, grpc)'))
            self.assertIn('"resp"', self.refused(("resp", s), ("resp", s)))
        with listening(("127.0.0.1", 0), kind=socket.SOCK_DGRAM) as s:
            self.assertIn("the socket named http is no stream socket that listens", self.refused(("http", s)))
        with open(os.path.join(self.folder, "file"), "w", encoding="utf-8") as f:
            self.assertIn("the socket named grpc is no stream socket", self.refused(("grpc", f)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
