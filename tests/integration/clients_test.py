#!/usr/bin/env python3
"""Sluice asked by the clients that people have, each the real program: clients_test.py SLUICE

ioredis, node-redis and grpc-js are in tests/clients; redis-cli and redis-benchmark come with Debian's redis-tools.
"""
import subprocess
import sys
import unittest
from pathlib import Path

from harness import WAIT, Folder, Server, environment

CLIENTS = Path(__file__).resolve().parents[1] / "clients"
LIMITS = "limits: {login: {quota: 5/min burst 10}, api: {quotas: [100/s burst 200, 10000/h]}}"


class Clients(Folder):
    def setUp(self):
        super().setUp()
        self.server = self.enterContext(Server("--limits", self.write("limits.yaml", LIMITS), "--policies",
                                               str(CLIENTS / "grpc_policy.yaml"), grpc="127.0.0.1:0"))
        self.host, self.port = self.server.addresses["resp"].rsplit(":", 1)

    def redis(self, program, *arguments, stdin=None):
        done = subprocess.run([program, "-h", self.host, "-p", self.port, *arguments], input=stdin, capture_output=True,
                              timeout=WAIT * 4, check=True)
        return done.stdout.decode("utf-8", "replace")

    def test_node_clients(self):
        done = subprocess.run(["node", "--test"], cwd=CLIENTS, env=environment(SLUICE_RESP=f"{self.host}:{self.port}", SLUICE_GRPC=self.server.addresses["grpc"]),
                              capture_output=True, text=True, timeout=WAIT * 8)
        self.assertEqual(done.returncode, 0, done.stdout[-8000:] + done.stderr[-2000:])
        self.assertRegex(done.stdout, r"(?m)^(#|ℹ) pass [1-9]\d*$")
        self.assertRegex(done.stdout, r"(?m)^(#|ℹ) skipped 0$")

    def test_redis_cli(self):
        self.assertEqual(self.redis("redis-cli", "PING"), "PONG\n")
        self.assertEqual(self.redis("redis-cli", "CL.THROTTLE", "u", "15", "30", "60", "1"), "0\n16\n15\n-1\n2\n")
        for protocol in ("-2", "-3"):
            self.assertEqual(self.redis("redis-cli", protocol, "--no-raw", "ECHO", "x"), '"x"\n')
        self.assertIn("CL.THROTTLE", self.redis("redis-cli", stdin=b"help CL.THROTTLE\n"))
        said = self.redis("redis-cli", "SLUICE.TAKE", "nothing", "k")
        self.assertRegex(said, "^ERR no limit is named 'nothing'; SLUICE.LIMITS")

    def test_redis_cli_sends_a_pipe(self):
        n = 20_000
        requests = b"".join(b"*5\r\n$11\r\nCL.THROTTLE\r\n$%d\r\nk%d\r\n$1\r\n9\r\n$1\r\n1\r\n$2\r\n60\r\n" % (len(str(i)) + 1, i)
                            for i in range(n))
        self.assertIn(f"errors: 0, replies: {n}", self.redis("redis-cli", "--pipe", stdin=requests))

    def test_redis_benchmark(self):
        for arguments in (["-t", "ping"], ["CL.THROTTLE", "key:__rand_int__", "9", "1", "60"]):
            said = self.redis("redis-benchmark", "-n", "50000", "-P", "16", "-r", "1000", "-q", *arguments)
            self.assertIn("requests per second", said)
            self.assertNotIn("rror", said)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
