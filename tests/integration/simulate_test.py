#!/usr/bin/env python3
"""`sluice simulate` as a person runs it, on the shipped log, against a model that shares nothing with it.

    simulate_test.py PATH_OF_SLUICE

The model counts tokens in exact fractions and tries quotas one by one.
"""
import gzip
import html.parser
import json
import random
import re
import shlex
import subprocess
import tempfile
import unittest
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from harness import SLUICE

ROOT = Path(__file__).resolve().parents[2]
LOG = ROOT / "examples" / "nasa_aug95_part.log"
LINE = re.compile(r'^(\S+) \S+ (.+?) \[([^\]]+)\] "(.*)" (\d{3}) (\d+|-)')
PERIODS = {"s": 1, "min": 60, "h": 3600, "day": 86400}


def events(path, key="ip", cost="1"):
    """(second, key, cost) of each line, in order, the time never going back."""
    latest, out = 0, []
    for line in Path(path).read_text("latin-1").splitlines():
        host, user, when, request, _, size = LINE.match(line).groups()
        latest = max(latest, int(datetime.strptime(when, "%d/%b/%Y:%H:%M:%S %z").timestamp()))
        path_asked = re.sub(r" HTTP/\S+$", "", request.split(" ", 1)[1]).split("?")[0] if " " in request else "-"
        name = {"ip": host, "user": user, "path": path_asked}[key]
        out.append((latest, name, 1 if cost == "1" else int(size.replace("-", "0"))))
    return out


def spread(log):
    """The i-th of n requests of a second at i/n of it, in whole nanoseconds."""
    counts, seen, out = {}, {}, []
    for second, *_ in log:
        counts[second] = counts.get(second, 0) + 1
    for second, key, cost in log:
        i = seen[second] = seen.get(second, -1) + 1
        out.append((second + Fraction(i * 10**9 // counts[second], 10**9), key, cost))
    return out


class Model:
    """A bucket a key that counts its tokens. `capacity` None: refuses nobody, may go below empty."""

    def __init__(self, log, tokens, period, capacity):
        rate = Fraction(tokens, period)
        buckets, self.refused, self.first, self.wait, self.lowest = {}, {}, {}, {}, 0
        for now, key, cost in log:
            level, since = buckets.get(key, (capacity or 0, now))
            level = min(level + rate * (now - since), capacity or 0)
            if capacity is None or cost <= level:
                level -= cost
                self.lowest = min(self.lowest, level)
            else:
                self.refused[key] = self.refused.get(key, 0) + 1
                self.first.setdefault(key, now)
                wait = float("inf") if cost > capacity else (cost - level) / rate
                self.wait[key] = max(self.wait.get(key, 0), wait)
            buckets[key] = (level, now)
        self.total = sum(self.refused.values())


def sluice(*arguments, stdin=None, cwd=None):
    done = subprocess.run([SLUICE, "simulate", *map(str, arguments)], input=stdin, capture_output=True, cwd=cwd)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def simulate(*arguments, **more):
    code, out, err = sluice(*arguments, "--json", **more)
    assert code in (0, 1), err
    report = json.loads(out)
    assert code == (1 if report["trials"][0]["refused"] else 0)
    return report


class AgainstTheModel(unittest.TestCase):
    QUOTAS = [("10/min burst 20", 10, 60, 20), ("5/min burst 5", 5, 60, 5), ("1/s burst 1", 1, 1, 1),
              ("7/min burst 3", 7, 60, 3), ("3/13s burst 4", 3, 13, 4), ("20/h burst 2", 20, 3600, 2),
              ("1/day burst 3", 1, 86400, 3), ("997/h burst 6", 997, 3600, 6)]

    def compare(self, trial, model, log):
        self.assertEqual(trial["refused"], model.total)
        self.assertEqual(trial["allowed"], len(log) - model.total)
        self.assertEqual(trial["keys_refused"], len(model.refused))
        self.assertEqual({w["key"]: w["refused"] for w in trial["worst"]}, model.refused)
        for w in trial["worst"]:
            self.assertEqual(w["requests"], sum(key == w["key"] for _, key, _ in log))
            self.assertEqual(int(datetime.fromisoformat(w["first_refusal"]).timestamp()), int(model.first[w["key"]]))
            wait = model.wait[w["key"]]
            expected = None if wait == float("inf") else -(-wait * 10**9 // 1)  # Rounded up.
            self.assertEqual(w["longest_wait_ns"], expected)

    def test_quotas(self):
        log = events(LOG)
        for text, tokens, period, burst in self.QUOTAS:
            with self.subTest(text):
                report = simulate(LOG, "--quota", text, "--top", 1000)
                self.compare(report["trials"][0], Model(log, tokens, period, burst), log)
                needed = -(Model(log, tokens, period, None).lowest // 1)
                self.assertEqual(report["trials"][0]["smallest_burst"], [needed])
                self.assertEqual(Model(log, tokens, period, needed).total, 0)
                self.assertGreater(Model(log, tokens, period, needed - 1).total, 0)
                intervals = report["timeline"]["intervals"]
                self.assertEqual(sum(i["requests"] for i in intervals), len(log))
                self.assertEqual(sum(i["refused"][0] for i in intervals), report["trials"][0]["refused"])

    def test_keys_costs_and_spread(self):
        for arguments, log in [(["--key", "path"], events(LOG, "path")),
                               (["--spread"], spread(events(LOG))),
                               (["--spread", "--key", "path"], spread(events(LOG, "path")))]:
            with self.subTest(arguments):
                report = simulate(LOG, "--quota", "6/min burst 4", "--top", 1000, *arguments)
                self.compare(report["trials"][0], Model(log, 6, 60, 4), log)
        log = events(LOG, cost="bytes")
        report = simulate(LOG, "--quota", "200kB/min burst 300kB", "--cost", "bytes", "--top", 1000)
        self.compare(report["trials"][0], Model(log, 200_000, 60, 300_000), log)
        self.assertGreater(report["trials"][0]["never"], 0)
        self.assertEqual(report["cost"], sum(cost for *_, cost in log))

    def test_search_finds_what_trying_all_finds(self):
        log = events(LOG)
        target = simulate(LOG, "--quota", "5/min burst 5", "--target-refused", "1%")["trials"][0]["target"]
        budget = len(log) // 100
        burst = next(b for b in range(1, 100) if Model(log, 5, 60, b).total <= budget)
        tokens = next(t for t in range(1, 100) if Model(log, t, 60, 5).total <= budget)
        self.assertEqual(target["requests"], budget)
        self.assertEqual(target["by_burst"]["burst"], burst)
        self.assertEqual(target["by_burst"]["refused"], Model(log, 5, 60, burst).total)
        self.assertEqual(target["by_rate"]["tokens"], tokens)
        self.assertEqual(target["by_rate"]["refused"], Model(log, tokens, 60, 5).total)

    def test_compare_is_two_runs(self):
        both = simulate(LOG, "--quota", "5/min burst 8", "--compare", "3/min burst 10")["trials"]
        self.assertEqual(both, [simulate(LOG, "--quota", quota)["trials"][0] for quota in ("5/min burst 8", "3/min burst 10")])


class Inputs(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.at = Path(self.dir.name)
        self.lines = LOG.read_bytes().splitlines(keepends=True)
        self.quota = ("--quota", "5/min burst 5")
        self.expected = simulate(LOG, *self.quota)["trials"]

    def write(self, name, data):
        (self.at / name).write_bytes(data)
        return self.at / name

    def test_the_same_log_in_other_clothes(self):
        whole = LOG.read_bytes()
        half = len(self.lines) // 2
        first, second = b"".join(self.lines[:half]), b"".join(self.lines[half:])
        for name, data in {"gz": gzip.compress(whole), "members.gz": gzip.compress(first) + gzip.compress(second),
                           "crlf": whole.replace(b"\n", b"\r\n"), "open-ended": whole.rstrip(b"\n"),
                           "combined": whole.replace(b"\n", b' "http://r/" "Agent/1.0"\n')}.items():
            with self.subTest(name):
                self.assertEqual(simulate(self.write(name, data), *self.quota)["trials"], self.expected)
        self.assertEqual(simulate("-", *self.quota, stdin=whole)["trials"], self.expected)
        self.assertEqual(simulate("-", *self.quota, stdin=gzip.compress(whole))["trials"], self.expected)
        a, b = self.write("access.log.1.gz", gzip.compress(first)), self.write("access.log", second)
        self.assertEqual(simulate(b, a, *self.quota)["trials"], self.expected)  # As a shell lists them: newest first.
        search = (*self.quota, "--target-refused", "1")
        self.assertEqual(simulate("-", *search, stdin=whole)["trials"], simulate(LOG, *search)["trials"])

    def test_damaged_long_and_late_lines_are_counted(self):
        lines = list(self.lines)
        lines.insert(100, b"damaged\n")
        lines.insert(200, b"x" * 200_000 + b"\n")
        lines.insert(300, b'late - - [31/Jul/1995:23:59:00 -0400] "GET / HTTP/1.0" 200 1\n')
        report = simulate(self.write("log", b"".join(lines)), *self.quota)
        self.assertEqual([report["input"][k] for k in ("lines", "damaged", "too_long", "out_of_order")], [1883, 1, 1, 1])
        self.assertTrue(report["input"]["first_damaged"].endswith("/log:101"))
        self.assertEqual(report["trials"], [dict(self.expected[0], allowed=self.expected[0]["allowed"] + 1)])

    def test_a_leap_ahead_is_warned_of(self):
        lines = list(self.lines)
        lines.insert(50, b'h - - [01/Aug/2095:00:00:01 -0400] "GET / HTTP/1.0" 200 1\n')
        log = self.write("leap.log", b"".join(lines))
        self.assertIn(f"at {log}:51: if that line's date is wrong remove it", sluice(log, *self.quota)[2])

    def test_zones_are_taken_into_account(self):
        shifted = LOG.read_bytes().replace(b"01/Aug/1995:00", b"01/Aug/1995:04").replace(b"01/Aug/1995:01", b"01/Aug/1995:05")
        report = simulate(self.write("utc", shifted.replace(b"-0400", b"+0000")), *self.quota)
        self.assertEqual([w["refused"] for w in report["trials"][0]["worst"]], [w["refused"] for w in self.expected[0]["worst"]])
        self.assertTrue(report["input"]["first"].startswith("1995-08-01T04:00:01+00:00"))

    def test_errors_name_the_thing_and_the_mend(self):
        bad = self.write("bad.log", b"not a log\n")
        cut = self.write("cut.gz", gzip.compress(LOG.read_bytes())[:-100])
        for arguments, words in [((LOG,), "--quota"), ((LOG, "--quota", "10"), "as in 10/s"),
                                 ((LOG, *self.quota, "--key", "/(/"), "missing )"),
                                 ((LOG, *self.quota, "--key", "who"), "use ip, user, path"),
                                 ((LOG, *self.quota, "--cost", "2"), "use 1 or bytes"),
                                 ((LOG, *self.quota, "--target-refused", "x"), "per cent"),
                                 ((LOG, *self.quota, "--report", "/no/such/dir/x.html"), "/no/such/dir/x.html"),
                                 (("/no/such.log", *self.quota), "/no/such.log: No such file"),
                                 ((bad, *self.quota), "bad.log:1: not an access log"),
                                 ((LOG, *self.quota, "--key", "user"), "choose another with --key"),
                                 ((cut, *self.quota), "cut.gz: the gzip data ends in the middle"),
                                 ((LOG, "--quota", "1/day", "--max-keys", "10"), "--max-keys"),
                                 ((LOG, *self.quota, "--nonsense"), "--nonsense")]:
            with self.subTest(words):
                code, out, err = sluice(*arguments)
                self.assertEqual((code, out), (2, ""), err)
                self.assertIn(words, err)

    def test_exit_codes(self):
        self.assertEqual(sluice(LOG, "--quota", "10/min burst 20")[0], 0)
        self.assertEqual(sluice(LOG, "--quota", "5/min burst 5")[0], 1)
        self.assertEqual(sluice(self.write("empty", b""), "--quota", "5/min")[0], 0)

    def test_nothing_a_log_says_reaches_the_terminal_raw(self):
        log = b'\x1b[2Jevil\x07 - - [01/Aug/1995:00:00:01 -0400] "GET / HTTP/1.0" 200 1\n' * 5
        code, out, _ = sluice(self.write("evil.log", log), "--quota", "1/h")
        self.assertEqual(code, 1)
        self.assertNotIn("\x1b", out)
        self.assertIn("\\x1B[2Jevil\\x07", out)


class Page(html.parser.HTMLParser):
    VOID = {"meta", "br", "path", "link", "img"}  # path: closed by itself, inside svg.

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.bad, self.attributes, self.text = [], [], [], [], ""
        self.feed(text)
        self.close()
        self.bad += self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.bad.append(tag)

    def handle_data(self, data):
        self.text += data


class HtmlReport(unittest.TestCase):
    def page(self, log, *arguments):
        with tempfile.TemporaryDirectory() as at:
            out = Path(at) / "out.html"
            code, _, err = sluice(log, "--report", out, *arguments)
            self.assertIn(code, (0, 1), err)
            text = out.read_text("utf-8")
        page = Page(text)
        self.assertEqual(page.bad, [], "tags that do not nest")
        self.assertEqual(re.findall(r"https?://", text.replace("http://www.w3.org/", "")), [])
        for name, value in page.attributes:
            self.assertNotIn(name, ("src", "href"))
            self.assertFalse(name.startswith("on"))
        self.assertNotRegex(text, r"\bnan\b|\binf\b")
        return page

    def test_one_quota(self):
        page = self.page(LOG, "--quota", "5/min burst 5", "--target-refused", "1")
        self.assertEqual(page.tags.count("svg"), 7)  # Requests, and six keys.
        self.assertIn("uplherc.upl.com", page.text)

    def test_two_quotas(self):
        self.assertEqual(self.page(LOG, "--quota", "5/min", "--compare", "20/h").tags.count("svg"), 8)

    def test_odd_logs(self):
        with tempfile.TemporaryDirectory() as at:
            log = Path(at) / "x.log"
            line = '{} - - [{}] "GET / HTTP/1.0" 200 1\n'
            for name, lines in {"none": "", "one": line.format("h", "01/Aug/1995:00:00:01 -0400"),
                                "years": line.format("h", "01/Jan/1971:00:00:01 +0000") + line.format("h", "01/Jan/2100:00:00:01 +0000"),
                                "evil": line.format("\"'><script>alert(1)</script>", "01/Aug/1995:00:00:01 -0400") * 9}.items():
                with self.subTest(name):
                    log.write_text(lines)
                    page = self.page(log, "--quota", "2/h")
                    self.assertEqual(page.tags.count("script"), 1)


class Documents(unittest.TestCase):
    def test_every_sample_is_what_it_says(self):
        text = (ROOT / "docs" / "simulate.md").read_text()
        samples = re.findall(r"```console\n\$ sluice simulate (.*)\n([^`]*)```", text)
        self.assertGreaterEqual(len(samples), 2)
        for command, output in samples:
            with self.subTest(command):
                self.assertEqual(sluice(*shlex.split(command), cwd=ROOT)[1], output)


class ManyKeys(unittest.TestCase):
    def test_forgetting_changes_no_decision(self):
        rng = random.Random(5)
        line = '{} - - [01/Aug/1995:{:02}:{:02}:{:02} -0400] "GET / HTTP/1.0" 200 1\n'
        log = "".join(line.format(rng.choice(["hot", f"cold{rng.randrange(3000)}"]), s // 3600, s // 60 % 60, s % 60)
                      for s in range(0, 20000)).encode()
        all_held, few_held = (simulate("-", "--quota", "1/3s burst 4", "--max-keys", n, stdin=log) for n in (10**6, 100))
        self.assertGreater(few_held["keys_forgotten"], 0)
        self.assertEqual(all_held["keys_forgotten"], 0)
        for field in ("refused", "smallest_burst"):
            self.assertEqual(all_held["trials"][0][field], few_held["trials"][0][field])
        self.assertGreater(all_held["trials"][0]["refused"], 0)


if __name__ == "__main__":
    unittest.main(verbosity=1)
