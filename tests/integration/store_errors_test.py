"""Every way in which a real server refuses, hangs or forgets, under load: the limit's rule decides meanwhile, the log says what it is
once, and all is well by itself when the server is."""
import os
import re
import signal
import socket
import tempfile
import threading
import time
import unittest

from harness import Server, eventually
from stores import COMPILER, DAY, PROGRAMS, Client, Clock, Load, Redis, charged, command, metric, post, well, with_every_program

BURST = 20_000  # More than is asked for while a test lasts: what the store decides, it grants.
HOT = 50
DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs")


def needed_rights():
    """As docs/distributed.md tells them."""
    with open(os.path.join(DOCS, "distributed.md")) as f:
        return re.search(r"`(\+evalsha [^`]*~sluice:\*)`", f.read())[1].split()


class Errors(unittest.TestCase):
    program = PROGRAMS[0]

    def redis(self, *arguments, **more):
        return self.enterContext(Redis(self.program, *arguments, **more))

    def server(self, redis, *arguments, deadline="300ms", url=None):
        server = self.enterContext(Server("--store", url or redis.url, "--store-deadline", deadline, "--on-store-failure", "deny",
                                          "--threads", "1", *arguments, http="127.0.0.1:0"))
        well(server)
        return server

    def through(self, redis, server, begin, end, words=None):
        """Load before, during and after a time in which the store decides nothing."""
        own = Load([server], BURST, clients=3)
        hot = Load([server], HOT, clients=2, keys=["hot"])
        own.goes_on()
        begin()
        eventually(lambda: metric(server, "sluice_store_up") == 0, server.said)
        degraded = metric(server, 'sluice_store_asks_total{origin="degraded"}')
        eventually(lambda: metric(server, 'sluice_store_asks_total{origin="degraded"}') > degraded + 20)
        if words:
            server.eventually_says(words)
        end()
        own.goes_on()
        well(server)
        own.stop(), hot.stop()
        for load in (own, hot):
            self.assertEqual(load.answered, sum(load.sent.values()))
            for key in load.keys:
                taken = charged(redis, key, load.burst)
                self.assertLessEqual(load.granted[key], taken)
                self.assertLessEqual(taken, load.sent[key])
        said = server.said()
        self.assertLessEqual(said.count(" warning store:"), 1, said)
        self.assertLessEqual(said.count("until it is back"), 5, said)

    def kept(self, redis):
        """Asks over a connection that is there already, whatever holds for new ones."""
        s = socket.socket(socket.AF_UNIX)
        self.addCleanup(s.close)
        s.connect(redis.socket)

        def ask(*words):
            s.sendall(command(*words))
            self.assertIn(s.recv(100)[:1], (b"+", b":"))
        return ask

    # ---- error replies

    def test_noscript_under_load_costs_nothing(self):
        redis = self.redis()
        server = self.server(redis, deadline="20s")
        load = Load([server], BURST, clients=3)
        for _ in range(30):
            redis.set("SCRIPT", "FLUSH")
            load.goes_on()
        load.stop()
        self.assertEqual(load.granted, load.sent)
        self.assertEqual({k: charged(redis, k, BURST) for k in load.keys}, load.sent)
        eventually(lambda: metric(server, "sluice_store_scripts_loaded_total") >= 30)
        self.assertEqual(metric(server, "sluice_store_errors_total"), 0)

    def test_readonly(self):
        redis = self.redis()
        self.through(redis, self.server(redis), lambda: redis.set("REPLICAOF", "127.0.0.1", "1"),
                     lambda: redis.set("REPLICAOF", "NO", "ONE"), "READONLY")

    def test_masterdown(self):
        redis = self.redis("--replica-serve-stale-data", "no")
        self.through(redis, self.server(redis), lambda: redis.set("REPLICAOF", "127.0.0.1", "1"),
                     lambda: redis.set("REPLICAOF", "NO", "ONE"), "MASTERDOWN")

    def test_loading(self):
        redis = self.redis()
        server = self.server(redis)
        redis.set("EVAL", "for i = 1, 20000 do redis.call('SET', 'filler' .. i, 'x') end return 1", 0)
        redis.set("CONFIG", "SET", "loading-process-events-interval-bytes", 1024)
        redis.set("CONFIG", "SET", "key-load-delay", 100)
        reload = threading.Thread(target=lambda: redis.set("DEBUG", "RELOAD"))

        def end():
            redis.set("CONFIG", "SET", "key-load-delay", 0)
            reload.join()
        self.through(redis, server, reload.start, end, "LOADING")

    def test_busy_with_a_script_that_is_killed(self):
        redis = self.redis("--lua-time-limit", "50")
        other = threading.Thread(target=lambda: redis.ask("EVAL", "while true do end", 0))

        def end():
            redis.set("SCRIPT", "KILL")
            other.join()
        self.through(redis, self.server(redis, deadline="2s"), other.start, end, "BUSY")

    def test_out_of_memory(self):
        redis = self.redis("--maxmemory-policy", "noeviction")
        self.through(redis, self.server(redis), lambda: redis.set("CONFIG", "SET", "maxmemory", 1),
                     lambda: redis.set("CONFIG", "SET", "maxmemory", 0), "OOM")

    def test_a_disk_that_takes_no_snapshot(self):
        redis = self.redis()
        redis.set("CONFIG", "SET", "save", "3600 100000000")
        dump = os.path.join(redis.folder, "dump.rdb")

        def saved(status):
            redis.ask("BGSAVE")
            eventually(lambda: b"rdb_last_bgsave_status:" + status in redis.ask("INFO", "persistence"))

        def begin():
            os.mkdir(dump)
            saved(b"err")

        def end():
            os.rmdir(dump)
            saved(b"ok")
        self.through(redis, self.server(redis), begin, end, "MISCONF")

    def test_too_few_replicas(self):
        redis = self.redis()
        self.through(redis, self.server(redis), lambda: redis.set("CONFIG", "SET", "min-replicas-to-write", 1),
                     lambda: redis.set("CONFIG", "SET", "min-replicas-to-write", 0), "NOREPLICAS")

    def with_user(self, redis, password="a"):
        redis.set("ACL", "SETUSER", "sluice", "on", ">" + password, *needed_rights())
        return redis.url.replace("redis+unix://", "redis+unix://sluice:%s@" % password)

    def test_a_password_that_changes(self):
        redis = self.redis()
        url = self.with_user(redis, "ancient")

        def begin():
            redis.set("ACL", "SETUSER", "sluice", "resetpass", ">new")
            redis.set("CLIENT", "KILL", "USER", "sluice")
        server = self.server(redis, url=url)
        self.through(redis, server, begin, lambda: redis.set("ACL", "SETUSER", "sluice", ">ancient"), "WRONGPASS")
        self.assertNotIn("ancient", server.said())

    def test_a_password_where_there_was_none(self):
        redis = self.redis()
        server = self.server(redis)
        over_the_kept = self.kept(redis)

        def begin():
            over_the_kept("CONFIG", "SET", "requirepass", "x")
            over_the_kept("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        self.through(redis, server, begin, lambda: over_the_kept("CONFIG", "SET", "requirepass", ""), "NOAUTH")

    def test_rights_that_are_taken_away(self):
        redis = self.redis()
        url = self.with_user(redis)
        self.through(redis, self.server(redis, url=url), lambda: redis.set("ACL", "SETUSER", "sluice", "-evalsha"),
                     lambda: redis.set("ACL", "SETUSER", "sluice", "+evalsha"), "NOPERM")

    def test_the_rights_that_the_docs_name_suffice(self):
        redis = self.redis()
        url = self.with_user(redis)
        if redis.version >= (7, 2):
            redis.set("ACL", "SETUSER", "sluice", "+client|setinfo")
        redis.set("SCRIPT", "FLUSH")
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as limits:
            limits.write("limits: {api: {quota: 7/h burst 9}}\n")
            limits.flush()
            server = self.server(redis, "--limits", limits.name, deadline="10s", url=url)
        for path, left in (("take", 8), ("take", 7), ("refund", 8), ("reset", 9)):
            self.assertEqual(post(server, "/v1/" + path, {"limit": "api", "key": "k"})["remaining"], left)
        self.assertEqual(metric(server, "sluice_store_errors_total"), 0)
        self.assertEqual(redis.ask("ACL", "LOG"), b"*0")

    def test_each_right_that_the_docs_name_is_needed(self):
        redis = self.redis()
        rights = needed_rights()
        for missing in ("+evalsha", "+eval", "+mget", "+set", "+setrange", "+time"):
            with self.subTest(missing):
                redis.set("ACL", "SETUSER", "less", "reset", "on", ">a", *(r for r in rights if r != missing))
                redis.set("SCRIPT", "FLUSH")
                with Server("--store", redis.url.replace("redis+unix://", "redis+unix://less:a@"), "--store-deadline", "10s",
                            "--on-store-failure", "deny") as server:
                    server.eventually_says("store: connected to")
                    client = Client(server)
                    if missing == "+setrange":  # Only what is written again is written in place.
                        eventually(lambda: client.throttle("k", 5, 1, 3600)[0] == 0)
                    self.assertEqual(client.throttle("k", 5, 1, 3600)[0], 1)

    def test_anothers_value_under_a_key_spoils_that_key_alone(self):
        redis = self.redis()
        server = self.server(redis, deadline="20s")
        client = Client(server)
        redis.set("LPUSH", "sluice:{#throttle:list}", "x")
        redis.set("SET", "sluice:{#throttle:text}", "somebody else's")
        for key, refused in (("list", 1), ("text", 1), ("own", 0)):
            self.assertEqual(client.throttle(key, 2, 1, 3600)[0], refused)
        self.assertEqual(redis.ask("GET", "sluice:{#throttle:text}"), b"somebody else's")
        self.assertEqual(redis.ask("LLEN", "sluice:{#throttle:list}"), b":1")
        server.eventually_says("did not write")
        well(server)

    # ---- silence, and connections that end

    def test_no_room_for_clients(self):
        redis = self.redis()
        server = self.server(redis)
        over_the_kept = self.kept(redis)

        def begin():
            over_the_kept("CONFIG", "SET", "maxclients", 1)
            over_the_kept("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        self.through(redis, server, begin, lambda: over_the_kept("CONFIG", "SET", "maxclients", 1000), "max number of clients")

    def test_a_server_that_sleeps(self):
        redis = self.redis()
        sleep = threading.Thread(target=lambda: redis.ask("DEBUG", "SLEEP", 1.5))
        self.through(redis, self.server(redis), sleep.start, sleep.join)

    def test_a_server_that_is_stopped(self):
        redis = self.redis()

        def signalled(number):
            return lambda: os.kill(redis.process.pid, number)
        self.through(redis, self.server(redis), signalled(signal.SIGSTOP), signalled(signal.SIGCONT))

    def test_an_idle_server_sees_that_the_store_is_back(self):
        redis = self.redis()
        server = self.server(redis)
        client = Client(server)
        redis.set("CONFIG", "SET", "maxmemory", 1)
        asked = 0
        while metric(server, "sluice_store_up") == 1:
            client.throttle("k", 9, 1, DAY)
            asked += 1

        def counted():
            return sum(metric(server, 'sluice_store_asks_total{origin="%s"}' % o) for o in ("store", "degraded"))
        eventually(lambda: counted() == asked)
        redis.set("CONFIG", "SET", "maxmemory", 0)
        well(server)  # Nobody asks, but the server itself; and that is not counted.
        self.assertEqual(counted(), asked)

    def test_clients_that_are_paused(self):
        redis = self.redis()
        self.through(redis, self.server(redis), lambda: redis.ask("CLIENT", "PAUSE", 1500, "ALL"), lambda: None)

    def test_clients_that_are_killed_again_and_again(self):
        redis = self.redis()
        server = self.server(redis)
        load = Load([server], BURST, clients=3)
        for _ in range(10):
            load.goes_on()
            redis.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        load.goes_on()
        load.stop()
        for key in load.keys:
            taken = charged(redis, key, BURST)
            self.assertLessEqual(load.granted[key], taken)
            self.assertLessEqual(taken, load.sent[key])
        self.assertLessEqual(server.said().count("until it is back"), 5, server.said())

    def test_a_server_that_restarts_empty(self):
        redis = self.redis()
        server = self.server(redis)
        hot = Load([server], HOT, clients=4, keys=["hot"])
        own = Load([server], BURST, clients=1)
        for _ in range(3):
            own.goes_on()
            redis.kill()
            redis.start()
        own.goes_on()
        own.stop(), hot.stop()
        self.assertLessEqual(sum(hot.granted.values()), HOT)
        client = Client(server)

        def charged_again():  # By its floor, once the refusal is not answered from memory.
            self.assertEqual(client.throttle("hot", HOT - 1, 1, DAY)[0], 1)
            return charged(redis, "hot", HOT) == HOT
        eventually(charged_again)

    def test_a_host_that_nobody_knows(self):
        with Server("--store", "redis://no-such-host.invalid:6379", "--store-deadline", "300ms", "--on-store-failure", "allow",
                    http="127.0.0.1:0") as server:
            client = Client(server)
            self.assertEqual([client.throttle("k", 0, 1, 3600)[0] for _ in range(3)], [0, 0, 0])
            server.eventually_says("no-such-host.invalid")
            self.assertEqual(metric(server, "sluice_store_up"), 0)
            self.assertTrue(post(server, "/v1/take", {"limit": "x", "key": "k"}))
            self.assertEqual(server.end(), 0)

    # ---- its clock

    @unittest.skipUnless(COMPILER, "needs a C compiler")
    def test_a_clock_that_steps(self):
        clock = self.enterContext(Clock())
        redis = self.redis(**clock.environment)

        def ahead():
            return float(redis.ask("EVAL", "return redis.call('TIME')[1]", 0)) - time.time()
        server = self.server(redis, "--refusals-kept", "0s", deadline="20s")
        client = Client(server)
        self.assertEqual([client.throttle("k", 4, 1, 3600)[2] for _ in range(3)], [4, 3, 2])
        clock.set(-7200)
        eventually(lambda: ahead() < -3600)
        # Two hours behind: what it holds is kept, and nothing comes in.
        self.assertEqual([client.throttle("k", 4, 1, 3600)[0] for _ in range(3)], [0, 0, 1])
        self.assertEqual(client.throttle("fresh", 4, 1, 3600)[2], 4)
        clock.set(0)
        eventually(lambda: ahead() > -3600)
        self.assertEqual(client.throttle("k", 4, 1, 3600)[0], 1)
        clock.set(7200)
        eventually(lambda: ahead() > 3600)
        self.assertEqual([client.throttle("k", 4, 1, 3600)[0] for _ in range(3)], [0, 0, 1])
        self.assertEqual(metric(server, 'sluice_store_asks_total{origin="degraded"}'), 0)


globals().update(with_every_program(Errors))

if __name__ == "__main__":
    unittest.main(verbosity=2)
