#!/usr/bin/env python3
"""A server whose machine fails it: chaos_test.py SLUICE

Here: the disk is full or slow, descriptors are used up, the clock steps, the process is stopped. Elsewhere: kills under load
(snapshot_test.py), stores that hang, stop, lie and vanish (redis_test.py, store_proxy_test.py, store_errors_test.py).
"""
import os
import re
import resource
import signal
import subprocess
import unittest

from harness import WAIT, Folder, Server, connect, eventually, ping, until_end
from snapshot_test import Redis, throttle
from stores import COMPILER, HERE, Clock

HOUR = 3600
ROOM = 32768  # Bytes of a file on the full disk: the log fits, a snapshot of 5000 buckets does not.


class Disk(Folder):
    def setUp(self):
        super().setUp()
        self.file = self.path("buckets")

    def server(self, **extra):
        return Server("--snapshot", self.file, "--snapshot-every", "20ms", "--threads", "1", **extra)

    def identity(self):
        with open(self.file, "rb") as f:
            return os.fstat(f.fileno()).st_ino, f.read()

    def test_full(self):
        """No file of this process may grow beyond 32 kB, as where the disk is full: the old snapshot stays, and the log says what to do."""
        with self.server() as server, Redis(server) as client:
            self.assertEqual(client.throttle("alice", quantity=11)[0], 0)
            eventually(lambda: os.path.exists(self.file) and b"" != self.identity()[1])
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))
            for i in range(5000):
                self.assertEqual(client.throttle(f"k{i}")[0], 0, "deciding does not stop")
            server.eventually_says("cannot write the snapshot")
            old = self.identity()
            complaint = re.search(r"error (cannot write the snapshot .*)", server.said())[1]
            self.assertIn("File too large", complaint)
            self.assertGreater(complaint.count(";"), 0, f"names no mend: {complaint}")
            for i in range(500):
                client.throttle(f"k{i}")
            self.assertEqual(self.identity(), old, "the last good file stays")
            self.assertEqual(server.said().count("cannot write the snapshot"), 1, "said once")
            self.assertFalse(os.path.exists(self.file + ".tmp") and os.path.getsize(self.file + ".tmp") > ROOM)
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            server.eventually_says("snapshots are written again to")
            server.signal(signal.SIGKILL)
            server.process.wait(WAIT)
        with self.server() as server, Redis(server) as client:
            self.assertNotIn("cannot be used", server.said())
            self.assertEqual(client.throttle("alice")[0], 1)
            self.assertEqual(client.throttle("k4999", quantity=11)[0], 1)

    def test_full_at_the_end(self):
        """The last save fails: the server ends all the same, and the next one has the last good file."""
        with self.server() as server:
            with Redis(server) as client:
                client.throttle("alice", quantity=11)
                for i in range(5000):
                    client.throttle(f"k{i}")
                eventually(lambda: os.path.exists(self.file))
                for _ in range(2):  # A whole save that began after the request.
                    before = self.identity()[0]
                    eventually(lambda: self.identity()[0] != before)
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))
            self.assertEqual(server.end(), 0)
            self.assertIn("cannot write the snapshot", server.said())
        with self.server() as server:
            self.assertEqual(throttle(server, "alice")[0], 1)

    @unittest.skipUnless(COMPILER, "needs a C compiler")
    def test_slow(self):
        """While fsync() does not return, requests are answered; then the save is finished."""
        library, slow = self.path("slow_disk.so"), self.path("slow")
        subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", library, os.path.join(HERE, "slow_disk.c")], check=True, timeout=WAIT)
        with self.server(LD_PRELOAD=library, SLOW_DISK=slow) as server, Redis(server) as client:
            eventually(lambda: os.path.exists(self.file))
            open(slow, "w").close()
            client.throttle("alice", quantity=11)
            eventually(lambda: os.path.exists(self.file + ".tmp"))
            old = self.identity()
            for i in range(3000):
                self.assertEqual(client.throttle(f"k{i}")[0], 0)
            self.assertEqual(self.identity(), old)
            os.unlink(slow)
            for _ in range(2):
                before = self.identity()[0]
                eventually(lambda: self.identity()[0] != before)
            server.signal(signal.SIGKILL)
            server.process.wait(WAIT)
        with self.server() as server, Redis(server) as client:
            self.assertEqual(client.throttle("alice")[0], 1)
            self.assertEqual(client.throttle("k2999", quantity=11)[0], 1)


class Descriptors(Folder):
    def test_used_up(self):
        """Who is connected is served, the log says what is short, snapshots and reloads that fail harm nothing; then all goes on."""
        limits = self.write("limits.yaml", "limits:\n  api: {quota: 5/h}\n")
        with Server("--limits", limits, "--snapshot", self.path("buckets"), "--snapshot-every", "20ms", "--threads", "1") as server:
            with Redis(server) as client:
                self.assertEqual(client.throttle("alice", quantity=11)[0], 0)
                eventually(lambda: os.path.exists(self.path("buckets")))
                resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (48, 48))
                crowd = [server.connect() for _ in range(80)]  # Into the kernel's queue, most of them.
                server.eventually_says("cannot accept connections: Too many open files; raise the limit of open files")
                for i in range(300):
                    self.assertEqual(client.throttle(f"k{i}")[0], 0)
                server.signal(signal.SIGHUP)
                server.eventually_says("cannot write the snapshot")
                self.assertIsNone(server.process.poll())
                for c in crowd[:60]:
                    c.close()
                for c in crowd[60:]:  # Who waited is let in.
                    self.assertEqual(ping(c), b"+PONG\r\n")
                server.eventually_says("snapshots are written again")
                for c in crowd[60:]:
                    c.close()
                self.assertEqual(client.throttle("alice")[0], 1)
                client.socket.sendall(b"SLUICE.PEEK api k\r\n")
                self.assertNotEqual(client.replies.read(1), b"-", "the limits in force stayed")
            self.assertEqual(server.end(), 0)


class Time(Folder):
    @unittest.skipUnless(COMPILER, "needs a C compiler")
    def test_the_wall_clock_steps(self):
        """Ten hours there and back, while it runs and between two runs: of 11 tokens, one an hour, none comes back."""
        file = self.path("buckets")

        def start():
            return Server("--snapshot", file, "--snapshot-every", "1h", **clock.environment)

        def drained(server):
            with Redis(server) as client:
                client.socket.sendall(b"CL.THROTTLE alice 10 1 3600 1\r\n")
                client.replies.readline()
                limited, _, remaining, retry, reset = [int(client.replies.readline()[1:]) for _ in range(5)]
                self.assertEqual((limited, remaining), (1, 0))
                self.assertLessEqual(retry, HOUR)
                self.assertGreater(retry, HOUR - 600)
                self.assertGreater(reset, 11 * HOUR - 600)

        with Clock() as clock:
            with start() as server:
                with Redis(server) as client:
                    client.socket.sendall(b"CL.THROTTLE alice 10 1 3600 11\r\n")
                    self.assertEqual([client.replies.readline() for _ in range(2)][1], b":0\r\n")
                    for _ in range(4):
                        client.replies.readline()
                for shift in (10 * HOUR, -10 * HOUR, 0):
                    clock.set(shift)
                    drained(server)
                self.assertEqual(server.end(), 0)
            for shift in (10 * HOUR, -10 * HOUR, 0):
                clock.set(shift)
                with start() as server:
                    drained(server)
                    self.assertEqual(server.end(), 0)


class Stopped(unittest.TestCase):
    def test_a_process_that_slept(self):
        """What came while it was stopped is answered when it goes on, once each, and grants what was there."""
        with Server("--threads", "2") as server:
            clients = [server.connect() for _ in range(20)]
            for c in clients:
                ping(c)
            server.signal(signal.SIGSTOP)
            for c in clients:
                c.sendall(b"CL.THROTTLE shared 99 1 86400 1\r\n" * 10 + b"QUIT\r\n")
            address = server.addresses["resp"]
            late = connect(address)  # The kernel takes it.
            late.sendall(b"PING\r\n")
            server.signal(signal.SIGCONT)
            replies = b"".join(until_end(c) for c in clients)
            self.assertEqual(replies.count(b"*5\r\n:0\r\n"), 100)
            self.assertEqual(replies.count(b"*5\r\n:1\r\n"), 100)
            self.assertEqual(late.recv(7), b"+PONG\r\n")
            late.close()


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
