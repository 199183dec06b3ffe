#!/usr/bin/env python3
"""The guides of docs/guides, by their own code blocks: guides_test.py SLUICE

Of each guide: its policy is valid; its configuration has no field that the proxy's API has not; from the configuration it is
worked out which descriptors the proxy sends for the requests of the guide's table, as that proxy's source does; these are
what the table says, and a real server, asked by gRPC, lets through as many at once as the table says.
"""
import re
import sys
import unittest
from pathlib import Path

from grpc_test import Service, rls_pb2  # First: it may begin anew with Debian's Python.
import yaml

import proxy_fields as fields
from harness import WAIT, Folder, Server, run

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "docs/guides"
OK, OVER = rls_pb2.RateLimitResponse.OK, rls_pb2.RateLimitResponse.OVER_LIMIT
BLOCK = re.compile(r"<!-- *(file|example): *(\S+) *-->\n```\w*\n(.*?)^```$", re.M | re.S)
ROW = re.compile(r"^\| (`[^|]*`) \| `([^|`]+)` \| (\d+) \|$", re.M)
CLIENT = "203.0.113.7"


class Guide:
    def __init__(self, name):
        self.text = (GUIDES / f"{name}.md").read_text(encoding="utf-8")
        found = BLOCK.findall(self.text)
        self.files = {name: body for kind, name, body in found if kind == "file"}
        self.examples = {name: body for kind, name, body in found if kind == "example"}

    def documents(self, name):
        return list(yaml.safe_load_all(self.files[name]))

    def of_kind(self, name, kind):
        return [d for d in self.documents(name) if d.get("kind") == kind]

    def rows(self):
        """(path, headers, descriptors, how many at once)"""
        for words, descriptors, most in ROW.findall(self.text):
            first, *headers = re.findall(r"`([^`]+)`", words)
            yield (first.split()[1], dict(h.split(": ") for h in headers),
                   [[tuple(e.split("=", 1)) for e in d.split()] for d in descriptors.split(" + ")], int(most))


# What proxies make of their configuration: Envoy's actions, and others' translations into them.

def matches(matcher, headers):
    value = headers.get(matcher["name"].lower())
    [(how, text)] = matcher["string_match"].items()
    return value is not None and {"exact": value == text, "prefix": value.startswith(text)}[how]


def entry(action, headers):
    [(kind, given)] = action.items()
    if kind == "remote_address":
        return "remote_address", CLIENT
    if kind == "generic_key":
        return given.get("descriptor_key", "generic_key"), given["descriptor_value"]
    if kind == "request_headers":
        value = headers.get(given["header_name"].lower())
        return value and (given["descriptor_key"], value)
    if kind == "header_value_match":
        met = all(matches(m, headers) for m in given["headers"]) == given.get("expect_match", True)
        return met and (given.get("descriptor_key", "header_match"), given["descriptor_value"])
    raise AssertionError(f"no model of {kind}")


def descriptors(rate_limits, path, headers):
    """An action that has nothing to add takes its descriptor with it."""
    headers = {":path": path, **headers}
    whole = [[entry(action, headers) for action in limit["actions"]] for limit in rate_limits]
    return [entries for entries in whole if all(entries)]


def longest_prefix(routes, path):
    return max((r for r in routes if path.startswith(r[0])), key=lambda r: len(r[0]))[1]


def contour_actions(policy):
    def action(given):
        [(kind, e)] = given.items()
        return {"genericKey": lambda: {"generic_key": {"descriptor_key": e.get("key", "generic_key"), "descriptor_value": e["value"]}},
                "remoteAddress": lambda: {"remote_address": {}},
                "requestHeader": lambda: {"request_headers": {"header_name": e["headerName"], "descriptor_key": e["descriptorKey"]}},
                }[kind]()
    return [{"actions": [action(e) for e in d["entries"]]} for d in policy["global"]["descriptors"]]


def emissary_actions(groups):
    def action(given):
        [(kind, e)] = given.items()
        return {"generic_key": lambda: {"generic_key": {"descriptor_key": e.get("key", "generic_key"), "descriptor_value": e["value"]}},
                "remote_address": lambda: {"remote_address": {}},
                "request_headers": lambda: {"request_headers": {"header_name": e["header_name"], "descriptor_key": e["key"]}},
                }[kind]()
    return [{"actions": [action(e) for e in labels]} for group in groups for labels in group.values()]


class Guides(Folder):
    def known(self, schema, message, value):
        self.assertEqual(fields.unknown(schema, message, value), [])

    def decides(self, name, domain, sent):
        """`sent(path, headers)`: what the proxy sends. None: the guide's table is taken by its word."""
        guide = Guide(name)
        policy = self.write("policy.yaml", guide.files["policy.yaml"])
        self.assertEqual(run("check", policy)[0], 0)
        rows = list(guide.rows())
        self.assertGreaterEqual(len(rows), 2, "the guide has a table of requests")
        for path, headers, wanted, most in rows:
            with self.subTest(path=path, headers=headers):
                if sent:
                    self.assertEqual(sent(path, headers), wanted)
                self.lets_through(policy, domain, wanted, most)

    def lets_through(self, policy, domain, wanted, most):
        """So many at once and not one more, all or nothing; asked by hits, so that no time passes between them."""
        with Server("--policies", policy, resp="none", grpc="127.0.0.1:0") as server, Service(server.addresses["grpc"]) as service:
            message = rls_pb2.RateLimitRequest(domain=domain, hits_addend=most + 1)
            for entries in wanted:
                descriptor = message.descriptors.add()
                for key, value in entries:
                    descriptor.entries.add(key=key, value=value)
            self.assertEqual(service.ask(message, timeout=WAIT).overall_code, OVER)
            message.hits_addend = most
            answer = service.ask(message, timeout=WAIT)
            self.assertEqual(answer.overall_code, OK)
            self.assertEqual(len(answer.statuses), len(wanted))
            self.assertTrue(all(s.HasField("current_limit") for s in answer.statuses), "each descriptor meets a rule")

    def test_the_same_policy_everywhere(self):
        policies = {name: Guide(name).files["policy.yaml"] for name in ("envoy", "istio", "contour", "emissary", "envoy-gateway")}
        self.assertEqual(len(set(policies.values())), 1)

    def test_examples_are_shown_as_they_are(self):
        for name in ("nginx", "haproxy"):
            examples = Guide(name).examples
            self.assertTrue(examples)
            for file, body in examples.items():
                self.assertEqual(body, (ROOT / "examples" / file).read_text(encoding="utf-8"), file)

    def test_nginx(self):
        self.decides("nginx", "edge", None)

    def test_haproxy(self):
        self.decides("haproxy", "edge", None)

    def test_envoy(self):
        [bootstrap] = Guide("envoy").documents("envoy.yaml")
        self.known(fields.ENVOY, "Bootstrap", bootstrap)
        resources = bootstrap["static_resources"]
        manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        limiter, router = manager["http_filters"]
        self.assertEqual((limiter["name"], router["name"]), ("envoy.filters.http.ratelimit", "envoy.filters.http.router"))
        config = limiter["typed_config"]
        clusters = {c["name"]: c for c in resources["clusters"]}
        cluster = clusters[config["rate_limit_service"]["grpc_service"]["envoy_grpc"]["cluster_name"]]
        where = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
        self.assertEqual(where["port_value"], 8081)
        host = manager["route_config"]["virtual_hosts"][0]
        self.assertIn(host["routes"][0]["route"]["cluster"], clusters)
        self.decides("envoy", config["domain"], lambda path, headers: descriptors(host["rate_limits"], path, headers))

    def test_istio(self):
        [envoy_filter] = Guide("istio").documents("istio.yaml")
        self.known(fields.ISTIO, "EnvoyFilter", envoy_filter["spec"])
        by_kind = {p["applyTo"]: p["patch"]["value"] for p in envoy_filter["spec"]["configPatches"]}
        self.known(fields.ENVOY, "Extension", by_kind["HTTP_FILTER"])
        self.known(fields.ENVOY, "VirtualHost", by_kind["VIRTUAL_HOST"])
        config = by_kind["HTTP_FILTER"]["typed_config"]
        self.assertEqual(config["rate_limit_service"]["grpc_service"]["envoy_grpc"],
                         {"cluster_name": f"outbound|{self.port}||{self.service}", "authority": self.service})
        limits = by_kind["VIRTUAL_HOST"]["rate_limits"]
        self.decides("istio", config["domain"], lambda path, headers: descriptors(limits, path, headers))

    def test_contour(self):
        guide = Guide("contour")
        [extension] = guide.of_kind("contour.yaml", "ExtensionService")
        [proxy] = guide.of_kind("contour.yaml", "HTTPProxy")
        [settings] = guide.of_kind("contour.yaml", "ConfigMap")
        settings = yaml.safe_load(settings["data"]["contour.yaml"])
        self.known(fields.CONTOUR, "ExtensionService", extension["spec"])
        self.known(fields.CONTOUR, "HTTPProxy", proxy["spec"])
        self.known(fields.CONTOUR, "ContourYaml", settings)
        service = settings["rateLimitService"]
        self.assertEqual(service["extensionService"], f"{extension['metadata']['namespace']}/{extension['metadata']['name']}")
        self.assertEqual(f"{extension['spec']['services'][0]['name']}.{extension['metadata']['namespace']}.svc.cluster.local", self.service)
        self.assertEqual(extension["spec"]["services"][0]["port"], self.port)
        routes = [(r["conditions"][0]["prefix"], contour_actions(r["rateLimitPolicy"])) for r in proxy["spec"]["routes"]]
        self.decides("contour", service["domain"], lambda path, headers: descriptors(longest_prefix(routes, path), path, headers))

    def test_emissary(self):
        guide = Guide("emissary")
        [service] = guide.of_kind("emissary.yaml", "RateLimitService")
        mappings = guide.of_kind("emissary.yaml", "Mapping")
        self.known(fields.EMISSARY, "RateLimitService", service["spec"])
        for mapping in mappings:
            self.known(fields.EMISSARY, "Mapping", mapping["spec"])
        host, port = service["spec"]["service"].split(":")
        self.assertEqual((f"{host}.svc.cluster.local", int(port)), (self.service, self.port))
        domain = service["spec"]["domain"]
        routes = [(m["spec"]["prefix"], emissary_actions(m["spec"]["labels"][domain])) for m in mappings]
        self.decides("emissary", domain, lambda path, headers: descriptors(longest_prefix(routes, path), path, headers))

    def test_envoy_gateway(self):
        [policy] = Guide("envoy-gateway").of_kind("gateway.yaml", "EnvoyPatchPolicy")
        self.known(fields.GATEWAY, "EnvoyPatchPolicy", policy["spec"])
        by_type = {p["type"].rsplit(".", 1)[1]: p["operation"] for p in policy["spec"]["jsonPatches"]}
        cluster, limiter = by_type["Cluster"]["value"], by_type["Listener"]["value"]
        self.known(fields.ENVOY, "Cluster", cluster)
        self.known(fields.ENVOY, "Extension", limiter)
        where = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
        self.assertEqual(where, {"address": self.service, "port_value": self.port})
        self.assertEqual(limiter["typed_config"]["rate_limit_service"]["grpc_service"]["envoy_grpc"]["cluster_name"], cluster["name"])
        limits = by_type["RouteConfiguration"]["value"]
        self.known(fields.ENVOY, "VirtualHost", {by_type["RouteConfiguration"]["path"]: limits})
        self.decides("envoy-gateway", limiter["typed_config"]["domain"], lambda path, headers: descriptors(limits, path, headers))

    def setUp(self):
        super().setUp()
        [service] = Guide("kubernetes").of_kind("sluice-in-kubernetes.yaml", "Service")
        meta = service["metadata"]
        self.service = f"{meta['name']}.{meta['namespace']}.svc.cluster.local"
        self.port = next(p["port"] for p in service["spec"]["ports"] if p.get("appProtocol") == "grpc")

    def test_kubernetes(self):
        """The container's arguments are run, with the ConfigMap's files mounted elsewhere and free ports."""
        guide = Guide("kubernetes")
        [deployment], [files], [service] = (guide.of_kind("sluice-in-kubernetes.yaml", kind) for kind in ("Deployment", "ConfigMap", "Service"))
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        [mount] = container["volumeMounts"]
        for name, text in files["data"].items():
            self.write(name, text)
            self.assertEqual(yaml.safe_load(text), yaml.safe_load(Guide("envoy").files["policy.yaml"]), "the guides' policy")
        arguments = [a.replace(mount["mountPath"], self.folder) for a in container["args"]]
        ports = {p["name"]: p["containerPort"] for p in container["ports"]}
        for door, port in ports.items():
            at = arguments.index("--" + door) + 1
            self.assertEqual(arguments[at], f"0.0.0.0:{port}")
            arguments[at] = "127.0.0.1:0"
        self.assertEqual({p["targetPort"]: p["port"] for p in service["spec"]["ports"]}, ports)
        self.assertEqual(arguments.pop(0), "serve")
        with Server(*arguments, resp=None, http=None, grpc=None) as server:
            self.assertEqual(set(server.addresses), {"grpc", "http"})
            for probe in ("readinessProbe", "livenessProbe"):
                self.assertIn(b" 200 OK", self.get(server, container[probe]["httpGet"]["path"]))
            self.assertIn(b"edge.path_login.remote_address",
                          self.get(server, "/v1/explain?domain=edge&entry=path=login&entry=remote_address=203.0.113.7"))

    def get(self, server, path):
        with server.connect("http") as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode())
            whole = b""
            while part := s.recv(65536):
                whole += part
        return whole

    def test_a_field_that_is_not_there_is_found(self):
        """The check of fields checks."""
        [bootstrap] = Guide("envoy").documents("envoy.yaml")
        manager = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        manager["http_filters"][0]["typed_config"]["failure_mode_allow"] = True
        manager["route_config"]["virtual_hosts"][0]["rate_limits"][1]["actions"][0]["request_headers"]["key"] = "x"
        bootstrap["static_resources"]["clusters"][1]["typed_extension_protocol_options"][
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]["http2"] = {}
        found = " ".join(fields.unknown(fields.ENVOY, "Bootstrap", bootstrap))
        for words in ("RateLimit has no", "RequestHeaders has no", "HttpProtocolOptions has no"):
            self.assertIn(words, found)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + ["-v"] + sys.argv[1:])
