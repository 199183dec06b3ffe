#!/usr/bin/env python3
"""The gRPC door as grpc-go meets it, the library that envoyproxy/ratelimit itself is made with: grpc_go_test.py SLUICE

Needs Debian's golang-go and golang-google-grpc-dev. These are 570 MB, so packages.txt leaves them out, and without them
this is skipped.
"""
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import grpc_test
from grpc_test import OVER, Door, request, rls_pb2
from harness import SLUICE, WAIT, environment

GO_PATH = Path("/usr/share/gocode")
SOURCE = Path(__file__).resolve().parents[1] / "clients/go/client.go"
BUILD = 300  # Seconds, of grpc-go and all that it needs.
LIMIT = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"


@unittest.skipUnless(shutil.which("go") and (GO_PATH / "src/google.golang.org/grpc").is_dir(),
                     "apt-get install golang-go golang-google-grpc-dev")
class GrpcGoTest(Door):
    @classmethod
    def setUpClass(cls):
        cls.built = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="sluice-go-"))
        cls.client = os.path.join(cls.built, "client")
        cache = os.environ.get("GOCACHE", os.path.join(cls.built, "cache"))
        subprocess.run(["go", "build", "-o", cls.client, SOURCE], check=True, timeout=BUILD, cwd=cls.built,
                       env=environment(GO111MODULE="off", GOPATH=str(GO_PATH), GOCACHE=cache, CGO_ENABLED="0"))

    def ask(self, server, method, *messages, calls=1, compressor=None):
        """The answers' bytes, or the errors' texts."""
        done = subprocess.run([self.client, server.addresses["grpc"], method, str(calls), *([compressor] if compressor else [])],
                              input="".join(m.SerializeToString().hex() + "\n" for m in messages), text=True, timeout=WAIT, check=True,
                              capture_output=True)
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), calls * len(messages), done.stderr)
        return [line if line.startswith("error") else bytes.fromhex(line) for line in lines]

    def decide(self, server, *messages, **options):
        return [rls_pb2.RateLimitResponse.FromString(a) for a in self.ask(server, LIMIT, *messages, **options)]

    def test_exactly_as_many_as_may_pass(self):
        server = self.server()
        answers = self.decide(server, request(("tenant", "t"), ("user", "u")), calls=500)
        self.assertEqual(sum(a.overall_code != OVER for a in answers), 2)
        last = answers[-1].statuses[0]
        self.assertEqual((last.code, last.current_limit.name), (OVER, "per_tenant"))
        self.assertEqual(self.decide(server, request(("user", "u")))[0].statuses[0].limit_remaining, 2)

    def test_gzip(self):
        entries = [("user", "x" * 200)] * 20
        answers = self.decide(self.server(), request(*entries), calls=2, compressor="gzip")
        self.assertEqual([len(a.statuses) for a in answers], [20, 20])

    def test_errors(self):
        server = self.server()
        self.assertEqual(self.ask(server, LIMIT, request(("user", "u"), domain="")), ["error 2 rate limit domain must not be empty"])
        self.assertTrue(self.ask(server, "/no.Such/Method", request(("user", "u")))[0].startswith("error 12 "))

    def test_health(self):
        self.assertEqual(self.ask(self.server(), "/grpc.health.v1.Health/Check", grpc_test.HEALTH.HealthCheckRequest()), [b"\x08\x01"])


if __name__ == "__main__":
    assert SLUICE
    unittest.main(argv=["grpc_go_test.py", "-v"])
