"""Leases between real servers over one real redis-server: every grant is counted against what one bucket would give."""
import signal
import threading
import time
import unittest

import harness
from harness import eventually
from stores import PROGRAMS, Client, Redis, metric, shared


def leased(redis):
    return shared(redis, "--threads", "1", "--consistency", "leased", http="127.0.0.1:0")


class Load(threading.Thread):
    """Asks one server as fast as it answers, on a few keys; counts what it grants."""

    def __init__(self, server, quota, keys):
        super().__init__()
        self.client, self.quota, self.keys = Client(server), quota, keys
        self.granted = dict.fromkeys(keys, 0)
        self.over = False
        self.failed = None
        self.start()

    def run(self):
        capacity, rate = self.quota
        try:
            while not self.over:
                for key in self.keys:
                    self.client.send(key, capacity - 1, rate, 1, times=20)
                for key in self.keys:
                    self.granted[key] += sum(self.client.reply()[0] == 0 for _ in range(20))
        except (OSError, AssertionError) as e:
            self.failed = e

    def end(self):
        self.over = True
        self.join(harness.WAIT)
        if self.failed:
            raise self.failed


class Leases(unittest.TestCase):
    def count(self, begin, capacity, rate, granted):
        most = capacity + rate * (time.monotonic() - begin)
        self.assertLessEqual(granted, most)

    def test_four_servers_under_load_grant_what_one_bucket_would(self):
        capacity, rate, keys = 400, 2000, ["a", "b", "c"]
        with Redis(PROGRAMS[0]) as redis, leased(redis) as one, leased(redis) as two, leased(redis) as three, leased(redis) as four:
            servers = [one, two, three, four]
            begin = time.monotonic()
            loads = [Load(s, (capacity, rate), keys) for s in servers]
            for _ in range(20):
                time.sleep(0.1)
                for key in keys:
                    self.count(begin, capacity, rate, sum(load.granted[key] for load in loads))
            for load in loads:
                load.end()
            for key in keys:
                granted = sum(load.granted[key] for load in loads)
                self.count(begin, capacity, rate, granted)
                self.assertGreater(granted, capacity)
            eventually(lambda: sum(metric(s, 'sluice_store_asks_total{origin="leased"}') for s in servers) > 100)

    def test_a_server_that_is_killed_takes_only_its_lease_along(self):
        capacity, rate = 400, 1000
        with Redis(PROGRAMS[0]) as redis, leased(redis) as one, leased(redis) as two:
            begin = time.monotonic()
            loads = [Load(s, (capacity, rate), ["k"]) for s in (one, two)]
            eventually(lambda: all(load.granted["k"] > 100 for load in loads))
            one.signal(signal.SIGKILL)
            loads[0].join(harness.WAIT)
            before = loads[1].granted["k"]
            eventually(lambda: loads[1].granted["k"] > before + 2 * capacity)
            loads[1].end()
            self.count(begin, capacity, rate, sum(load.granted["k"] for load in loads))

    def test_a_lease_that_was_slept_over_grants_nothing(self):
        capacity, rate = 800, 100
        quota = (capacity - 1, rate, 1)
        with Redis(PROGRAMS[0]) as redis, leased(redis) as sleeper, leased(redis) as other:
            a, b = Client(sleeper), Client(other)

            def at_hand():
                a.throttle("k", *quota)
                charged, spent = (metric(sleeper, "sluice_lease_tokens_%s_total" % what) for what in ("charged", "spent"))
                return charged - spent > 20
            until = time.monotonic() + harness.WAIT
            for _ in range(60):
                a.throttle("k", *quota)
                time.sleep(0.001)
            self.assertLess(time.monotonic(), until)
            eventually(at_hand)
            sleeper.signal(signal.SIGSTOP)
            try:
                # Until the bucket is full again, and would be without the lease.
                eventually(lambda: b.throttle("k", *quota, 0)[2] == capacity)
                time.sleep(0.5)
                begin = time.monotonic()
                b.send("k", *quota, times=capacity + 50)
                granted = sum(b.reply()[0] == 0 for _ in range(capacity + 50))
                self.assertGreater(granted, capacity - capacity // 8)
                a.send("k", *quota, times=200)
            finally:
                sleeper.signal(signal.SIGCONT)
            granted += sum(a.reply()[0] == 0 for _ in range(200))
            self.count(begin, capacity, rate, granted)


if __name__ == "__main__":
    unittest.main()
