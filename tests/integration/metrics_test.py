"""What is made for those who watch: the alerts and the dashboard speak of metrics that there are, and promtool, where it is installed, agrees."""
import json
import os
import re
import shutil
import subprocess
import unittest
import urllib.request

from certificates import issue, make_ca
from harness import WAIT, Folder, Server, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")
ALERTS = os.path.join(ROOT, "packaging/prometheus/alerts.yaml")
SERIES = 5
METRIC = re.compile(r"\b(?:sluice|process)_[a-z_]+\b")


def read(*path):
    with open(os.path.join(ROOT, *path)) as f:
        return f.read()


def documented():
    """The table in docs/operations.md: by name its type, its labels with the most values of each, and what it says."""
    section = read("docs/operations.md").split("\n## Metrics\n")[1].split("\n## ")[0]
    table = {}
    for line in section.splitlines():
        if found := re.fullmatch(r"\| `((?:sluice|process)_\w+)` \| (\w+) \| (.*?) ?\| ?(.*?) ?\| (.+) \|", line):
            assert found[1] not in table, line
            table[found[1]] = (found[2], dict(re.findall(r"`(\w+)`(?: \((.*?)\))?", found[3])), found[5])
    return table


def used(expression):
    names = set(METRIC.findall(re.sub(r'"[^"]*"', "", expression)))
    return {re.sub(r"^(sluice_request_seconds)_(bucket|count|sum)$", r"\1", name) for name in names}


def page(server, token=None):
    request = urllib.request.Request(f"http://{server.addresses['http']}/metrics", headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=WAIT) as reply:
        return reply.read().decode()


def promtool(*arguments, **options):
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=120, **options)
    return done.returncode, done.stdout + done.stderr


with_promtool = unittest.skipUnless(PROMTOOL, "there is no promtool: it is in Debian's package prometheus")


class Metrics(Folder):
    def server(self):
        """All that has metrics of its own is switched on; the shared store is away."""
        limits = self.write("limits.yaml", "limits:\n  one: {quota: 1/h}\n")
        os.mkdir(self.path("policies"))
        self.write("policies/a.yaml", "domain: a\ndescriptors:\n  - key: k\n    rate_limit: {unit: hour, requests_per_unit: 1}\n")
        make_ca(self.folder)
        issue(self.folder, "own")
        return Server("--limits", limits, "--policies", self.path("policies"), "--snapshot", self.path("buckets"), "--history", self.path("history"),
                      "--store", "redis://127.0.0.1:1", "--trace-endpoint", "http://127.0.0.1:1", "--max-detailed-series", str(SERIES), "--tls", "resp", "--tls-cert", self.path("own.pem"),
                      "--tls-key", self.path("own.key"), http="127.0.0.1:0", grpc="127.0.0.1:0")

    def test_the_table_is_what_a_server_tells(self):
        """Each metric with its type, help and labels: none missing, none more; and each label keeps to its bound."""
        with self.server() as server:
            for i in range(3 * SERIES):  # Names that clients make up.
                body = json.dumps({"domain": f"d{i}", "descriptors": [{"entries": [{"key": "k", "value": str(i)}]}]}).encode()
                urllib.request.urlopen(f"http://{server.addresses['http']}/json", body, timeout=WAIT).close()
            text = page(server)
        table = documented()
        heads = {kind: dict(re.findall(rf"^# {kind} (\S+) (.+)$", text, re.M)) for kind in ("HELP", "TYPE")}
        self.assertEqual(text.count("# HELP "), len(heads["HELP"]))
        self.assertEqual(heads["HELP"].keys(), heads["TYPE"].keys())
        only_with_tokens = {name for name in table if name.startswith(("sluice_denied", "sluice_tokens"))}
        self.assertEqual(heads["TYPE"].keys() | only_with_tokens, table.keys())
        values = {}
        for name, help_text in heads["HELP"].items():
            kind, labels, meaning = table[name]
            self.assertEqual(heads["TYPE"][name], kind, name)
            self.assertTrue(meaning.startswith(help_text.replace("\\\\", "\\")), f"{name}: the table says {meaning!r}, /metrics {help_text!r}")
            if name.startswith("sluice_"):
                self.assertEqual(name.endswith("_total"), kind == "counter", name)
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            name, told = re.fullmatch(r"(\w+)(?:\{(.*)\})? \S+", line).groups()
            name = name if name in table else re.sub(r"_(bucket|count|sum)$", "", name)
            told = {k: v for k, v in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', told or "") if k != "le"}
            self.assertEqual(told.keys(), table[name][1].keys(), line)
            for label, value in told.items():
                values.setdefault((name, label), set()).add(value)
        for (name, label), seen in values.items():
            bound = table[name][1][label]
            most = {"max_detailed_series + 1": SERIES + 1, "rules of the policies + max_detailed_series + 1": 1 + SERIES + 1}.get(bound) or int(bound or 10**9)
            self.assertLessEqual(len(seen), most, (name, label))
        self.assertEqual(len(values["sluice_domain_not_found_total", "domain"]), SERIES + 1)

    def test_tokens_have_metrics_of_their_own(self):
        code, told, error = run("token", "new", "watch", "--roles", "inspect", "--json")
        self.assertEqual(code, 0, error)
        with Server("--tokens", self.write("tokens.yaml", "tokens:\n" + json.loads(told)["line"] + "\n"), http="127.0.0.1:0") as server:
            text = page(server, json.loads(told)["token"])
        for name, (kind, labels, meaning) in documented().items():
            if name.startswith(("sluice_denied", "sluice_tokens")):
                self.assertIn(f"# TYPE {name} {kind}\n", text)
                self.assertTrue(meaning.startswith(re.search(rf"# HELP {name} (.+)", text)[1]), name)
                self.assertEqual(set(re.findall(r'(\w+)="', re.search(rf"^{name}(\S*) ", text, re.M)[1])), labels.keys())

    def test_alerts_speak_of_metrics_that_there_are_and_have_a_runbook(self):
        text, docs = read("packaging/prometheus/alerts.yaml"), read("docs/operations.md")
        alerts = re.findall(r"- alert: (\w+)", text)
        self.assertGreater(len(alerts), 10)
        self.assertEqual(len(alerts), len(set(alerts)))
        self.assertEqual(re.findall(r"runbook: docs/operations.md#(\w+)", text), [name.lower() for name in alerts])
        for name in alerts:
            self.assertIn(f"\n### {name}\n", docs)
        self.assertEqual(set(re.findall(r"\n### (Sluice\w+)\n", docs)), set(alerts))
        self.assertEqual(used(re.sub(r"(summary|description|runbook): .*", "", text)) - documented().keys(), set())

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
            self.assertEqual(used(expression) - documented().keys(), set())
            self.assertEqual(expression.count("("), expression.count(")"))
        self.assertEqual(used(json.dumps(board["templating"]).replace('\\"', "")) - documented().keys(), set())
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
