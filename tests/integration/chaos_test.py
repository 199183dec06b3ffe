#!/usr/bin/env python3
"""A server whose machine fails it: chaos_test.py SLUICE

Here: the disk is full or slow, descriptors are used up, the clock steps, the process is stopped. Elsewhere: kills under load
(snapshot_test.py), stores that hang, stop, lie and vanish (redis_test.py, store_proxy_test.py, store_errors_test.py).
"""
import errno
import json
import os
import re
import resource
import signal
import subprocess
import unittest
import urllib.error
import urllib.request

from harness import WAIT, Folder, Server, connect, eventually, ping, until_end
from snapshot_test import Redis, throttle
from stores import COMPILER, HERE, Clock

HOUR = 3600
ROOM = 32768  # Bytes of a file on the full disk: the log fits, a snapshot of 5000 buckets does not.


def counted(server):
    """The sums of the history at each resolution; what cannot be read now is none."""
    def sum_of(step):
        try:
            with urllib.request.urlopen(f"http://{server.addresses['http']}/v1/history?from=0&to=9999999999&step={step}", timeout=WAIT) as page:
                return sum(n for series in json.load(page)["series"] for _, n in series["points"])
        except urllib.error.HTTPError as error:
            assert error.code == 503, error
            return None
    return [sum_of(step) for step in ("1s", "1m", "1h")]


class Disk(Folder):
    def setUp(self):
        super().setUp()
        self.file = self.path("buckets")

    def server(self, *arguments, **extra):
        return Server("--snapshot", self.file, "--snapshot-every", "20ms", "--threads", "1", *arguments, **extra)

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
        """While it takes no write, requests are answered, and the history is told as of before; then both are written, whole."""
        library, slow = self.path("slow_disk.so"), self.path("slow")
        subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", library, os.path.join(HERE, "slow_disk.c")], check=True, timeout=WAIT)
        with self.server("--history", self.path("history"), http="127.0.0.1:0", LD_PRELOAD=library, SLOW_DISK=slow) as server, Redis(server) as client:
            eventually(lambda: os.path.exists(self.file))
            client.throttle("alice", quantity=10)
            eventually(lambda: counted(server) == [1, 1, 1])
            open(slow, "w").close()
            client.throttle("alice", quantity=1)
            eventually(lambda: os.path.exists(self.file + ".tmp"))
            old = self.identity()
            for i in range(3000):
                self.assertEqual(client.throttle(f"k{i}")[0], 0)
            eventually(lambda: os.path.exists(slow + ".write"))
            for i in range(100):
                self.assertEqual(client.throttle(f"k{i}")[0], 0)
            self.assertEqual(self.identity(), old)
            self.assertEqual(counted(server), [1, 1, 1])
            os.unlink(slow)
            eventually(lambda: counted(server) == [3102] * 3, lambda: f"{counted(server)} were counted")
            for _ in range(2):
                before = self.identity()[0]
                eventually(lambda: self.identity()[0] != before)
            server.signal(signal.SIGKILL)
            server.process.wait(WAIT)
        with self.server() as server, Redis(server) as client:
            self.assertEqual(client.throttle("alice")[0], 1)
            self.assertEqual(client.throttle("k2999", quantity=11)[0], 1)


class FullDisk(Folder):
    """A disk of its own, of 1 MiB, that is truly full: a tmpfs, which takes root to mount."""

    def setUp(self):
        super().setUp()
        self.disk = self.path("disk")
        os.mkdir(self.disk)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "sluice-test", self.disk], capture_output=True, timeout=WAIT).returncode != 0:
            self.skipTest("may not mount a tmpfs")
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.disk], check=True, timeout=WAIT)

    def server(self):
        return Server("--snapshot", os.path.join(self.disk, "buckets"), "--snapshot-every", "20ms", "--threads", "1", "--history",
                      os.path.join(self.disk, "history"), http="127.0.0.1:0")

    def fill_for_good(self, server):
        """What a save that was under way gives back is taken, too."""
        def said():
            self.fill()
            return "cannot write the snapshot" in server.said()
        eventually(said, server.said)

    def fill(self):
        """To the last byte."""
        with open(os.path.join(self.disk, "filler"), "ab", buffering=0) as f:
            for size in (65536, 4096, 1):
                try:
                    while f.write(bytes(size)) == size:
                        pass
                except OSError as error:
                    self.assertEqual(error.errno, errno.ENOSPC)

    def test_snapshot_and_history(self):
        """Both wait, each with one line in the log, while deciding goes on; when there is room nothing is missing from either."""
        with self.server() as server, Redis(server) as client:
            self.assertEqual(client.throttle("alice", quantity=11)[0], 0)
            eventually(lambda: counted(server) == [1, 1, 1] and os.path.exists(os.path.join(self.disk, "buckets")))
            self.fill_for_good(server)
            for i in range(5000):
                self.assertEqual(client.throttle(f"k{i}")[0], 0, "deciding does not stop")
            for words in ("cannot write the snapshot", "cannot be written"):
                server.eventually_says(words)
            complaint = re.search(r"error (cannot write the snapshot .*)", server.said())[1]
            self.assertIn("No space left on device", complaint)
            for i in range(3000):
                self.assertEqual(client.throttle(f"k{i}", quantity=10)[0], 0)
            self.assertEqual([server.said().count(words) for words in ("cannot write the snapshot", "cannot be written")], [1, 1], server.said())
            os.unlink(os.path.join(self.disk, "filler"))
            server.eventually_says("snapshots are written again to")
            server.eventually_says("is written again, with all of what waited")
            eventually(lambda: counted(server) == [8001] * 3, lambda: f"{counted(server)} were counted")
            server.signal(signal.SIGKILL)
            server.process.wait(WAIT)
        with self.server() as server, Redis(server) as client:
            self.assertNotIn("damaged", server.said())
            self.assertNotIn("cannot be used", server.said())
            self.assertEqual(counted(server), [8001] * 3)
            self.assertEqual(client.throttle("alice")[0], 1)
            self.assertEqual(client.throttle("k2999")[0], 1)
            self.assertEqual(client.throttle("k4999", quantity=10)[0], 0)
            self.assertEqual(server.end(), 0)

    def test_full_at_the_end_and_at_the_next_start(self):
        """A full disk does not keep a server from ending, nor from starting: it has the last good snapshot."""
        with self.server() as server:
            with Redis(server) as client:
                client.throttle("alice", quantity=11)
                eventually(lambda: counted(server) == [1, 1, 1])
                inode = os.stat(os.path.join(self.disk, "buckets")).st_ino
                for _ in range(2):
                    eventually(lambda: os.stat(os.path.join(self.disk, "buckets")).st_ino != inode)
                    inode = os.stat(os.path.join(self.disk, "buckets")).st_ino
                self.fill_for_good(server)
                for i in range(5000):
                    client.throttle(f"k{i}")
            self.assertEqual(server.end(), 0)
        with self.server() as server, Redis(server) as client:
            self.assertNotIn("damaged", server.said())
            self.assertEqual(client.throttle("alice")[0], 1)
            for i in range(5000):
                self.assertEqual(client.throttle(f"k{i}")[0], 0)
            server.eventually_says("cannot write the snapshot")
            os.unlink(os.path.join(self.disk, "filler"))
            server.eventually_says("snapshots are written again to")
            eventually(lambda: None not in (counts := counted(server)) and counts[0] > 5000, lambda: str(counted(server)))
            self.assertEqual(len(set(counted(server))), 1)
            self.assertEqual(server.end(), 0)


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
