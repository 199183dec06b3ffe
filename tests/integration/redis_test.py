"""Servers that share their buckets in a real redis-server, and what holds when that goes away."""
import os
import signal
import tempfile
import threading
import time
import unittest
import urllib.request

import harness
from harness import Server, eventually
from proxies import free_port
from sentinels import Watched
from stores import PROGRAMS, Client, Redis, command, metric, post, shared, with_every_program


class Shared(unittest.TestCase):
    program = PROGRAMS[0]

    def test_servers_share_one_bucket(self):
        with Redis(self.program) as redis, shared(redis) as one, shared(redis) as two:
            a, b = Client(one), Client(two)
            self.assertEqual(a.throttle("k", 2, 1, 3600), [0, 3, 2, -1, 3600])
            self.assertEqual(b.throttle("k", 2, 1, 3600)[:3], [0, 3, 1])
            self.assertEqual(a.throttle("k", 2, 1, 3600)[:3], [0, 3, 0])
            self.assertEqual(b.throttle("k", 2, 1, 3600)[:3], [1, 3, 0])
            # The other's refusal is remembered by nobody else; its own bucket is another's too.
            self.assertEqual(a.throttle("k", 2, 1, 3600)[0], 1)

    def test_four_servers_under_load_grant_one_burst(self):
        burst, keys, each = 1000, 5, 400
        with Redis(self.program) as redis:
            servers = [shared(redis, "--threads", "2") for _ in range(4)]
            granted = [0] * keys
            lock = threading.Lock()

            def ask(server, key):
                client = Client(server)
                client.send("k%d" % key, burst - 1, 1, 86400, times=each)
                mine = sum(client.reply()[0] == 0 for _ in range(each))
                with lock:
                    granted[key] += mine
            threads = [threading.Thread(target=ask, args=(s, k)) for s in servers for k in range(keys)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual(granted, [burst] * keys)
            for s in servers:
                self.assertEqual(s.end(), 0)
                s.__exit__()

    def test_every_way_of_asking_works_shared(self):
        limits = "limits:\n  api: {quotas: [100/h burst 10, 1000/day burst 15]}\n"
        with Redis(self.program) as redis, tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            f.write(limits)
            f.flush()
            with shared(redis, "--limits", f.name, http="127.0.0.1:0") as server, shared(redis, "--limits", f.name, http="127.0.0.1:0") as other:
                def ask(where, path, **body):
                    return post(where, "/v1/" + path, {"limit": "api", "key": "k", **body})
                self.assertEqual(ask(server, "take", cost=4)["remaining"], 6)
                self.assertEqual(ask(other, "peek")["remaining"], 6)
                self.assertEqual(ask(other, "refund", cost=2)["remaining"], 8)
                self.assertEqual(ask(server, "take", cost=20)["allowed"], False)
                self.assertEqual(ask(server, "take", cost=100, partial=True)["granted"], 8)
                self.assertEqual(ask(other, "take")["allowed"], False)
                self.assertEqual(ask(other, "reset")["remaining"], 10)
                time.sleep(0.11)  # refusals_kept: what another server resets is seen so much later at most.
                self.assertEqual(ask(server, "take", cost=10)["remaining"], 0)
                wait = ask(server, "reserve", cost=1, max_wait=60)
                self.assertTrue(wait["allowed"])
                self.assertGreater(wait["due_after"], 30)
                held = ask(other, "hold", cost=1)
                self.assertFalse(held["allowed"])
                self.assertEqual(redis.ask("TYPE", "sluice:#1{api:k}"), b"+string")

    def test_refusals_are_answered_from_memory_for_a_while(self):
        with Redis(self.program) as redis, shared(redis, "--threads", "1", "--refusals-kept", "20s", http="127.0.0.1:0") as server:
            client = Client(server)
            client.throttle("k", 0, 1, 3600)
            for _ in range(50):
                self.assertEqual(client.throttle("k", 0, 1, 3600)[0], 1)
            eventually(lambda: metric(server, 'sluice_store_asks_total{origin="remembered"}') >= 49)

    def test_script_flush_under_load_loses_nothing(self):
        with Redis(self.program) as redis, shared(redis) as server:
            client = Client(server)
            for i in range(30):
                self.assertEqual(client.throttle("k", 99, 1, 86400)[2], 99 - i)
                redis.ask("SCRIPT", "FLUSH")

    def test_each_rule_while_the_store_is_away(self):
        # Afterwards: what was granted locally has been charged, what was allowed without a count has not.
        for rule, want, after in (("allow", [0] * 6, [0, 3, 2]), ("deny", [1] * 6, [0, 3, 2]),
                                  ("local", [0, 0, 0, 1, 1, 1], [1, 3, 0])):
            with self.subTest(rule), Redis(self.program) as redis:
                with shared(redis, "--on-store-failure", rule, "--threads", "1", http="127.0.0.1:0") as server:
                    client = Client(server)
                    self.assertEqual(client.throttle("other", 2, 1, 3600)[0], 0)
                    redis.kill()
                    server.eventually_says("until it is back")
                    self.assertEqual([client.throttle("k", 2, 1, 3600)[0] for _ in range(6)], want)
                    eventually(lambda: metric(server, "sluice_store_up") == 0)
                    eventually(lambda: metric(server, 'sluice_store_asks_total{origin="degraded"}') >= 6)
                    redis.start()
                    eventually(lambda: metric(server, "sluice_store_up") == 1)
                    self.assertEqual(client.throttle("k", 2, 1, 3600)[:3], after)
                    self.assertEqual(metric(server, "sluice_store_owed_tokens"), 0)
                    eventually(lambda: metric(server, "sluice_store_repaid_tokens_total") == (3 if rule == "local" else 0))

    def test_what_nobody_asks_for_again_is_charged_too(self):
        with Redis(self.program) as redis:
            options = ("--on-store-failure", "local", "--store-instances", "2")
            with shared(redis, *options, http="127.0.0.1:0") as one, shared(redis, *options, http="127.0.0.1:0") as two:
                redis.kill()
                for server in one, two:
                    server.eventually_says("until it is back")
                    self.assertEqual([Client(server).throttle("k", 9, 1, 3600)[0] for _ in range(6)], [0] * 5 + [1])
                    self.assertEqual(metric(server, "sluice_store_owed_tokens"), 5)
                redis.start()
                for server in one, two:
                    eventually(lambda: metric(server, "sluice_store_owed_tokens") == 0)
                    eventually(lambda: metric(server, "sluice_store_up") == 1)
                self.assertEqual(Client(one).throttle("k", 9, 1, 3600)[:3], [1, 10, 0])

    def test_how_many_share_the_store_is_learned_from_it(self):
        with Redis(self.program) as redis:
            with shared(redis, http="127.0.0.1:0") as one, shared(redis, http="127.0.0.1:0") as two:
                def count(n):
                    eventually(lambda: metric(one, "sluice_store_instances") == n, lambda: "never %d" % n)
                count(2)
                eventually(lambda: metric(two, "sluice_store_instances") == 2)
                with shared(redis):
                    count(3)
                count(2)  # Ten seconds later.
                eventually(lambda: metric(two, "sluice_store_instances") == 2)
                time.sleep(0.5)  # Each loop takes it over within a tenth of a second.
                redis.kill()
                for server in one, two:
                    server.eventually_says("until it is back")
                    self.assertEqual([Client(server).throttle("k", 9, 1, 3600)[0] for _ in range(6)], [0] * 5 + [1])

    def test_a_quota_that_no_shared_store_can_count_is_refused_with_the_mend(self):
        with tempfile.TemporaryDirectory() as folder, Redis(self.program) as redis:
            limits = os.path.join(folder, "limits.yaml")
            with open(limits, "w") as f:
                f.write("limits:\n  slow: {quota: 1/day burst 100000}\n")
            code, _, said = harness.run("serve", "--store", redis.url, "--limits", limits)
            self.assertEqual(code, 2, said)
            self.assertRegex(said, r"limits.yaml:2:17: .*over 71 years.*lower the burst or raise the rate")
            with shared(redis) as server:
                with self.assertRaisesRegex(AssertionError, "ERR .*over 71 years.*lower the burst"):
                    Client(server).throttle("k", 100_000, 1, 86_400)

    def test_a_refund_with_an_id_is_done_once(self):
        with tempfile.TemporaryDirectory() as folder, Redis(self.program) as redis:
            limits = os.path.join(folder, "limits.yaml")
            with open(limits, "w") as f:
                f.write("limits: {api: {quotas: [10/h, 20/h]}}\n")
            with shared(redis, "--limits", limits, http="127.0.0.1:0") as one, \
                    shared(redis, "--limits", limits, http="127.0.0.1:0") as two:
                post(one, "/v1/take", {"limit": "api", "key": "a", "cost": 8})
                refund = {"limit": "api", "key": "a", "cost": 2, "id": "order 7"}
                for server, applied in ((one, True), (two, False), (one, False)):
                    answer = post(server, "/v1/refund", refund)
                    self.assertEqual((answer["allowed"], answer["applied"], answer["remaining"]), (True, applied, 4))
                self.assertEqual(post(two, "/v1/refund", refund | {"key": "b"})["applied"], True)
                self.assertGreater(int(redis.ask("PTTL", "sluice:!7{api:a}order 7")[1:]), 0)

    def test_what_was_decided_without_the_store_says_so(self):
        files = tempfile.TemporaryDirectory()
        self.addCleanup(files.cleanup)
        with open(os.path.join(files.name, "limits.yaml"), "w") as f:
            f.write("limits: {api: {quota: 10/h, on_store_failure: allow}, login: {quota: 5/h, on_store_failure: deny}}\n")
        os.mkdir(os.path.join(files.name, "policies"))
        with open(os.path.join(files.name, "policies", "p.yaml"), "w") as f:
            f.write("domain: d\ndescriptors:\n- {key: k, rate_limit: {unit: hour, requests_per_unit: 3}, }\n")
        with Redis(self.program) as redis, shared(redis, "--limits", os.path.join(files.name, "limits.yaml"), "--policies",
                                                  os.path.join(files.name, "policies"), http="127.0.0.1:0") as server:
            envoy = {"domain": "d", "descriptors": [{"entries": [{"key": "k", "value": "v"}]}]}
            self.assertNotIn("degraded", post(server, "/v1/take", {"limit": "api", "key": "a"}))
            self.assertNotIn("dynamicMetadata", post(server, "/json", envoy))
            redis.kill()
            server.eventually_says("until it is back")
            for limit, allowed in (("api", True), ("login", False)):
                answer = post(server, "/v1/take", {"limit": limit, "key": "a"})
                self.assertEqual((answer["allowed"], answer["degraded"]), (allowed, True))
            self.assertEqual(post(server, "/json", envoy)["dynamicMetadata"]["degraded"], True)
            base = "http://" + server.addresses["http"]
            self.assertEqual(urllib.request.urlopen(base + "/v1/auth?limit=api&key=a").headers["X-Sluice-Degraded"], "true")
            ready = urllib.request.urlopen(base + "/readyz")
            self.assertEqual((ready.status, ready.read()[:32]), (200, b"ready; the shared store is away,"))
            with server.connect() as s:
                s.sendall(command("HELLO", 3) + command("SLUICE.TAKE", "api", "a") + command("QUIT"))
                self.assertIn(b"$8\r\ndegraded\r\n#t\r\n", harness.until_end(s))

    def test_a_store_that_hangs_holds_nobody_up(self):
        with Redis(self.program) as redis, shared(redis, "--threads", "1", http="127.0.0.1:0", deadline="50ms") as server:
            client = Client(server)
            client.throttle("other", 2, 1, 3600)
            os.kill(redis.process.pid, signal.SIGSTOP)
            try:
                # Local buckets decide; that they do at all shows that nobody waits for the store.
                self.assertEqual([client.throttle("k", 2, 1, 3600)[0] for _ in range(4)], [0, 0, 0, 1])
                eventually(lambda: metric(server, "sluice_store_outcome_unknown_total") >= 1)
            finally:
                os.kill(redis.process.pid, signal.SIGCONT)
            eventually(lambda: metric(server, "sluice_store_up") == 1)

            def shared_again():
                before = metric(server, 'sluice_store_asks_total{origin="store"}')
                client.throttle("fresh", 2, 1000, 1)
                time.sleep(0.2)
                return metric(server, 'sluice_store_asks_total{origin="store"}') > before
            eventually(shared_again)

    def test_a_store_that_comes_back_empty_is_told_what_it_said(self):
        with Redis(self.program) as redis, shared(redis, "--on-store-failure", "deny", "--threads", "1", http="127.0.0.1:0") as server:
            client = Client(server)
            self.assertEqual([client.throttle("k", 4, 1, 86400)[2] for _ in range(3)], [4, 3, 2])
            for _ in range(2):
                redis.kill()
                server.eventually_says("until it is back")
                redis.start()
                eventually(lambda: client.throttle("other", 10**6, 1000, 1)[0] == 0)
                self.assertEqual(client.throttle("k", 4, 1, 86400, 0)[2], 2)
            self.assertEqual([client.throttle("k", 4, 1, 86400)[0] for _ in range(3)], [0, 0, 1])

    def test_starts_without_its_store_and_finds_it_later(self):
        redis = Redis(self.program)
        with redis:
            redis.kill()
            with Server("--store", redis.url, http="127.0.0.1:0") as server:
                self.assertEqual(Client(server).throttle("k", 2, 1, 3600)[:3], [0, 3, 2])
                redis.start()
                server.eventually_says("store: connected to")

    def test_a_read_only_replica_is_told_and_decided_without(self):
        with Redis(self.program) as primary, Redis(self.program) as replica, shared(replica, "--on-store-failure", "deny", "--threads", "1") as server:
            client = Client(server)
            self.assertEqual(client.throttle("k", 2, 1, 3600)[0], 0)
            self.assertEqual(replica.ask("REPLICAOF", "127.0.0.1", "1"), b"+OK")
            self.assertEqual(client.throttle("k", 2, 1, 3600)[0], 1)
            server.eventually_says("READONLY")

    def test_what_is_no_cluster_is_told_with_the_mend(self):
        for mode, words in (((), "cluster support disabled"), (("--cluster-enabled", "yes"), "no server has slots")):
            port = free_port(below=55_000)  # A cluster's bus is 10,000 higher.
            with self.subTest(mode), Redis(self.program, *mode, port=port), Server("--store", "redis+cluster://127.0.0.1:%d" % port) as server:
                server.eventually_says("until it is back")
                self.assertIn(words, server.said())
                self.assertIn("127.0.0.1:%d" % port, server.said())
                self.assertEqual(server.said().count("until it is back"), 1)

    def test_passwords_users_and_databases(self):
        with Redis(self.program, "--requirepass", "se cret") as redis:
            with Server("--store", redis.url.replace("redis+unix://", "redis+unix://:wrong@")) as server:
                server.eventually_says("WRONGPASS")
                self.assertNotIn("wrong@", server.said())
            with Server("--store", redis.url.replace("redis+unix://", "redis+unix://:se%20cret@") + "?db=3") as server:
                server.eventually_says("store: connected to")
                self.assertNotIn("cret", server.said())
                self.assertEqual(Client(server).throttle("k", 2, 1, 3600)[0], 0)


class Failover(unittest.TestCase):
    def test_the_new_primary_is_found_and_knows_what_was_charged(self):
        with Watched(PROGRAMS[0]) as watched, Server("--store", watched.url, "--store-deadline", "5s", "--on-store-failure", "deny", "--threads", "1",
                                                     http="127.0.0.1:0") as server:
            server.eventually_says("store: connected to")
            client = Client(server)
            granted = sum(client.throttle("k", 9, 1, 86400)[0] == 0 for _ in range(6))
            self.assertEqual(granted, 6)
            eventually(lambda: watched.replica.ask("EXISTS", "sluice:{#throttle:k}") == b":1")
            watched.primary.kill()

            def well():
                nonlocal granted
                now = client.throttle("k", 9, 1, 86400)
                granted += now[0] == 0
                return now[0] == 0
            eventually(well)
            for _ in range(20):
                granted += client.throttle("k", 9, 1, 86400)[0] == 0
            self.assertEqual(granted, 10)  # One burst, over both primaries.
            self.assertIn(str(watched.ways[1].port), server.said())


class UsageTest(unittest.TestCase):
    def test_a_bad_url_names_the_mend(self):
        for url, words in (("redis:/x", "redis://host:6379"), ("postgres://x", "local, or a URL"), ("redis://h:99999", "port")):
            code, _, said = harness.run("serve", "--store", url)
            self.assertEqual(code, 2, said)
            self.assertIn("--store", said)
            self.assertIn(words, said)


globals().update(with_every_program(Shared))

if __name__ == "__main__":
    unittest.main(verbosity=2)
