"""What is made for those who watch: the alerts and the dashboard speak of metrics that there are, and promtool, where it is installed, agrees."""
import json
import os
import re
import shutil
import subprocess
import unittest
import urllib.request

from harness import WAIT, Folder, Server

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")
ALERTS = os.path.join(ROOT, "packaging/prometheus/alerts.yaml")
METRIC = re.compile(r"\b(?:sluice|process)_[a-z_]+\b")


def read(*path):
    with open(os.path.join(ROOT, *path)) as f:
        return f.read()


def documented():
    """Metrics by name, of the table in docs/operations.md, which server_test holds against a server's page."""
    section = read("docs/operations.md").split("\n## Metrics\n")[1].split("\n## ")[0]
    return {name for line in section.splitlines() if line.startswith("|") for name in METRIC.findall(line.split("|")[1])}


def used(expression):
    names = set(METRIC.findall(re.sub(r'"[^"]*"', "", expression)))
    return {re.sub(r"^(sluice_request_seconds)_(bucket|count|sum)$", r"\1", name) for name in names}


def page(server):
    with urllib.request.urlopen(f"http://{server.addresses['http']}/metrics", timeout=WAIT) as reply:
        return reply.read().decode()


def promtool(*arguments, **options):
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=120, **options)
    return done.returncode, done.stdout + done.stderr


with_promtool = unittest.skipUnless(PROMTOOL, "there is no promtool: it is in Debian's package prometheus")


class Metrics(Folder):
    def server(self):
        limits = self.write("limits.yaml", "limits:\n  one: {quota: 1/h}\n")
        os.mkdir(self.path("policies"))
        self.write("policies/a.yaml", "domain: a\ndescriptors:\n  - key: k\n    rate_limit: {unit: hour, requests_per_unit: 1}\n")
        return Server("--limits", limits, "--policies", self.path("policies"), "--snapshot", self.path("buckets"), "--store",
                      "redis://127.0.0.1:1", http="127.0.0.1:0", grpc="127.0.0.1:0")

    def test_the_page_is_well_formed(self):
        with self.server() as server:
            text = page(server)
        families = {}
        for line in text.splitlines():
            if found := re.match(r"# (HELP|TYPE) (\S+) (.+)", line):
                self.assertIsNone(families.setdefault(found[2], {}).setdefault(found[1], None), line)
                families[found[2]][found[1]] = found[3]
        for name, family in families.items():
            self.assertEqual(family.keys(), {"HELP", "TYPE"}, name)
            if name.startswith("sluice_"):
                self.assertEqual(name.endswith("_total"), family["TYPE"] == "counter", name)
        self.assertLessEqual(families.keys(), documented())

    def test_alerts_speak_of_metrics_that_there_are_and_have_a_runbook(self):
        text, docs = read("packaging/prometheus/alerts.yaml"), read("docs/operations.md")
        alerts = re.findall(r"- alert: (\w+)", text)
        self.assertGreater(len(alerts), 10)
        self.assertEqual(len(alerts), len(set(alerts)))
        self.assertEqual(re.findall(r"runbook: docs/operations.md#(\w+)", text), [name.lower() for name in alerts])
        for name in alerts:
            self.assertIn(f"\n### {name}\n", docs)
        self.assertEqual(set(re.findall(r"\n### (Sluice\w+)\n", docs)), set(alerts))
        self.assertEqual(used(re.sub(r"(summary|description|runbook): .*", "", text)) - documented(), set())

    def test_each_alert_has_a_test_that_fires(self):
        tests = read("packaging/prometheus/alerts_test.yaml")
        for name in re.findall(r"- alert: (\w+)", read("packaging/prometheus/alerts.yaml")):
            self.assertRegex(tests, rf"alertname: {name}\n\s+exp_alerts:\n")
            self.assertRegex(tests, rf"alertname: {name}, exp_alerts: \[\]")

    def test_the_dashboard_speaks_of_metrics_that_there_are(self):
        board = json.loads(read("packaging/grafana/sluice.json"))
        expressions = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
        self.assertGreater(len(expressions), 25)
        for expression in expressions:
            self.assertTrue(used(expression), expression)
            self.assertEqual(used(expression) - documented(), set())
            self.assertEqual(expression.count("("), expression.count(")"))
        self.assertLessEqual(used(json.dumps(board["templating"]).replace('\\"', "")), documented())
        ids = [panel["id"] for panel in board["panels"]]
        self.assertEqual(len(ids), len(set(ids)))

    @with_promtool
    def test_promtool_finds_no_fault_with_the_page(self):
        with self.server() as server:
            code, said = promtool("check", "metrics", input=page(server))
        self.assertEqual((code, said), (0, ""))

    @with_promtool
    def test_promtool_finds_no_fault_with_the_alerts(self):
        self.assertEqual(promtool("check", "rules", ALERTS)[0], 0)
        code, said = promtool("test", "rules", "alerts_test.yaml", cwd=os.path.dirname(ALERTS))
        self.assertEqual(code, 0, said)

    @with_promtool
    def test_promtool_can_read_each_expression_of_the_dashboard(self):
        board = json.loads(read("packaging/grafana/sluice.json"))
        expressions = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
        rules = {"groups": [{"name": "board", "rules": [{"record": f"board:panel:{i}", "expr": e.replace("$__rate_interval", "1m")}
                                                        for i, e in enumerate(expressions)]}]}
        code, said = promtool("check", "rules", self.write("board.yaml", json.dumps(rules)))  # JSON is YAML.
        self.assertEqual(code, 0, said)


if __name__ == "__main__":
    unittest.main()
