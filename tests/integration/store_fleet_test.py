"""Four servers on one store, through all doors at once, counted to the token: with clocks that differ, with one of them killed, with
the store killed and back from its append-only file."""
import http.client
import itertools
import json
import os
import struct
import tempfile
import threading
import unittest

from grpc_test import OK, Service, request  # First: it may begin anew with Debian's Python.
from harness import WAIT, Server, eventually
from stores import COMPILER, PROGRAMS, Client, Clock, Redis, charged, command, read_reply, well

HOT, BEGIN = 1500, 1000  # What the hot buckets hold; what is taken at once, so that they are not full again for 20 s.
LIMITS = "limits: {hot: {quota: 50/s burst 1500}, many: {quota: 1/d burst 3}}\n"
POLICY = """
domain: fleet
descriptors:
  - key: hot
    rate_limit: {unit: second, requests_per_unit: 50, burst: 1500}
"""
INTERVAL_US = 20_000  # Of the hot buckets: a token's time.
MANY, MANY_BURST = 10_000, 3
CLOCKS = (0, -3600, 3600, -86400)


class Doors:
    """One client for each way to ask a server for one token of a hot bucket; each returns whether it was granted."""

    def __init__(self, server):
        self.resp = server.connect("resp")
        self.file = self.resp.makefile("rb")
        self.http = http.client.HTTPConnection(server.addresses["http"], timeout=WAIT)
        self.grpc = Service(server.addresses["grpc"])

    def close(self):
        self.file.close()
        self.resp.close()
        self.http.close()
        self.grpc.channel.close()

    def take(self, cost=1):
        self.resp.sendall(command("SLUICE.TAKE", "hot", "k", cost))
        return read_reply(self.file)[0] == 1

    def post(self, path, body):
        self.http.request("POST", path, json.dumps(body))
        return json.loads(self.http.getresponse().read())

    def post_take(self):
        return self.post("/v1/take", {"limit": "hot", "key": "k"})["allowed"]

    def envoy(self, cost=1):
        return self.grpc.ask(request(("hot", "k"), domain="fleet", hits=cost), timeout=WAIT).overall_code == OK

    def post_envoy(self):
        return self.post("/json", {"domain": "fleet", "descriptors": [{"entries": [{"key": "hot", "value": "k"}]}]})["overallCode"] == "OK"


def until(ended, granted, name, ask, broken=None):
    """Asks again and again; counts. A server that ends is an error unless `broken` gathers such."""
    def run():
        mine = 0
        try:
            while not ended.is_set():
                mine += ask()
        except Exception as e:
            broken.append(e)
        granted[name] = mine
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


class Fleet(unittest.TestCase):
    program = PROGRAMS[0]

    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.limits, self.policy = os.path.join(folder, "limits.yaml"), os.path.join(folder, "policy.yaml")
        with open(self.limits, "w") as limits, open(self.policy, "w") as policy:
            limits.write(LIMITS), policy.write(POLICY)

    def server(self, redis, **environment):
        server = self.enterContext(Server("--store", redis.url, "--store-deadline", "10s", "--on-store-failure", "deny", "--limits", self.limits,
                                          "--policies", self.policy, "--threads", "2", http="127.0.0.1:0", grpc="127.0.0.1:0", **environment))
        well(server)
        return server

    def hot_keys(self, redis):
        """The two hot buckets: through RESP and /v1, and through gRPC and /json."""
        return [k for k in (b"sluice:{hot:k}", *self.keys(redis, "sluice:{*fleet*}"))]

    @staticmethod
    def keys(redis, pattern):
        return redis.ask("EVAL", "return table.concat(redis.call('KEYS', ARGV[1]), '\\n')", 0, pattern).split()

    @staticmethod
    def tat(redis, key):
        return struct.unpack_from("<dd", redis.ask("GET", key))

    def counted(self, servers, redis, seconds=2.0):
        """All doors of all servers at once on the hot buckets; what was granted is what the store's TATs moved by, and within C + r t."""
        doors = [Doors(s) for s in servers]
        self.assertTrue(doors[0].take(BEGIN) and doors[0].envoy(BEGIN))
        keys = self.hot_keys(redis)
        self.assertEqual(len(keys), 2, keys)
        begin = [self.tat(redis, k) for k in keys]
        ended, granted, broken = threading.Event(), {}, []
        # One connection is one thread's: the HTTP ones of a server alternate between their two ways.
        threads = []
        for i, d in enumerate(doors):
            threads += [until(ended, granted, ("resp", i), d.take, broken), until(ended, granted, ("grpc", i), d.envoy, broken)]
            both = {"post_take": 0, "post_envoy": 0}

            def alternate(d=d, both=both, turns=itertools.cycle(both)):
                name = next(turns)
                both[name] += getattr(d, name)()
                return 0
            granted["http", i] = both
            threads.append(until(ended, {}, None, alternate, broken))
        ended.wait(seconds)
        eventually(lambda: broken or all(self.level(redis, k) < 1 for k in keys))
        ended.set()
        for t in threads:
            t.join(WAIT)
        self.assertEqual(broken, [])
        for d in doors:
            d.close()
        sums = [BEGIN + sum(granted["resp", i] + granted["http", i]["post_take"] for i in range(len(doors))),
                BEGIN + sum(granted["grpc", i] + granted["http", i]["post_envoy"] for i in range(len(doors)))]
        now = self.now(redis)
        for key, (tat, latest), total in zip(keys, begin, sums):
            full_at = tat - BEGIN * INTERVAL_US  # When the first tokens were taken.
            self.assertEqual(self.tat(redis, key)[0], full_at + total * INTERVAL_US, key)
            self.assertLessEqual(total, HOT + (now - full_at) / INTERVAL_US)
            self.assertGreater(total, HOT - 1)
        return sums

    def level(self, redis, key):
        tat, latest = self.tat(redis, key)
        return HOT - (tat - latest) / INTERVAL_US

    def taken(self, redis):
        return charged(redis, "k", 20_000)

    @staticmethod
    def now(redis):
        return int(redis.ask("EVAL", "local t = redis.call('TIME') return t[1] .. string.format('%06d', t[2])", 0))

    def test_all_doors_of_four_servers_on_one_hot_key(self):
        with Redis(self.program) as redis:
            self.counted([self.server(redis) for _ in range(4)], redis)

    def test_ten_thousand_keys_get_each_their_burst(self):
        with Redis(self.program) as redis:
            servers = [self.server(redis) for _ in range(4)]
            granted = [0] * MANY
            lock = threading.Lock()

            def ask(server):
                s = server.connect()
                file = s.makefile("rb")
                mine = []
                for begin in range(0, MANY, 500):
                    s.sendall(b"".join(command("SLUICE.TAKE", "many", "k%d" % k) for k in range(begin, begin + 500)))
                    mine += [read_reply(file)[0] for _ in range(500)]
                file.close()
                s.close()
                with lock:
                    for k, one in enumerate(mine):
                        granted[k] += one
            threads = [threading.Thread(target=ask, args=(s,)) for s in servers]
            for t in threads:
                t.start()
            for t in threads:
                t.join(WAIT)
            self.assertEqual(set(granted), {MANY_BURST})

    @unittest.skipUnless(COMPILER, "needs a C compiler")
    def test_servers_whose_clocks_differ_agree(self):
        with Redis(self.program) as redis:
            servers = [self.server(redis, **self.enterContext(Clock(shift)).environment) for shift in CLOCKS]
            hours = {s.said()[:13] for s in servers}
            self.assertGreater(len(hours), 2, hours)  # The log's clock shows that the pretence works.
            clients = [Client(s) for s in servers]
            for i in range(12):
                self.assertEqual(clients[i % 4].throttle("turns", 9, 1, 86400)[:3], [0, 10, 9 - i] if i < 10 else [1, 10, 0])
            self.assertEqual({tuple(c.throttle("turns", 9, 1, 86400, 0)[:3]) for c in clients}, {(0, 10, 0)})
            self.counted(servers, redis, seconds=1.0)

    def test_one_of_four_is_killed_and_comes_back(self):
        with Redis(self.program) as redis:
            servers = [self.server(redis) for _ in range(4)]
            keep = [Client(s) for s in servers]
            ended, granted, broken = threading.Event(), {}, []
            burst = 20_000

            def ask(client):
                return lambda: client.throttle("k", burst - 1, 1, 86400)[0] == 0
            threads = [until(ended, granted, i, ask(c), broken) for i, c in enumerate(keep)]
            ended.wait(0.5)
            servers[0].process.kill()
            threads[0].join(WAIT)
            threads.append(until(ended, granted, "again", ask(Client(self.server(redis))), broken))
            ended.wait(0.5)
            ended.set()
            for t in threads:
                t.join(WAIT)
            self.assertEqual(len(broken), 1, broken)
            self.assertIn(self.taken(redis) - sum(granted.values()), (0, 1))  # The one that was on its way through the killed.

    def test_the_store_is_killed_and_comes_back_from_its_file(self):
        with Redis(self.program, "--appendonly", "yes", "--appendfsync", "always") as redis:
            servers = [self.server(redis) for _ in range(4)]
            ended, granted, broken = threading.Event(), {}, []
            burst = 300

            def ask(client):
                return lambda: client.throttle("k", burst - 1, 1, 86400)[0] == 0
            threads = [until(ended, granted, i, ask(Client(s)), broken) for i, s in enumerate(servers)]
            for _ in range(2):
                ended.wait(0.03)
                redis.kill()
                redis.start()
                for s in servers:
                    well(s)
            eventually(lambda: self.taken(redis) == burst)
            ended.set()
            for t in threads:
                t.join(WAIT)
            self.assertEqual(broken, [])
            self.assertLessEqual(sum(granted.values()), burst)
            self.assertGreater(sum(granted.values()), burst - 4 * 2 * 3)  # But for those that each end of the store lost.


if __name__ == "__main__":
    unittest.main(verbosity=2)
