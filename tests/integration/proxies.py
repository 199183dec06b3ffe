"""What the tests with real proxies share: an application to stand behind one, free ports, processes that end with the test."""
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from harness import WAIT, Folder, Server, eventually, until_end

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples")

LIMITS = "limits: {api: {quotas: [1/h burst 3, 100/day]}}"
POLICY = """
domain: edge
descriptors:
  - key: remote_address
    rate_limit: {unit: hour, requests_per_unit: 4}
  - key: api_key
    rate_limit: {unit: hour, requests_per_unit: 2, name: per_key}
"""


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def free_port(below=1 << 16):
    while True:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            if s.getsockname()[1] < below:
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


class Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Proxies cut the connections that they keep; that is no news."""


class Proxied(Folder):
    """An application, and whatever a test puts in front of it."""

    def setUp(self):
        super().setUp()
        application = Quiet(("127.0.0.1", 0), Application)
        threading.Thread(target=application.serve_forever, daemon=True).start()
        self.addCleanup(application.server_close)
        self.addCleanup(application.shutdown)
        self.application = f"127.0.0.1:{application.server_port}"

    def sluice(self, **files):
        """A server with limits=TEXT or policies=TEXT."""
        arguments = [word for name, text in files.items() for word in (f"--{name}", self.write(f"{name}.yaml", text))]
        return self.enterContext(Server(*arguments, "--ratelimit-fields", "true", resp="none", http="127.0.0.1:0"))

    def example(self, name, **changes):
        """A file of examples/ with other words in the place of some; each of these must be there."""
        with open(os.path.join(EXAMPLES, name), encoding="utf-8") as f:
            text = f.read()
        for old, new in changes.pop("words").items():
            self.assertIn(old, text)
            text = text.replace(old, new)
        return self.write(os.path.basename(name), text)

    def start(self, arguments, port, **options):
        """A process that listens on the port."""
        log = tempfile.TemporaryFile("w+", dir=self.folder)
        self.addCleanup(log.close)

        def said():
            log.seek(0)
            return log.read()

        process = subprocess.Popen(arguments, stdout=log, stderr=log, text=True, **options)

        def end():
            if process.poll() is None:
                process.terminate()
            process.wait(WAIT)

        self.addCleanup(end)
        eventually(lambda: accepts(port) or process.poll() is not None, said)
        self.assertIsNone(process.poll(), said())
        return said

    def ask(self, method="GET", path="/", body=None, headers={}):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response, text

    def statuses(self, n, **question):
        return [self.ask(**question)[0].status for _ in range(n)]

    def accepted(self, server):
        """How many connections the server's HTTP door has taken so far, this one's among them."""
        with server.connect("http") as s:
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
            return int(re.search(rb'(?m)^sluice_connections_accepted_total\{door="http"\} (\d+)', until_end(s))[1])

    def refusals_become_429_with_the_fields(self, name="api", policy='"api";q=3;w=10800, "api#1";q=100;w=86400', burst=3, wait=3600):
        """Of `LIMITS`, unless said otherwise, whoever asks."""
        for left in reversed(range(burst)):
            response, text = self.ask()
            self.assertEqual((response.status, text), (200, b"application"))
            self.assertEqual(response.headers["RateLimit-Policy"], policy)
            self.assertTrue(response.headers["RateLimit"].startswith(f'"{name}";r={left};t='), response.headers["RateLimit"])
            self.assertIsNone(response.headers["Retry-After"])
        response, text = self.ask()
        self.assertEqual(response.status, 429)
        self.assertIn(int(response.headers["Retry-After"]), range(wait - 100, wait + 1))
        self.assertEqual(response.headers["RateLimit-Policy"], policy)
        self.assertTrue(response.headers["RateLimit"].startswith(f'"{name}";r=0;t='), response.headers["RateLimit"])
        self.assertEqual(response.headers["Content-Type"], "application/problem+json")
        self.assertEqual(json.loads(text)["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded")

    def address_and_key_are_counted(self):
        """Of `POLICY`: the address has 4, each key 2."""
        self.assertEqual(self.statuses(3, headers={"X-Api-Key": "ann"}), [200, 200, 429])
        self.assertEqual(self.statuses(2, headers={"X-Api-Key": "bob"}), [200, 200], "the refusal charged the address nothing")

    def kill(self, server):
        server.signal(signal.SIGKILL)
        server.process.wait(WAIT)

    def pause(self, server):
        """It takes connections and does not answer: as slow as can be."""
        server.signal(signal.SIGSTOP)
        self.addCleanup(lambda: server.process.poll() is None and server.signal(signal.SIGCONT))

    def resume(self, server):
        server.signal(signal.SIGCONT)
