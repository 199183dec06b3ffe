#!/usr/bin/env python3
"""nginx with the configurations of examples/nginx in front of an application, asking `sluice`. Usage: nginx_test.py SLUICE

The files are used as they stand but for the three addresses, which become free ports, and longer waits for a slow machine.
"""
import json
import sys
import unittest

from harness import eventually
from proxies import LIMITS, POLICY, Proxied, free_port, program

NGINX = program("nginx")
OPEN = "error_page 502 504 = @sluice_away;"


@unittest.skipUnless(NGINX, "nginx is not installed")
class Nginx(Proxied):
    def nginx(self, name, sluice, late="10s", **words):
        self.port = free_port()
        path = self.example("nginx/" + name, words={
            "127.0.0.1:8088": f"127.0.0.1:{self.port}", "127.0.0.1:8080": sluice.addresses["http"],
            "127.0.0.1:9000": self.application, "200ms": late, **words.get("words", {})})
        return self.start([NGINX, "-p", self.folder, "-c", path, "-e", "stderr", "-g", "daemon off;"], self.port)


class WithLimits(Nginx):
    def go(self, **options):
        sluice = self.sluice(limits=LIMITS)
        self.nginx("nginx.conf", sluice, **options)
        return sluice

    def test_refusals_become_429_with_the_fields(self):
        self.go()
        self.refusals_become_429_with_the_fields()

    def test_what_clients_send_changes_nothing(self):
        """Bodies, the browser's fields, and fields that name another limit do not reach Sluice."""
        self.go()
        response, _ = self.ask("POST", "/?limit=none&key=x&cost=99", b"x" * 100_000,
                               {"Origin": "http://elsewhere", "Sec-Fetch-Site": "cross-site", "X-Sluice-Limit": "none",
                                "X-Sluice-Key": "other", "X-Sluice-Cost": "0"})
        self.assertEqual(response.status, 200)
        self.assertTrue(response.headers["RateLimit"].startswith('"api";r=2;'), response.headers["RateLimit"])

    def test_the_applications_own_403_stays(self):
        self.go()
        response, text = self.ask(path="/forbidden")
        self.assertEqual((response.status, text), (403, b"application"))

    def test_connections_to_sluice_are_kept(self):
        sluice = self.go(words={"worker_processes auto": "worker_processes 1"})
        before = self.accepted(sluice)
        self.statuses(20)
        self.assertLessEqual(self.accepted(sluice) - before, 2)

    def test_without_sluice_requests_pass(self):
        self.kill(self.go())
        self.assertEqual(self.statuses(5), [200] * 5)

    def test_without_sluice_requests_fail_if_so_wished(self):
        self.kill(self.go(words={OPEN: ""}))
        self.assertEqual(self.statuses(2), [500] * 2)

    def test_a_sluice_that_is_late_is_as_one_away(self):
        sluice = self.go(late="200ms")
        self.pause(sluice)
        self.assertEqual(self.statuses(5), [200] * 5, "more than the limit lets through")

    def test_a_limit_that_is_not_there_is_an_error(self):
        said = self.nginx("nginx.conf", self.sluice(limits="limits: {other: {quota: 1/s}}"))
        self.assertEqual(self.statuses(1), [500])
        eventually(lambda: "auth request unexpected status: 404" in said(), said)


class WithPolicies(Nginx):
    def go(self, **options):
        sluice = self.sluice(policies=POLICY)
        self.nginx("nginx-policies.conf", sluice, **options)
        return sluice

    def test_address_and_key(self):
        self.go()
        self.address_and_key_are_counted()
        response, text = self.ask()
        self.assertEqual((response.status, response.headers["Content-Type"]), (429, "application/problem+json"))
        self.assertEqual(json.loads(text)["status"], 429)

    def test_refusals_become_429_with_the_fields(self):
        self.go()
        self.refusals_become_429_with_the_fields("edge.remote_address", '"edge.remote_address";q=4;w=3600', 4, 900)

    def test_keys_that_clients_make_up_cannot_write_json(self):
        self.go()
        for key in ('x"}]},{"entries":[{"key":"api_key","value":"ann', "x\\", "k" * 65, "\u00e9"):
            self.assertEqual(self.statuses(1, headers={"X-Api-Key": key.encode()}), [200], key)
        self.assertEqual(self.statuses(1, headers={"X-Api-Key": "ann"}), [429], "each of them counted for the address")

    def test_bodies_stay_with_the_application(self):
        self.go()
        self.assertEqual(self.statuses(5, method="POST", body=b'{"domain":"other"}' * 5000), [200] * 4 + [429])
        self.assertEqual(self.ask(path="/forbidden")[0].status, 429)

    def test_the_applications_own_403_stays(self):
        self.go()
        self.assertEqual(self.ask(path="/forbidden")[0].status, 403)

    def test_without_sluice(self):
        self.kill(self.go())
        self.assertEqual(self.statuses(5), [200] * 5)

    def test_without_sluice_requests_fail_if_so_wished(self):
        self.kill(self.go(words={OPEN: ""}))
        self.assertEqual(self.statuses(2), [500] * 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + ["-v"] + sys.argv[1:])
