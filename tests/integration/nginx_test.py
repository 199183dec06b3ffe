#!/usr/bin/env python3
"""nginx with examples/nginx/nginx.conf in front of an application, asking `sluice`. Usage: nginx_test.py SLUICE

The file is used as it stands but for the three addresses, which become free ports, and longer waits for a slow machine.
"""
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from harness import WAIT, Folder, Server, eventually

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/nginx/nginx.conf")
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
LIMITS = "limits: {api: {quotas: [1/h burst 3, 100/day]}}"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Application(http.server.BaseHTTPRequestHandler):
    """Says what it was asked; its own 403 at /forbidden."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"application"
        self.send_response(403 if self.path == "/forbidden" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, *_):
        pass


@unittest.skipUnless(NGINX, "nginx is not installed")
class Nginx(Folder):
    def setUp(self):
        super().setUp()
        self.application = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
        threading.Thread(target=self.application.serve_forever, daemon=True).start()
        self.addCleanup(self.application.server_close)
        self.addCleanup(self.application.shutdown)
        self.sluice = self.enterContext(Server("--limits", self.write("limits.yaml", LIMITS), resp="none", http="127.0.0.1:0"))
        self.port = self.start_nginx()

    def start(self, arguments, **options):
        log = tempfile.TemporaryFile("w+", dir=self.folder)
        self.addCleanup(log.close)

        def said():
            log.seek(0)
            return log.read()

        process = subprocess.Popen(arguments, stderr=log, text=True, **options)

        def end():
            if process.poll() is None:
                process.terminate()
            process.wait(WAIT)

        self.addCleanup(end)
        return process, said

    def start_nginx(self):
        with open(EXAMPLE) as f:
            text = f.read()
        port = free_port()
        for old, new in (("127.0.0.1:8088", f"127.0.0.1:{port}"), ("127.0.0.1:8080", self.sluice.addresses["http"]),
                         ("127.0.0.1:9000", f"127.0.0.1:{self.application.server_port}"), ("200ms", "10s")):
            self.assertIn(old, text)
            text = text.replace(old, new)
        path = self.write("nginx.conf", text)
        process, said = self.start([NGINX, "-p", self.folder, "-c", path, "-e", "stderr", "-g", "daemon off;"])
        eventually(lambda: accepts(port) or process.poll() is not None, said)
        self.assertIsNone(process.poll(), said())
        return port

    def ask(self, method="GET", path="/", body=None, headers={}):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response, text

    def test_refusals_become_429_with_the_fields(self):
        for left in (2, 1, 0):
            response, text = self.ask()
            self.assertEqual((response.status, text), (200, b"application"))
            self.assertEqual(response.headers["RateLimit-Policy"], '"api";q=3;w=10800, "api#1";q=100;w=86400')
            self.assertTrue(response.headers["RateLimit"].startswith(f'"api";r={left};t='), response.headers["RateLimit"])
            self.assertIsNone(response.headers["Retry-After"])
        response, text = self.ask()
        self.assertEqual(response.status, 429)
        self.assertIn(int(response.headers["Retry-After"]), range(3500, 3601))
        self.assertEqual(response.headers["RateLimit-Policy"], '"api";q=3;w=10800, "api#1";q=100;w=86400')
        self.assertTrue(response.headers["RateLimit"].startswith('"api";r=0;t='), response.headers["RateLimit"])
        self.assertEqual(response.headers["Content-Type"], "application/problem+json")
        self.assertEqual(json.loads(text)["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded")

    def test_what_clients_send_changes_nothing(self):
        """Bodies, the browser's fields, and fields that name another limit do not reach Sluice."""
        response, _ = self.ask("POST", "/?limit=none&key=x&cost=99", b"x" * 100_000,
                               {"Origin": "http://elsewhere", "Sec-Fetch-Site": "cross-site", "X-Sluice-Limit": "none",
                                "X-Sluice-Key": "other", "X-Sluice-Cost": "0"})
        self.assertEqual(response.status, 200)
        self.assertTrue(response.headers["RateLimit"].startswith('"api";r=2;'), response.headers["RateLimit"])

    def test_the_applications_own_403_stays(self):
        response, text = self.ask(path="/forbidden")
        self.assertEqual((response.status, text), (403, b"application"))

    def test_without_sluice_requests_pass(self):
        self.sluice.signal(signal.SIGKILL)
        self.sluice.process.wait(WAIT)
        for _ in range(5):
            self.assertEqual(self.ask()[0].status, 200)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + ["-v"] + sys.argv[1:])
