"""What store_proxy_test.py tries on the way to one server, on the other ways: TLS, the primary of a sentinel, the servers of a Cluster.

Each server of Redis stands behind a proxy whose address is the one that it is known by.
"""
import os
import ssl
import tempfile
import unittest

import store_proxy_test
from certificates import issue, make_ca
from cluster_test import Cluster, Together
from fault_proxy import FaultProxy
from proxies import free_port
from sentinels import Watched
from stores import Redis, with_every_program


class Way(store_proxy_test.Way):
    # Of the parser, whatever it is that brings the bytes.
    test_garbage_is_told_and_survived = None
    test_values_that_nobody_could_have_written_are_survived = None


class Tls(Way):
    """Redis itself speaks TLS on its side of the proxy, and asks for a certificate."""

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="sluice-store-tls-"))
        make_ca(cls.folder)
        issue(cls.folder, "server")
        issue(cls.folder, "client")

    def of(self, name):
        return os.path.join(self.folder, name)

    def context(self, purpose, name):
        context = ssl.create_default_context(purpose, cafile=self.of("ca.pem"))
        context.load_cert_chain(self.of(name + ".pem"), self.of(name + ".key"))
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def setUp(self):
        port = free_port()
        self.redis = self.enterContext(Redis(self.program, "--tls-port", str(port), "--tls-cert-file", self.of("server.pem"), "--tls-key-file",
                                             self.of("server.key"), "--tls-ca-cert-file", self.of("ca.pem")))
        self.proxy = self.enterContext(FaultProxy(port, (self.context(ssl.Purpose.CLIENT_AUTH, "server"), self.context(ssl.Purpose.SERVER_AUTH, "client"))))
        self.url = self.proxy.url + "?ca=%s&cert=%s&key=%s" % tuple(map(self.of, ("ca.pem", "client.pem", "client.key")))


class Sentinel(Way):
    def setUp(self):
        # It fails nothing over: here the way alone is at fault.
        watched = self.enterContext(Watched(self.program, sentinels=1, down_after_ms=600_000))
        self.redis, self.proxy, self.url = watched.primary, watched.ways[0], watched.url


class ClusterWay(Way):
    def setUp(self):
        self.redis = self.proxy = self.enterContext(Together())
        cluster = self.enterContext(Cluster(node_timeout=600_000, replicas=0, announced=self.proxy.announced))
        self.url = cluster.url


del Way  # Not a test itself.
globals().update(with_every_program(Tls, Sentinel))

if __name__ == "__main__":
    unittest.main(verbosity=2)
