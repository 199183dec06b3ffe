#!/usr/bin/env python3
"""What clients can make a server spend, and what others notice of it: overload_test.py SLUICE

Nothing is timed: a server that is stopped (SIGSTOP) finds all of the flood in its sockets when it goes on, and INFO tells a
polite client how many requests were answered before its own.
"""
import http.client
import re
import signal
import unittest

from harness import Folder, Server, eventually, hear, ping, until_end

TURN = 1024  # door/batching.h: kTurn; a request that asks for tokens counts twice.
BATCH = 64


def metric(server, name):
    """The sum over all labels."""
    text = page(server, "GET", "/metrics")[1].decode()
    found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M)
    assert found, f"no {name} in {text}"
    return sum(map(float, found))


def page(server, method, path, body=None):
    client = http.client.HTTPConnection(server.addresses["http"], timeout=30)
    try:
        client.request(method, path, body)
        response = client.getresponse()
        return response.status, response.read(), response.headers
    finally:
        client.close()


def info(client):
    client.sendall(b"INFO\r\n")
    size = int(client.makefile("rb", 0).readline()[1:])
    return int(re.search(rb"total_commands_processed:(\d+)", hear(client, size + 2))[1])


def pour(client, bytes):
    """As much of it as fits into the sockets' buffers."""
    client.setblocking(False)
    sent = 0
    try:
        while sent < len(bytes):
            sent += client.send(bytes[sent:])
    except BlockingIOError:
        pass
    return sent


class Fairness(unittest.TestCase):
    def behind(self, flooders, request):
        """Of the flood, the requests that are answered before a polite one that came last."""
        with Server("--threads", "1") as server:
            floods = [server.connect() for _ in range(flooders)]
            polite = server.connect()
            for client in floods:  # Its buffer has grown to what is read at once.
                for _ in range(8):
                    client.sendall(b"PING\r\n" * 10_000)
                    hear(client, 70_000)
            ping(polite)
            before = info(polite)
            server.signal(signal.SIGSTOP)
            there = sum(pour(client, request * 20_000) // len(request) for client in floods)
            polite.sendall(b"INFO\r\n")
            server.signal(signal.SIGCONT)
            size = int(polite.makefile("rb", 0).readline()[1:])
            answered = int(re.search(rb"total_commands_processed:(\d+)", hear(polite, size + 2))[1]) - before
            self.assertGreater(there, 3 * flooders * TURN, "the sockets took too little of the flood to show anything")
            for client in (*floods, polite):
                client.close()
            return answered

    def test_who_floods_takes_a_turn_and_no_more(self):
        """Each flooder has two turns at most: one while the sockets are looked at, one if it was looked at twice."""
        for flooders in (1, 8):
            for request, cost in ((b"PING\r\n", 1), (b"CL.THROTTLE key 1000 1 1 1\r\n", 2)):
                with self.subTest(flooders=flooders, request=request):
                    self.assertLessEqual(self.behind(flooders, request), 2 * flooders * (TURN // cost + BATCH) + 8)


class Bounds(Folder):
    def test_connections_of_one_address(self):
        with Server("--max-connections-per-address", "3", http="127.0.0.1:0", grpc="127.0.0.1:0") as server:
            with server.connect() as a, server.connect() as b, server.connect() as c:
                for client in (a, b, c):
                    self.assertEqual(ping(client), b"+PONG\r\n")
                with server.connect() as refused:
                    self.assertEqual(until_end(refused), b"-ERR max number of clients reached\r\n")
                with server.connect("http") as refused:
                    self.assertTrue(until_end(refused).startswith(b"HTTP/1.1 503 "))
                with server.connect("grpc") as refused:
                    self.assertEqual(until_end(refused)[3], 4, "SETTINGS, then GOAWAY")
                self.assertEqual(ping(a), b"+PONG\r\n")
            eventually(lambda: page(server, "GET", "/healthz")[0] == 200)
            self.assertGreaterEqual(metric(server, "sluice_connections_refused_by_address_total"), 3)

    def test_a_unix_socket_has_no_address(self):
        with Server("--max-connections-per-address", "1", resp="unix:" + self.path("s")) as server:
            with server.connect() as a, server.connect() as b:
                self.assertEqual((ping(a), ping(b)), (b"+PONG\r\n", b"+PONG\r\n"))

    def test_what_all_buffer_together(self):
        """Requests of 200 kB, none of them finished: what does not fit is told so, the others wait, small ones are served."""
        head = b"POST /v1/take HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 250000\r\n\r\n"
        with Server("--max-buffered", "1MiB", http="127.0.0.1:0") as server:
            clients = [server.connect("http") for _ in range(20)]
            for client in clients:
                try:
                    client.sendall(head + b"x" * 200_000)
                except OSError:
                    pass  # Told already.
            eventually(lambda: metric(server, "sluice_connections_closed_total") >= 12)
            self.assertLessEqual(metric(server, "sluice_buffered_bytes"), 1 << 20)
            self.assertEqual(metric(server, "sluice_buffered_bytes_max"), 1 << 20)
            told = 0
            for client in clients:
                client.setblocking(False)
                try:
                    told += client.recv(100).startswith(b"HTTP/1.1 503 ")
                except OSError:
                    pass
                client.close()
            self.assertGreater(told, 0)
            self.assertEqual(page(server, "GET", "/healthz")[0], 200)
            eventually(lambda: metric(server, "sluice_buffered_bytes") == 0)


class Shedding(Folder):
    def setUp(self):
        super().setUp()
        self.limits = self.write("limits.yaml", "limits:\n  api: {quota: 1000000/s}\n")

    def test_the_answers_are_in_protocol(self):
        """Behind from the first microsecond on: a tenth of the time goes to shedding, whoever asks."""
        with Server("--limits", self.limits, "--threads", "1", "--shed-after", "1us", http="127.0.0.1:0") as server:
            with server.connect() as client:
                replies = client.makefile("rb")
                seen = set()

                def ask():
                    client.sendall(b"SLUICE.TAKEUPTO api k 0\r\nPING\r\n")
                    line = replies.readline()
                    if not line.startswith(b"-"):
                        while replies.readline() != b"+PONG\r\n":
                            pass
                    else:
                        self.assertEqual(replies.readline(), b"+PONG\r\n")
                    seen.add(line if line.startswith(b"-") else line[:1])
                    return len(seen) == 2
                eventually(ask)
                self.assertEqual(seen, {b"*", b"-BUSY this server is overloaded; try again in a second\r\n"})

            def refused():
                status, body, fields = page(server, "POST", "/v1/peek", '{"limit":"api","key":"k"}')
                if status == 200:
                    return False
                self.assertEqual((status, fields["Retry-After"]), (503, "1"))
                self.assertIn(b"this server is overloaded", body)
                return True
            eventually(refused)
            self.assertEqual(page(server, "GET", "/healthz")[0], 200)
            self.assertGreaterEqual(metric(server, "sluice_requests_shed_total"), 2)
            self.assertEqual(metric(server, "sluice_loops_overloaded"), 1)
            self.assertEqual(metric(server, "sluice_overloads_total"), 1)
            self.assertGreater(metric(server, "sluice_loop_wait_seconds"), 0)

    def test_it_can_be_switched_off(self):
        with Server("--limits", self.limits, "--threads", "1", "--shed-after", "0", http="127.0.0.1:0") as server, server.connect() as client:
            client.sendall(b"SLUICE.TAKEUPTO api k 0\r\n" * 5000 + b"QUIT\r\n")
            self.assertNotIn(b"-BUSY", until_end(client))
            self.assertEqual(metric(server, "sluice_overloads_total"), 0)

    def test_a_pause_is_no_overload(self):
        """A process that was not scheduled for a while has a heap of requests before it, and is done with it at once."""
        with Server("--limits", self.limits, "--threads", "1", "--shed-after", "500ms", http="127.0.0.1:0") as server, server.connect() as client:
            ping(client)
            server.signal(signal.SIGSTOP)
            client.sendall(b"SLUICE.TAKEUPTO api k 0\r\n" * 1000 + b"QUIT\r\n")
            with self.assertRaises(TimeoutError):
                client.settimeout(1)
                client.recv(1)
            client.settimeout(30)
            server.signal(signal.SIGCONT)
            self.assertNotIn(b"-BUSY", until_end(client))


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
