"""What a replica and an append-only file hold after random load is what the primary holds: effects are replicated, not the script."""
import os
import random
import tempfile
import unittest

from harness import eventually
from proxies import free_port
from stores import PROGRAMS, Client, Redis, command, shared, with_every_program

SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(2**32)))
BUCKETS = 300
QUOTAS = ((0, 1, 86400), (9, 1, 86400), (99, 7, 86400), (999, 1000, 604800), (49, 3, 86401))  # None is full within the test.


def load(servers, asks):
    """Takes, looks, refunds, resets and chains of any kind on a few hundred buckets; with one key, several quotas."""
    random.seed(SEED)
    clients = [Client(s) for s in servers]
    limits = ("api", "chain")
    for _ in range(asks // 100):
        for c in clients:
            batch = b""
            for _ in range(100):
                key = "k%d" % random.randrange(BUCKETS)
                if random.random() < 0.6:
                    quota = QUOTAS[int(key[1:]) % len(QUOTAS)] if random.random() < 0.9 else random.choice(QUOTAS)
                    batch += command("CL.THROTTLE", key, *quota, random.choice((0, 1, 1, 1, 2, 5)))
                else:
                    verb = random.choice(("TAKE", "TAKE", "TAKE", "PEEK", "REFUND", "TAKEUPTO", "RESET"))
                    amount = () if verb == "RESET" else (random.randrange(1, 6),)
                    batch += command("SLUICE." + verb, random.choice(limits), key, *amount)
            c.socket.sendall(batch)
        for c in clients:
            for _ in range(100):
                c.reply()


class Replication(unittest.TestCase):
    program = PROGRAMS[0]

    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.limits = os.path.join(self.folder, "limits.yaml")
        with open(self.limits, "w") as f:
            f.write("limits: {api: {quota: 50/d burst 20}, chain: {quotas: [1/d burst 5, 100/w burst 60, 7/d burst 11]}}\n")

    def after_load(self, redis, asks=6000):
        # Told how many they are, they do not enter themselves in the store: such entries end within seconds.
        arguments = ("--limits", self.limits, "--store-instances", "2")
        with shared(redis, *arguments) as one, shared(redis, *arguments) as two:
            load((one, two), asks)
        self.assertGreater(int(redis.ask("DBSIZE")[1:]), BUCKETS)
        return redis.ask("DEBUG", "DIGEST")

    def expiries(self, redis):
        """Of every key, to the millisecond."""
        script = "local o = {} for _, k in ipairs(redis.call('KEYS', '*')) do o[#o + 1] = k .. ' ' .. redis.call('PEXPIRETIME', k) end " \
                 "table.sort(o) return table.concat(o, '\\n')"
        return redis.ask("EVAL", script, 0) if redis.version >= (7, 0) else None

    def test_a_replica_holds_the_same(self):
        with Redis(self.program, port=free_port()) as primary, Redis(self.program) as replica:
            replica.set("REPLICAOF", "127.0.0.1", primary.port)
            eventually(lambda: b"master_link_status:up" in replica.ask("INFO", "replication"))
            digest = self.after_load(primary)
            # The replica stands where the primary does.
            self.assertEqual(self.in_step(primary, replica), digest)
            if primary.version >= (7, 0):
                script = ("local n = 0 for _, k in ipairs(redis.call('KEYS', '*')) do n = n + redis.call('PEXPIRETIME', k) % 1000003 end "
                          "return n")
                self.assertEqual(primary.ask("EVAL", script, 0), replica.ask("EVAL_RO", script, 0))

    def in_step(self, primary, replica):
        eventually(lambda: replica.ask("DEBUG", "DIGEST") == primary.ask("DEBUG", "DIGEST"),
                   lambda: "the replica differs; SEED=%d" % SEED)
        return replica.ask("DEBUG", "DIGEST")

    def test_an_append_only_file_brings_the_same_back(self):
        with Redis(self.program, "--appendonly", "yes", "--appendfsync", "always") as redis:
            digest, expiries = self.after_load(redis), self.expiries(redis)
            redis.kill()
            redis.start()
            eventually(lambda: b"loading:0" in redis.ask("INFO", "persistence"))
            self.assertEqual(redis.ask("DEBUG", "DIGEST"), digest, SEED)
            self.assertEqual(self.expiries(redis), expiries, SEED)
            # And so does the file once it is rewritten, by content rather than by command.
            redis.set("BGREWRITEAOF")
            eventually(lambda: b"aof_rewrite_in_progress:0" in redis.ask("INFO", "persistence"))
            redis.kill()
            redis.start()
            eventually(lambda: b"loading:0" in redis.ask("INFO", "persistence"))
            self.assertEqual(redis.ask("DEBUG", "DIGEST"), digest, SEED)

    def test_no_key_is_without_an_end(self):
        with Redis(self.program) as redis:
            self.after_load(redis, 2000)
            script = "local n = 0 for _, k in ipairs(redis.call('KEYS', '*')) do if redis.call('PTTL', k) < 0 then n = n + 1 end end return n"
            self.assertEqual(redis.ask("EVAL", script, 0), b":0")


globals().update(with_every_program(Replication))

if __name__ == "__main__":
    unittest.main(verbosity=2)
