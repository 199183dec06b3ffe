#!/usr/bin/env python3
"""`sluice eval` against a bucket that counts its tokens in exact fractions. Usage: eval_test.py SLUICE

SLUICE_SEED=n replays one run, SLUICE_ROUNDS=n makes more buckets.
"""
import json
import os
import random
import subprocess
import unittest
from fractions import Fraction
from math import ceil, floor

from harness import SLUICE

SEED = int(os.environ.get("SLUICE_SEED", "1"))
ROUNDS = int(os.environ.get("SLUICE_ROUNDS", "300"))
SECOND, DAY, YEAR = 10**9, 86_400 * 10**9, 31_556_952 * 10**9
MAX = 2**63 - 1
MIN = -(2**63)


class Model:
    """Tokens, counted. Knows nothing of moments of fullness, ticks or common divisors."""

    def __init__(self, capacity, tokens, period):
        self.capacity, self.rate, self.level, self.latest = capacity, Fraction(tokens, period), Fraction(capacity), None

    def refill(self, t):
        if self.latest is not None and t > self.latest:
            self.level = min(Fraction(self.capacity), self.level + (t - self.latest) * self.rate)
        self.latest = t if self.latest is None else max(self.latest, t)

    def wait(self, level):
        return min(MAX, self.exact_wait(level))

    def exact_wait(self, level):
        return max(0, ceil((level - self.level) / self.rate))

    def answer(self, allowed, cost=0, more=()):
        never = cost > self.capacity
        retry = 0 if allowed else None if never else self.wait(cost)
        return {"allowed": allowed, "remaining": max(0, floor(self.level)), "retry_after_ns": retry,
                "reset_after_ns": self.wait(self.capacity), **dict(more)}

    def run(self, op, t, cost=0, max_wait=None):
        self.refill(t)
        fits = cost <= min(self.level, self.capacity)
        if op == "take" or op == "peek":
            if fits and op == "take":
                self.level -= cost
            return self.answer(fits, cost)
        if op == "take_up_to":
            granted = max(0, min(cost, floor(self.level)))
            self.level -= granted
            return self.answer(granted > 0 or cost == 0, 1, {"granted": granted})
        if op == "reserve":
            due = self.exact_wait(cost)
            allowed = cost <= self.capacity and due <= max_wait
            if allowed:
                self.level -= cost
                return self.answer(True, cost, {"due_after_ns": due})
            retry = None if cost > self.capacity else min(MAX, due - max_wait)
            return {**self.answer(False, cost, {"due_after_ns": 0}), "retry_after_ns": retry}
        if op == "charge":
            self.level -= cost
        elif op == "refund":
            self.level = min(Fraction(self.capacity), self.level + cost)
        elif op == "reset":
            self.level = Fraction(self.capacity)
        return self.answer(True)


QUOTAS = [(1, 1, SECOND), (3, 10, SECOND), (10, 10, SECOND), (1, 1, DAY), (3, 1, DAY), (7, 7, 60 * SECOND), (5, 3, SECOND),
          (10**9, 10**9, SECOND), (999_999_937, 999_999_937, SECOND), (2**32 - 1, 2**32 - 1, SECOND), (2**32 - 1, 7, DAY),
          (10**12, 1, DAY), (10**12, 1_000_003, SECOND), (10**12, 10**12, 7), (13, 65_521, 86_399_999_999_989),
          (2, 1, MAX), (2**60, 7, 3), (1, 1, 1), (10, 17, 1_000_003), (MAX, MAX, MAX), (1, MAX, MAX)]


def sizes(rng, most):
    return min(most, rng.getrandbits(63) >> rng.randrange(64))


def any_quota(rng):
    if rng.random() < 0.4:
        return rng.choice(QUOTAS)
    period = rng.choice([1, 997, 10**6, SECOND, 2 * SECOND + 1, 60 * SECOND, 3600 * SECOND, DAY, YEAR])
    return 1 + sizes(rng, 10**12), 1 + sizes(rng, 10**10), period


def next_time(rng, t, last, tokens, period):
    token = max(1, period // tokens)
    retry, reset = last.get("retry_after_ns") or 0, last.get("reset_after_ns") or 0
    step = rng.choice([lambda: 0, lambda: 1, lambda: retry, lambda: max(0, retry - 1), lambda: retry + 1, lambda: reset,
                       lambda: max(0, reset - 1), lambda: rng.randint(0, reset), lambda: -rng.randint(0, 10 * SECOND),
                       lambda: rng.randint(0, 3 * token), lambda: token,
                       lambda: sizes(rng, 60 * YEAR) if rng.random() < 0.1 else token])()
    return t + step if MIN <= t + step <= MAX else t


def next_cost(rng, model, t):
    model.refill(t)
    there = max(0, floor(model.level))
    return min(MAX, rng.choice([0, model.capacity, model.capacity + 1, there, there + 1, sizes(rng, model.capacity), MAX,
                                1, 1, 2, 3, 1 + sizes(rng, 100)]))


def ask(*requests):
    """Each request a line or what becomes one; the answers, decoded."""
    lines = [r if isinstance(r, bytes) else json.dumps(r).encode() for r in requests]
    done = subprocess.run([SLUICE, "eval"], input=b"".join(line + b"\n" for line in lines), capture_output=True, timeout=120)
    assert done.returncode == 0, (done.returncode, done.stderr)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(requests), (len(answers), len(requests))
    return answers


def new(capacity, tokens, period):
    return {"op": "new", "capacity": capacity, "tokens": tokens, "period_ns": period}


def take(t, cost=1):
    return {"op": "take", "t": t, "cost": cost}


class AgainstFractions(unittest.TestCase):
    def sequence(self, rng, quota, steps):
        """Requests and what they must answer. The model's own answers lead the time to the boundaries."""
        capacity, tokens, period = quota
        model, last = Model(*quota), {}
        t = rng.choice([0, 0, 1, -SECOND, 1_700_000_000 * SECOND, MIN, rng.randint(MIN // 2, MAX // 4)])
        requests, expected = [new(*quota)], [{}]
        for _ in range(steps):
            t = next_time(rng, t, last, tokens, period)
            op = rng.choice(["take"] * 9 + ["peek", "refund", "take_up_to", "reserve", "charge", "reset"])
            cost = next_cost(rng, model, t)
            request = {"op": op, "t": t}
            if op != "reset":
                request["cost"] = cost
            wait = None
            if op == "charge":  # Debts above the longest are forgotten: documented, and not compared here.
                request["cost"] = cost = min(cost, 3, capacity)
            if op == "reserve":
                wait = rng.choice([0, 1, last.get("retry_after_ns") or 0, rng.randint(0, 100 * SECOND)])
                wait = min(wait, YEAR)
                request["max_wait_ns"] = wait
            if model.level < -capacity:
                request, op, cost = {"op": "reset", "t": t}, "reset", 0
            last = model.run(op, t, cost, wait)
            requests.append(request)
            expected.append(last)
        return requests, expected

    def test_random_vectors(self):
        requests, expected = [], []
        for i in range(ROUNDS):
            rng = random.Random(f"{SEED} {i}")
            quota = QUOTAS[i] if i < len(QUOTAS) else any_quota(rng)
            r, e = self.sequence(rng, quota, 120)
            requests += r
            expected += e
        for i, (request, want, got) in enumerate(zip(requests, expected, ask(*requests))):
            start = i if request["op"] == "new" else start
            self.assertEqual(got, want, f"SLUICE_SEED={SEED} line {i}: {requests[start]} ... {requests[max(start, i - 3):i + 1]}")

    def test_the_nanosecond_before_and_at_each_boundary(self):
        for quota in [(1, 3, SECOND), (10, 7, 60 * SECOND), (2, 1, DAY), (5, 10**9, SECOND), (3, 1_000_003, 2 * SECOND + 1)]:
            capacity, tokens, period = quota
            requests, expected = [new(*quota), take(0, capacity)], [{}, Model(*quota).run("take", 0, capacity)]
            model = Model(*quota)
            model.run("take", 0, capacity)
            for n in range(1, 200):
                due = -(-n * period // tokens)
                for t in (due - 1, due):
                    if t >= model.latest:
                        requests.append(take(t))
                        expected.append(model.run("take", t, 1))
            self.assertEqual(ask(*requests), expected, quota)


class Edges(unittest.TestCase):
    def test_as_documented(self):
        self.assertEqual(ask(new(3, 10, SECOND), take(0, 2), take(0, 2), take(10**8, 4), take(5 * 10**7, 1), take(5 * 10**7, 1)), [
            {},
            {"allowed": True, "remaining": 1, "retry_after_ns": 0, "reset_after_ns": 200_000_000},
            {"allowed": False, "remaining": 1, "retry_after_ns": 100_000_000, "reset_after_ns": 200_000_000},
            {"allowed": False, "remaining": 2, "retry_after_ns": None, "reset_after_ns": 100_000_000},
            {"allowed": True, "remaining": 1, "retry_after_ns": 0, "reset_after_ns": 200_000_000},
            {"allowed": True, "remaining": 0, "retry_after_ns": 0, "reset_after_ns": 300_000_000}])

    def test_waits_saturate(self):
        first, refused = ask(new(2**32, 1, DAY), take(0, 2**32), take(0, 2**32))[1:]
        self.assertEqual(first["reset_after_ns"], MAX)
        self.assertEqual((refused["allowed"], refused["retry_after_ns"], refused["reset_after_ns"]), (False, MAX, MAX))

    def test_the_whole_range_of_times(self):
        for quota in [(5, 5, SECOND), (5, 7, 60 * SECOND), (10, 17, 1_000_003)]:
            empty, full, back = ask(new(*quota), take(MIN, quota[0]), take(MAX, quota[0]), take(MIN))[1:]
            self.assertEqual((empty["allowed"], full["allowed"], back["allowed"]), (True, True, False), quota)
        debt = ask(new(1, 3, SECOND), {"op": "charge", "t": MIN, "cost": MAX}, take(0), take(MAX))
        self.assertEqual([debt[2]["allowed"], debt[3]["allowed"]], [False, False])

    def test_full_at_the_first_use_whenever_it_is(self):
        for t in (MIN, -1, 0, 1, 1_700_000_000 * SECOND, MAX):
            for quota in [(5, 5, SECOND), (5, 7, 60 * SECOND)]:
                got = ask(new(*quota), {"op": "peek", "t": t, "cost": 5})[1]
                self.assertEqual(got, {"allowed": True, "remaining": 5, "retry_after_ns": 0, "reset_after_ns": 0})

    def test_the_largest_numbers(self):
        got = ask(new(MAX, MAX, MAX), take(0, MAX), take(0, 1), take(MAX, MAX))
        self.assertEqual([g.get("allowed") for g in got[1:]], [True, False, True])
        got = ask(new(10, 1, SECOND), take(0, MAX), {"op": "refund", "t": 0, "cost": MAX}, {"op": "take_up_to", "t": 0, "cost": MAX},
                  {"op": "reserve", "t": 0, "cost": MAX}, {"op": "charge", "t": 0, "cost": MAX}, take(0, 0))
        self.assertEqual([g["allowed"] for g in got[1:]], [False, True, True, False, True, False])
        self.assertEqual((got[1]["retry_after_ns"], got[3]["granted"], got[4]["retry_after_ns"]), (None, 10, None))


class BadLines(unittest.TestCase):
    def refused(self, line, *words):
        first, second = ask(new(3, 10, SECOND), take(0, 1), line, take(0, 1))[2:]
        self.assertEqual(list(first), ["error"], line)
        for word in words:
            self.assertIn(word, first["error"])
        self.assertEqual(second["remaining"], 1)  # Nothing was changed, and the program goes on.

    def test_each_names_its_fault(self):
        t = b'{"op":"take","t":0,"cost":'
        for line, *words in [
            (b"", "empty"), (b"   \r", "empty"), (b"hello", "not JSON"), (b"{", "not JSON"), (b"[]", "JSON object"), (b"3", "JSON object"),
            (b'{"op":"take","t":0,"cost":1} {}', "not JSON"), (b'{"op":"take","t":0,"cost":1,}', "not JSON"),
            (b"\xff\xfe", "not JSON"), (b"\0", "not JSON"), (b'{"op":"\xff"}', "not JSON"), (b"[" * 5000, "not JSON"),
            (b"{}", "'op'", "missing"), (b'{"op":1}', "'op'", "string"), (b'{"op":"steal","t":0}', "'op'", "take_up_to"),
            (b'{"op":"take","cost":1}', "'t'", "missing"), (b'{"op":"take","t":0}', "'cost'", "missing"),
            (t + b'"1"}', "'cost'", "whole number"), (t + b"1.0}", "'cost'", "whole number"), (t + b"1e3}", "'cost'", "whole number"),
            (t + b"null}", "'cost'"), (t + b"true}", "'cost'"), (t + b"[1]}", "'cost'"), (t + b"-1}", "'cost'", "at least 0"),
            (t + b"9223372036854775808}", "'cost'", "2^63-1"), (t + b"18446744073709551616}", "'cost'", "64 bits"),
            (t + b"01}", "'cost'"), (t + b"+1}", "not JSON"), (t + b"NaN}", "not JSON"), (t + b'1,"cost":2}', "'cost'", "twice"),
            (b'{"op":"take","t":-9223372036854775809,"cost":1}', "'t'", "64 bits"), (b'{"op":"take","t":0.5,"cost":1}', "'t'", "whole"),
            (b'{"op":"reserve","t":0,"cost":1,"max_wait_ns":-1}', "'max_wait_ns'", "at least 0"),
            (b'{"op":"new"}', "'capacity'", "missing"), (b'{"op":"new","capacity":1,"tokens":1}', "'period_ns'", "missing"),
            (b'{"op":"new","capacity":0,"tokens":1,"period_ns":1}', "capacity", "at least 1"),
            (b'{"op":"new","capacity":1,"tokens":-1,"period_ns":1}', "tokens", "at least 1"),
            (b'{"op":"new","capacity":1,"tokens":1,"period_ns":0}', "period", "at least 1"),
            (b'{"op":"new","capacity":9223372036854775807,"tokens":1,"period_ns":9223372036854775807}', "2^124"),
        ]:
            with self.subTest(line=line[:80]):
                self.refused(line, *words)

    def test_a_long_line_is_one_error(self):
        long = b'{"op":"take","t":0,"cost":1,"x":"' + b"a" * 70_000 + b'"}'
        self.refused(long, "65536")
        self.refused(b"x" * 3_000_000, "65536")
        fits = b'{"op":"take","t":0,"cost":1,"x":"'
        fits += b"a" * (65_536 - len(fits) - 2) + b'"}'
        self.assertTrue(ask(new(3, 10, SECOND), fits)[1]["allowed"])

    def test_no_bucket_yet(self):
        for got in ask(take(0), {"op": "reset", "t": 0}, new(0, 1, 1), take(0)):
            self.assertIn("error", got)


class Pipes(unittest.TestCase):
    def test_each_line_is_answered_before_the_next_is_sent(self):
        with subprocess.Popen([SLUICE, "eval"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as program:
            for request in [new(1, 1, SECOND), take(0), b"oops", take(0)]:
                program.stdin.write(request + b"\n" if isinstance(request, bytes) else json.dumps(request).encode() + b"\n")
                self.assertTrue(json.loads(program.stdout.readline()) is not None)
            program.stdin.write(b'{"op":"take","t":1000000000,"cost":1}')  # The last line lacks its end.
            program.stdin.close()
            self.assertTrue(json.loads(program.stdout.readline())["allowed"])
            self.assertEqual(program.stdout.read(), b"")
            self.assertEqual(program.wait(timeout=30), 0)

    def test_nothing_in_nothing_out(self):
        self.assertEqual(ask(), [])


if __name__ == "__main__":
    unittest.main()
