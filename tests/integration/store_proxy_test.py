"""A way to the store that fails in every manner, under load: every request is answered in time and by the limit's rule, nothing is
granted that was not charged, nothing is charged twice, and all is well by itself once the way is."""
import itertools
import os
import random
import struct
import time
import unittest

from fault_proxy import BlackHole, Cut, Delay, Drop, FaultProxy, Freeze, Garbage, Late, Refuse, Trickle
from harness import Server, eventually
from stores import PROGRAMS, Client, Load, Redis, charged, charges, metric, well

SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(2**32)))
BURST = 20_000  # More than is asked for while a test lasts: what the store decides, it grants.
HOT = 50
ANSWERED_WITHIN = 10  # Seconds; a deadline is 200 ms, and the machine may be busy.
FEW_BYTES = 64 << 20


class Way(unittest.TestCase):
    program = PROGRAMS[0]

    numbers = itertools.count()

    def setUp(self):
        self.redis = self.enterContext(Redis(self.program))
        self.proxy = self.enterContext(FaultProxy(self.redis))
        self.url = self.proxy.url

    def server(self, *arguments, deadline="200ms", rule="deny"):
        server = self.enterContext(Server("--store", self.url, "--store-deadline", deadline, "--on-store-failure", rule,
                                          "--threads", "2", *arguments, http="127.0.0.1:0"))
        well(server)
        return server

    def through(self, fault, seconds=1.2):
        """Load before, during and after a fault."""
        with self.subTest(type(fault).__name__):
            server = self.server()
            memory, files = metric(server, "process_resident_memory_bytes"), metric(server, "process_open_fds")
            name = "%s%d-" % (type(fault).__name__, next(self.numbers))
            own = Load([server], BURST, keys=["%s%d" % (name, i) for i in range(3)], clients=3)
            hot = Load([server], HOT, keys=[name + "hot"], clients=2)
            own.goes_on()
            self.proxy.fault = fault
            for load in (own, hot):  # Answers go on while it lasts, whatever they are.
                now = load.answered
                eventually(lambda: load.answered > now + 30 or load.failures, lambda: "no answers under " + name)
            time.sleep(seconds)
            self.proxy.fault = None
            own.goes_on()
            well(server)
            own.stop(), hot.stop()
            for load in (own, hot):
                self.assertEqual(load.answered, sum(load.sent.values()))
                self.assertLess(load.longest, ANSWERED_WITHIN)
                for key in load.keys:
                    taken = charged(self.redis, key, load.burst)
                    self.assertLessEqual(load.granted[key], taken)
                    self.assertLessEqual(taken, load.sent[key])
            lost = sum(charged(self.redis, k, BURST) - own.granted[k] for k in own.keys)
            unknown = metric(server, "sluice_store_outcome_unknown_total")
            self.assertLessEqual(lost, unknown * len(own.keys))
            self.assertLess(metric(server, "process_resident_memory_bytes"), memory + FEW_BYTES)
            self.assertLessEqual(metric(server, "process_open_fds"), files + 10)
            self.told_rarely(server)
            return server

    def told_rarely(self, server):
        said = server.said()
        self.assertLessEqual(said.count(" warning store:"), 1, said)
        self.assertLessEqual(said.count("until it is back"), 5, said)

    def test_delays_beyond_the_deadline(self):
        self.through(Delay(0.5))

    def test_replies_dropped_after_the_call_ran(self):
        self.through(Drop(every=20))

    def test_replies_cut_short(self):
        for at in (0, 1, 5, 20):
            self.through(Cut(at), seconds=0.5)

    def test_half_open_connections(self):
        self.through(Freeze())

    def test_a_black_hole(self):
        self.through(BlackHole())

    def test_refused_connections(self):
        before, begin = self.proxy.accepted, time.monotonic()
        self.through(Refuse())
        # Two loops that wait ever longer, up to 2 s: no storm of connections.
        self.assertLess(self.proxy.accepted - before, 2 * (15 + 3 * (time.monotonic() - begin)))

    def test_every_reply_late_by_one_request(self):
        self.through(Late())

    def test_replies_byte_by_byte_are_replies(self):
        server = self.through(Trickle())
        self.assertEqual(metric(server, "sluice_store_errors_total"), 0)

    def test_the_dropped_are_charged_once_and_each_is_counted(self):
        server = self.server(deadline="20s")
        load = Load([server], BURST, clients=4, fresh=True)  # Each bucket is asked for once: a call that is repeated shows.
        load.goes_on()
        self.proxy.fault = Drop(every=10)
        eventually(lambda: self.proxy.lost_keys >= 10)  # Each hang-up costs a wait of up to two seconds.
        self.proxy.fault = None
        load.goes_on()
        load.stop()
        taken = charges(self.redis, BURST)
        self.assertEqual(set(taken), {1})
        self.assertEqual(len(taken), sum(load.granted.values()) + self.proxy.lost_keys)
        eventually(lambda: metric(server, "sluice_store_outcome_unknown_total") == self.proxy.calls - self.proxy.answered)

    def test_garbage_is_told_and_survived(self):
        random.seed(SEED)
        server = self.server()
        client = Client(server)
        for name, reply in garbage():
            with self.subTest(name, seed=SEED):
                self.proxy.fault = Garbage(lambda keys, reply=reply: reply)
                before = self.proxy.garbage
                eventually(lambda: len(client.throttle("garbage", 9, 1, 3600)) == 5 and self.proxy.garbage > before, server.said)
                self.proxy.fault = None
        load = Load([server], BURST, clients=2)
        load.goes_on()
        load.stop()
        well(server)

    def test_values_that_nobody_could_have_written_are_survived(self):
        random.seed(SEED)
        server = self.server()
        client = Client(server)
        for _ in range(400):
            self.proxy.fault = Garbage(forged)
            self.assertEqual(len(client.throttle("forged%d" % random.randrange(3), 9, random.choice((1, 7)), 3600)), 5, SEED)
        self.proxy.fault = None
        load = Load([server], BURST, clients=2)
        load.goes_on()
        load.stop()
        well(server)


def garbage():
    """Replies that are not the script's, and what is no reply at all."""
    yield from (("an error", b"-ERR no\r\n"), ("an empty error", b"-\r\n"), ("a status", b"+OK\r\n"), ("a number", b":1\r\n"),
                ("nothing", b"$-1\r\n"), ("RESP3's nothing", b"_\r\n"), ("an empty list", b"*0\r\n"), ("no list", b"*-1\r\n"),
                ("a short list", b"*1\r\n:1\r\n"), ("a long list", b"*4\r\n:1\r\n$-1\r\n$-1\r\n$-1\r\n"), ("a map", b"%1\r\n:1\r\n$-1\r\n"),
                ("lists in lists", b"*1\r\n" * 200 + b":1\r\n"), ("a list without end", b"*2147483647\r\n"), ("more than memory", b"$9999999999999\r\n"),
                ("a length that is none", b"$x\r\n"), ("a negative length", b"$-7\r\n"), ("another protocol", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
                ("two replies", b"*2\r\n:1\r\n$-1\r\n*2\r\n:1\r\n$-1\r\n"), ("empty lines", b"\r\n\r\n\r\n"), ("a push", b">2\r\n+message\r\n+x\r\n+OK\r\n"))
    for i in range(10):
        yield "bytes %d" % i, random.randbytes(random.randrange(1, 200)) + b"\r\n"


def forged(keys):
    """The script's reply in form; its numbers are anything."""
    def double():
        return random.choice((0.0, -0.0, -1.0, 1e300, -1e300, float("inf"), float("-inf"), float("nan"), 2.0**53, 2.0**63, 0.5,
                              time.time() * 1e6, time.time() * 1e6 + 1e9, struct.unpack("<d", random.randbytes(8))[0]))
    now = random.choice((0, -1, 2**63 - 1, -2**63, int(time.time() * 1e6)))
    reply = b"*%d\r\n:%d\r\n" % (keys + 1, now)
    for _ in range(keys):
        value = struct.pack("<%dd" % (n := random.choice((3, 5, 3, 5, 0, 1, 4))), *(double() for _ in range(n)))
        reply += b"$%d\r\n%s\r\n" % (len(value), value)
    return reply


if __name__ == "__main__":
    unittest.main(verbosity=2)
