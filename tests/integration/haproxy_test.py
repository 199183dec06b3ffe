#!/usr/bin/env python3
"""HAProxy with examples/haproxy in front of an application, asking `sluice`. Usage: haproxy_test.py SLUICE

The files are used as they stand but for the addresses, which become free ones, and longer waits for a slow machine.
"""
import os
import sys
import unittest

from harness import eventually
from proxies import EXAMPLES, LIMITS, POLICY, Proxied, free_port, program

HAPROXY = program("haproxy")
CLOSED = {"  #http-request return status 503": "  http-request return status 503"}
BY_KEY = {"set-var(txn.key) src": "set-var(txn.key) req.hdr(X-Key)"}


@unittest.skipUnless(HAPROXY, "HAProxy is not installed")
class HAProxy(Proxied):
    def haproxy(self, name, sluice, late="10s", words={}):
        self.port = free_port()
        ours = f"abns@sluice-{os.getpid()}-{self.port}"
        path = self.example("haproxy/" + name, words={
            "127.0.0.1:8088": f"127.0.0.1:{self.port}", "127.0.0.1:8080": sluice.addresses["http"],
            "127.0.0.1:9000": self.application, "timeout server 200ms": f"timeout server {late}",
            "abns@sluice": ours, "sluice.lua\n": os.path.join(EXAMPLES, "haproxy/sluice.lua\n"), **words})
        return self.start([HAPROXY, "-db", "-f", path], self.port)

    def limits(self, **options):
        sluice = self.sluice(limits=LIMITS)
        self.said = self.haproxy("haproxy.cfg", sluice, **options)
        return sluice


class WithLimits(HAProxy):
    def test_refusals_become_429_with_the_fields(self):
        self.limits()
        self.refusals_become_429_with_the_fields()

    def test_any_bytes_are_a_key(self):
        """And each has a bucket of its own; none is an error, which would let a client past the limit."""
        self.limits(words=BY_KEY)
        for key in (b'"', b"\\", b'","cost":0,"x":"', b"\xe9", "\u00e9\u4e16".encode(), b"\xed\xa0\x80", b"\xff" * 300, b"k" * 7000):
            self.assertEqual(self.statuses(4, headers={"X-Key": key}), [200, 200, 200, 429], key)

    def test_without_the_header_all_share_a_key(self):
        self.limits(words=BY_KEY)
        self.assertEqual(self.statuses(4), [200, 200, 200, 429])

    def test_bodies_go_through_and_the_applications_own_403_stays(self):
        self.limits()
        self.assertEqual(self.ask("POST", "/", b"x" * 100_000)[0].status, 200)
        self.assertEqual(self.ask(path="/forbidden")[0].status, 403)

    def test_connections_to_sluice_are_kept(self):
        sluice = self.limits(words={"check inter 1s fall 2 rise 1": "", "\nglobal\n": "\nglobal\n  nbthread 1\n"})
        before = self.accepted(sluice)
        self.statuses(20)
        self.assertLessEqual(self.accepted(sluice) - before, 2)

    def test_without_sluice_requests_pass(self):
        self.kill(self.limits())
        self.assertEqual(self.statuses(5), [200] * 5)
        eventually(lambda: "is DOWN" in self.said(), self.said)
        self.assertEqual(self.statuses(5), [200] * 5)

    def test_without_sluice_requests_stop_if_so_wished(self):
        self.kill(self.limits(words=CLOSED))
        response, _ = self.ask()
        self.assertEqual((response.status, response.headers["Retry-After"]), (503, "1"))

    def test_a_sluice_that_is_late_is_as_one_away_and_may_come_back(self):
        sluice = self.limits(late="200ms", words=CLOSED)
        self.assertEqual(self.statuses(1), [200])
        self.pause(sluice)
        self.assertEqual(self.statuses(3), [503] * 3)
        self.resume(sluice)
        eventually(lambda: self.statuses(1) != [503], self.said)
        eventually(lambda: self.statuses(1) == [429], self.said)

    def test_late_and_open(self):
        self.pause(self.limits(late="200ms"))
        self.assertEqual(self.statuses(5), [200] * 5, "more than the limit lets through")

    def test_a_limit_that_is_not_there_is_an_error_and_logged(self):
        sluice = self.sluice(limits="limits: {other: {quota: 1/s}}")
        said = self.haproxy("haproxy.cfg", sluice, words=CLOSED)
        self.assertEqual(self.statuses(1), [503])
        eventually(lambda: "sluice: 404" in said(), said)


class WithPolicies(HAProxy):
    def go(self, **options):
        sluice = self.sluice(policies=POLICY)
        self.haproxy("haproxy-policies.cfg", sluice, **options)
        return sluice

    def test_address_and_key(self):
        self.go()
        self.address_and_key_are_counted()
        self.assertEqual(self.statuses(1), [429])

    def test_fields(self):
        self.go()
        response, _ = self.ask(headers={"X-Api-Key": "ann"})
        self.assertEqual(response.headers["RateLimit-Policy"], '"per_key";q=2;w=3600')
        self.assertRegex(response.headers["RateLimit"], r'^"per_key";r=1;t=\d+$')
        self.assertIsNone(response.headers["Retry-After"])
        self.ask(headers={"X-Api-Key": "ann"})
        response, _ = self.ask(headers={"X-Api-Key": "ann"})
        self.assertEqual(response.status, 429)
        self.assertIn(int(response.headers["Retry-After"]), range(1700, 1801))

    def test_keys_that_clients_make_up(self):
        self.go()
        for key in (b'x"}]},{"entries":[{"key":"api_key","value":"ann', b"\\", b"\xff\xed\xa0\x80", b"k" * 7000):
            self.assertEqual(self.statuses(1, headers={"X-Api-Key": key}), [200], key)
        self.assertEqual(self.statuses(1, headers={"X-Api-Key": "ann"}), [429], "each of them counted for the address")

    def test_without_sluice(self):
        self.kill(self.go())
        self.assertEqual(self.statuses(5), [200] * 5)

    def test_without_sluice_requests_stop_if_so_wished(self):
        self.kill(self.go(words=CLOSED))
        self.assertEqual(self.statuses(1), [503])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + ["-v"] + sys.argv[1:])
