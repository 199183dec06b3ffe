#!/usr/bin/env python3
"""Restarts of `sluice serve --snapshot`: drained, killed, damaged, under load. Usage: snapshot_test.py SLUICE"""
import os
import signal
import sys
import threading
import time
import unittest

from harness import WAIT, Folder, Server, eventually, run

DAY = "86400"


class Redis:
    """The little of a client that is needed."""

    def __init__(self, server):
        self.socket = server.connect()
        self.replies = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):  # A server that goes down waits a while for peers that do not close.
        self.replies.close()
        self.socket.close()

    def throttle(self, key, burst=10, quantity=1):
        """CL.THROTTLE's five integers: 1 + burst tokens, one a day."""
        self.socket.sendall(f"CL.THROTTLE {key} {burst} 1 {DAY} {quantity}\r\n".encode())
        assert self.replies.readline() == b"*5\r\n"
        return [int(self.replies.readline()[1:]) for _ in range(5)]


def throttle(server, *arguments, **options):
    with Redis(server) as client:
        return client.throttle(*arguments, **options)


class Snapshots(Folder):
    def setUp(self):
        super().setUp()
        self.file = self.path("buckets")

    def start(self, every="50ms", **options):
        return Server("--snapshot", self.file, "--snapshot-every", every, **options)

    def saved_since(self, what):
        """Waits for a whole save that began after this call: the file is replaced twice."""
        for _ in range(2):
            old = os.stat(self.file).st_ino, os.stat(self.file).st_mtime_ns
            eventually(lambda: (os.stat(self.file).st_ino, os.stat(self.file).st_mtime_ns) != old, lambda: f"not saved after {what}")

    def test_a_drained_bucket_is_still_drained_after_sigterm(self):
        with self.start(every="1h") as server:
            self.assertEqual(throttle(server, "alice", quantity=11)[:3], [0, 11, 0])
            server.eventually_says("no snapshot at " + self.file)
            self.assertEqual(server.end(), 0)
        for _ in range(3):  # And after another restart, and another.
            with self.start(every="1h") as server:
                server.eventually_says("1 buckets")
                limited, limit, remaining, retry, reset = throttle(server, "alice")
                self.assertEqual([limited, limit, remaining], [1, 11, 0])
                self.assertLessEqual(retry, int(DAY))
                self.assertGreater(retry, int(DAY) - 600)
                self.assertGreater(reset, 11 * int(DAY) - 600)
                self.assertEqual(server.end(), 0)

    def test_kill_loses_at_most_what_came_after_the_last_save_began(self):
        with self.start() as server:
            client = Redis(server)
            eventually(lambda: os.path.exists(self.file))
            for i in range(1000):
                self.assertEqual(client.throttle(f"k{i}", quantity=11)[0], 0)
            self.saved_since("the last request")
            server.signal(signal.SIGKILL)
            server.process.wait(WAIT)
        with self.start() as server:
            client = Redis(server)
            for i in range(1000):
                self.assertEqual(client.throttle(f"k{i}")[0], 1, i)

    def test_killed_again_and_again_under_load_the_file_is_always_whole(self):
        spent = 0  # Tokens of one key, of 1,000,001, granted before a save that was seen.
        for round in range(5):
            with self.start(every="1ms") as server:
                self.assertNotIn("cannot be used", server.said())
                client = Redis(server)
                left = client.throttle("one", burst=1_000_000, quantity=0)[2]
                self.assertLessEqual(left, 1_000_001 - spent)
                eventually(lambda: os.path.exists(self.file))
                stop = threading.Event()

                def load():
                    noise = Redis(server)
                    i = 0
                    try:
                        while not stop.is_set():
                            i += 1
                            noise.throttle(f"noise{round}-{i}")
                    except (OSError, AssertionError):
                        pass  # Killed.

                threads = [threading.Thread(target=load) for _ in range(3)]
                for t in threads:
                    t.start()
                for _ in range(200):
                    left = client.throttle("one", burst=1_000_000)[2]
                self.saved_since("the last request")
                spent = 1_000_001 - left
                server.signal(signal.SIGKILL)
                stop.set()
                for t in threads:
                    t.join()
        self.assertGreaterEqual(spent, 1000)

    def test_a_damaged_file_is_set_aside_and_said(self):
        with self.start(every="1h") as server:
            throttle(server, "alice", quantity=11)
            server.end()
        for n, change in enumerate([lambda b: b[:-1], lambda b: b[:40] + b"\x00\x01" + b[42:], lambda b: b"nonsense\n"], 1):
            with open(self.file, "rb") as f:
                good = f.read()
            bad = change(good)
            with open(self.file, "wb") as f:
                f.write(bad)
            aside = f"{self.file}.damaged-{n}"
            with self.start(every="1h") as server:
                server.eventually_says(f"the snapshot {self.file} cannot be used (")
                server.eventually_says(f"it now lies at {aside}, and all buckets start full")
                self.assertEqual(throttle(server, "alice", quantity=11)[0], 0)
                self.assertEqual(server.end(), 0)
            with open(aside, "rb") as f:
                self.assertEqual(f.read(), bad)

    def test_a_place_that_cannot_be_written_is_an_error_at_start(self):
        place = self.path("nowhere/buckets")
        code, _, err = run("serve", "--resp", "127.0.0.1:0", "--http", "none", "--grpc", "none", "--snapshot", place)
        self.assertEqual(code, 2)
        self.assertIn(f"cannot write the snapshot {place}.tmp: No such file or directory; ", err)

    def test_without_the_setting_there_is_no_file(self):
        with Server(cwd=self.path(".")) as server:
            throttle(server, "alice", quantity=11)
            server.end()
        self.assertEqual(os.listdir(self.path(".")), [])

    def test_a_growing_table_is_saved_without_pause(self):
        """200,000 buckets: the requests meanwhile are all answered, and the last save holds them all."""
        keys, slice = 200_000, 5_000
        with self.start(every="1ms") as server, Redis(server) as client:
            for begin in range(0, keys, slice):
                client.socket.sendall(b"".join(b"CL.THROTTLE k%d 10 1 86400 1\r\n" % i for i in range(begin, begin + slice)))
                for _ in range(slice):
                    self.assertEqual(client.replies.readline(), b"*5\r\n")
                    self.assertEqual(client.replies.readline(), b":0\r\n")
                    for _ in range(4):
                        client.replies.readline()
            self.assertEqual(server.end(), 0)
        began = time.monotonic()
        with self.start(every="1h") as server:
            server.eventually_says(f"{keys} buckets")
            self.assertEqual(throttle(server, "k199999")[2], 9)
            print(f"restored {keys} buckets, started and asked in {time.monotonic() - began:.2f} s", file=sys.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
