"""Failovers by real sentinels, and of a real Cluster, under load, every grant counted: a primary that is killed with writes that its replica has not heard of,
beside the same without floors; a primary that is cut off; and each other part killed."""
import contextlib
import functools
import itertools
import unittest

from cluster_test import Cluster, Together, name
from fault_proxy import Freeze
from harness import Server, eventually
from sentinels import Watched
from stores import PROGRAMS, Asker, metric, total, well, with_every_program

BURST, KEYS = 400, 12
HEARD, LOST = 30, 60  # Grants a key, or so, before the replica lags, and from then until the primary ends.


class LaggingCluster:
    """A Cluster whose replication passes through proxies; what is asked for lies with one primary, which is killed."""

    def __enter__(self):
        with contextlib.ExitStack() as up:
            self.proxies = up.enter_context(Together())
            self.cluster = up.enter_context(Cluster(node_timeout=1000, announced=self.proxies.announced))
            self.up = up.pop_all()
        self.url = self.cluster.url
        self.primary, self.replica = self.cluster.primary_of(name("k0"))
        return self

    def __exit__(self, *_):
        self.up.close()

    def keys(self, count):
        mine = (k for k in map("k%d".__mod__, itertools.count()) if self.cluster.primary_of(name(k))[0] == self.primary)
        return list(itertools.islice(mine, count))

    def lag(self):
        for proxy in self.proxies.proxies.values():
            proxy.lags = True

    def kill(self, announced):
        self.cluster.kill(next(p for p, a in self.cluster.announced.items() if a == announced))

    def kill_primary(self):
        self.kill(self.primary)

    def promoted(self):
        return self.replica in self.cluster.primaries()


class Dying(unittest.TestCase):
    """Two servers under load over what a subclass's store() brings up."""

    def servers(self, store, *arguments, deadline="100ms"):
        servers = [self.enterContext(Server("--store", store.url, "--store-deadline", deadline, "--on-store-failure", "deny", *arguments,
                                            "--threads", "1", http="127.0.0.1:0")) for _ in range(2)]
        for server in servers:
            well(server)
        return servers, [Asker(s, store.keys(KEYS), BURST, 0.002) for s in servers]

    @staticmethod
    def granted(askers):
        return sum(sum(a.granted.values()) for a in askers)

    def until(self, askers, more):
        """So many grants a key more."""
        before = self.granted(askers)
        eventually(lambda: self.granted(askers) > before + more * KEYS or any(a.failed for a in askers))

    def to_the_end(self, servers, askers):
        """Until nothing is granted any more; what was, by key."""
        for server in servers:
            well(server)
        for asker in askers:
            asker.in_vain = 0
        eventually(lambda: all(a.failed or a.in_vain > 50 for a in askers))
        return total(askers)

    def killed(self, floors):
        """What was granted beyond the bursts, in all."""
        with self.store() as store:
            servers, askers = self.servers(store, "--store-floors", floors)
            self.until(askers, HEARD)
            store.lag()
            self.until(askers, LOST)
            store.kill_primary()
            before = self.granted(askers)
            eventually(store.promoted)
            granted = self.to_the_end(servers, askers)
            beyond = sum(max(n - BURST, 0) for n in granted.values())
            unknown = sum(metric(s, "sluice_store_unknown_tokens_total") for s in servers)
            print("%s, floors %s: %d of %d tokens granted when the primary ended; %d beyond the bursts of %d; %d short; %d in doubt" % (
                type(self).__name__, floors, before, BURST * KEYS, beyond, BURST * KEYS, sum(max(BURST - n, 0) for n in granted.values()), unknown))
            for key, n in granted.items():
                self.assertLessEqual(n, 2 * BURST, key)  # One capacity, whatever is lost.
                self.assertGreaterEqual(n, BURST - unknown, key)
            return beyond

    def cost_nothing(self, store, ends):
        """Parts that end under load, one after the other: each bucket gives what it held, no more, no less, and no answer is in doubt."""
        servers, askers = self.servers(store, deadline="20s")
        keys = store.keys(KEYS)
        self.until(askers, HEARD)
        for end in ends:
            end()
            self.until(askers, HEARD)
        self.assertEqual(self.to_the_end(servers, askers), dict.fromkeys(keys, BURST))
        for server in servers:
            self.assertEqual(metric(server, 'sluice_store_asks_total{origin="degraded"}'), 0)
            self.assertEqual(metric(server, "sluice_store_outcome_unknown_total"), 0)

    def test_a_killed_primary_with_floors_and_without(self):
        beyond, control = self.killed("true"), self.killed("false")
        # What each of two servers told last is later than all but the other's last round.
        self.assertLess(beyond, LOST * KEYS // 4)
        self.assertGreater(control, LOST * KEYS // 2)
        self.assertGreater(control, 4 * beyond)


class Failover(Dying):
    program = PROGRAMS[0]

    def store(self):
        return Watched(self.program)

    def test_a_primary_that_is_cut_off_and_comes_back(self):
        with self.store() as watched:
            servers, askers = self.servers(watched)
            self.until(askers, HEARD)
            watched.ways[0].fault = Freeze()  # It runs on, and neither sentinels nor servers nor its replica get through.
            eventually(watched.promoted)
            self.until(askers, HEARD)
            watched.ways[0].fault = None
            eventually(lambda: watched.is_primary(watched.primary) is False)
            granted = self.to_the_end(servers, askers)
            unknown = sum(metric(s, "sluice_store_unknown_tokens_total") for s in servers)
            beyond = sum(max(n - BURST, 0) for n in granted.values())
            print("cut off: %d beyond the bursts of %d" % (beyond, BURST * KEYS))
            self.assertLess(beyond, LOST * KEYS // 4)
            for n in granted.values():
                self.assertGreaterEqual(n, BURST - unknown)

    def test_a_replica_and_sentinels_that_are_killed_cost_nothing(self):
        with self.store() as watched:
            ends = [watched.replica.kill, *(functools.partial(watched.end, s) for s in watched.sentinels.values())]
            self.cost_nothing(watched, ends)


class ClusterFailover(Dying):
    def store(self):
        return LaggingCluster()

    def test_replicas_that_are_killed_cost_nothing(self):
        with self.store() as store:
            replicas = [port for _, port, of in store.cluster.nodes() if of is not None]
            self.assertEqual(len(replicas), 3)
            self.cost_nothing(store, [functools.partial(store.kill, r) for r in replicas])


del Dying  # Not a test itself.
globals().update(with_every_program(Failover))

if __name__ == "__main__":
    unittest.main(verbosity=2)
