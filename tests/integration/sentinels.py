"""A primary with a replica that sentinels watch over, each of the two behind a fault proxy whose address is all that anyone knows of it."""
import contextlib
import os
import subprocess
import tempfile

from fault_proxy import FaultProxy
from harness import eventually
from proxies import free_port
from stores import Redis, asked


class Watched:
    def __init__(self, program, sentinels=3, down_after_ms=300):
        with contextlib.ExitStack() as up:
            self.folder = up.enter_context(tempfile.TemporaryDirectory(prefix="sluice-sentinel-"))
            self.primary, self.replica = (up.enter_context(Redis(program, port=free_port())) for _ in range(2))
            self.ways = [up.enter_context(FaultProxy(r)) for r in (self.primary, self.replica)]
            for redis, way in zip((self.primary, self.replica), self.ways):
                redis.set("CONFIG", "SET", "replica-announce-ip", "127.0.0.1")
                redis.set("CONFIG", "SET", "replica-announce-port", way.port)
            self.replica.set("REPLICAOF", "127.0.0.1", self.ways[0].port)
            eventually(lambda: b"master_link_status:up" in self.replica.ask("INFO", "replication"))
            self.sentinels = {}
            for _ in range(sentinels):
                port = free_port()
                self.sentinels[port] = self.sentinel(program, port, sentinels // 2 + 1, down_after_ms)
                up.callback(self.end, self.sentinels[port])
            for port in self.sentinels:
                eventually(lambda: self.knows(port, sentinels - 1))
            self.up = up.pop_all()

    def sentinel(self, program, port, quorum, down_after_ms):
        path = os.path.join(self.folder, "%d.conf" % port)
        with open(path, "w") as f:
            f.write("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor main 127.0.0.1 %d %d\nsentinel down-after-milliseconds main %d\n"
                    "sentinel failover-timeout main 3000\n" % (port, self.folder, self.ways[0].port, quorum, down_after_ms))
        return subprocess.Popen([program, path, "--sentinel"], stdout=subprocess.DEVNULL)

    @staticmethod
    def knows(port, others):
        said = asked(port, "SENTINEL", "MASTER", "main")
        if not isinstance(said, list):
            return False
        said = dict(zip(said[::2], said[1::2]))
        return said[b"num-other-sentinels"] == b"%d" % others and said[b"num-slaves"] == b"1"

    @staticmethod
    def end(process):
        process.kill()
        process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.up.close()

    @property
    def url(self):
        return "redis+sentinel://" + ",".join("127.0.0.1:%d" % p for p in self.sentinels) + "/main"

    @staticmethod
    def keys(count):
        return ["k%d" % i for i in range(count)]

    def lag(self):
        """From now on the replica hears of nothing new."""
        self.ways[0].lags = True

    def kill_primary(self):
        self.primary.kill()

    @staticmethod
    def is_primary(redis):
        """None if it does not say: whom sentinels make a replica, that hangs up on everyone."""
        try:
            return b"role:master" in redis.ask("INFO", "replication")
        except OSError:
            return None

    def promoted(self):
        return self.is_primary(self.replica)
