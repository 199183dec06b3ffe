#!/usr/bin/env python3
"""What the image and the Kubernetes manifest say, held against the program itself; no container is run: container_test.py SLUICE"""
import json
import os
import re
import tempfile
import unittest
import urllib.request
from pathlib import Path

import yaml
from harness import Server, run

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "packaging/container"


def with_own_ports(arguments):
    return [re.sub(r"^0\.0\.0\.0:\d+$", "127.0.0.1:0", a) for a in arguments]


class ContainerTest(unittest.TestCase):
    def start(self, arguments):
        self.assertEqual(arguments[0], "serve")
        return self.enterContext(Server(*with_own_ports(arguments[1:]), resp=None, http=None, grpc=None))

    def get(self, server, path):
        with urllib.request.urlopen(f"http://{server.addresses['http']}{path}", timeout=30) as answer:
            return answer.status

    def test_the_manifest(self):
        documents = {d["kind"]: d for d in yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())}
        pod = documents["Deployment"]["spec"]["template"]["spec"]
        box = pod["containers"][0]
        with tempfile.TemporaryDirectory() as folder:
            for name, text in documents["ConfigMap"]["data"].items():
                Path(folder, name).write_text(text)
            mount = box["volumeMounts"][0]["mountPath"]
            server = self.start([a.replace(mount, folder) for a in box["args"]])
            probes = {name: box[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
            for probe in probes.values():
                self.assertEqual((self.get(server, probe["path"]), probe["port"]), (200, "http"))
            ports = {p["name"]: p["containerPort"] for p in box["ports"]}
            self.assertEqual(ports, {d: int(box["args"][box["args"].index("--" + d) + 1].split(":")[1]) for d in server.addresses})
            self.assertEqual({p["targetPort"] for p in documents["Service"]["spec"]["ports"]}, set(ports))

    def test_the_manifest_holds_together(self):
        """What a cluster would refuse, or take and never serve: names that meet none, a user that is not the image's, probes that kill a slow start."""
        documents = {d["kind"]: d for d in yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())}
        self.assertEqual({k: d["apiVersion"] for k, d in documents.items()}, {"ConfigMap": "v1", "Deployment": "apps/v1", "Service": "v1"})
        spec = documents["Deployment"]["spec"]
        labels, pod = spec["template"]["metadata"]["labels"], spec["template"]["spec"]
        for selector in (spec["selector"]["matchLabels"], documents["Service"]["spec"]["selector"]):
            self.assertLessEqual(selector.items(), labels.items())
        box = pod["containers"][0]
        self.assertEqual({m["name"] for m in box["volumeMounts"]}, {v["name"] for v in pod["volumes"]})
        self.assertEqual({v["configMap"]["name"] for v in pod["volumes"]}, {documents["ConfigMap"]["metadata"]["name"]})
        user = re.search(r"^USER (\d+):(\d+)$", (FOLDER / "Dockerfile").read_text(), re.M)
        self.assertEqual((pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]), (int(user[1]), int(user[2])))
        self.assertGreaterEqual(box["startupProbe"]["periodSeconds"] * box["startupProbe"]["failureThreshold"], 60)
        drain = re.search(r"--drain-time DURATION=(\d+)s", run("serve", "--help")[1])
        self.assertGreater(pod["terminationGracePeriodSeconds"], int(drain[1]))
        version = re.search(r"project\(sluice VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
        self.assertTrue(box["image"].endswith(f"/sluice:{version}"), box["image"])

    def test_the_dockerfile(self):
        text = (FOLDER / "Dockerfile").read_text().replace("\\\n", " ")
        self.assertEqual(re.findall(r"^FROM (\S+)", text, re.M), ["debian:12-slim"] * 2)
        self.assertEqual(re.search(r"^USER (.*)$", text, re.M)[1], "10001:10001")
        arguments = json.loads(re.search(r"^CMD (.*)$", text, re.M)[1])
        with tempfile.TemporaryDirectory() as folder:
            settings = (ROOT / "packaging/etc/sluice.yaml").read_text().replace("/etc/sluice/", str(ROOT / "packaging/etc") + "/")
            path = Path(folder, "sluice.yaml")
            path.write_text(settings.replace("/var/lib/sluice", folder))
            server = self.start([a.replace("/etc/sluice/sluice.yaml", str(path)) for a in arguments])
            self.assertEqual(set(server.addresses), {"resp", "http", "grpc"})
            exposed = set(re.search(r"^EXPOSE (.*)$", text, re.M)[1].split())
            self.assertEqual(exposed, {a.split(":")[1] for a in arguments if a.startswith("0.0.0.0:")})
        for source in re.findall(r"(packaging/\S+\.sh|packages\.txt)", text):
            self.assertTrue(os.path.exists(ROOT / source), source)


if __name__ == "__main__":
    unittest.main(verbosity=2)
