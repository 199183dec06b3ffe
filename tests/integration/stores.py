"""What the tests of the shared store have in common: Redis servers of the test's own, servers over them, clients that count."""
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

import harness
from harness import Server, eventually

HERE = os.path.dirname(os.path.abspath(__file__))
# What is found in PATH (Debian has valkey-server in its backports), and what SLUICE_TEST_STORES names besides: programs, parted
# by colons.
PROGRAMS = [p for p in ("redis-server", "valkey-server", *filter(None, os.environ.get("SLUICE_TEST_STORES", "").split(":")))
            if shutil.which(p)]
COMPILER = shutil.which("cc") or shutil.which("gcc")


class Clock:
    """The wall clock of programs that are started with its environment; it can be set at any time (fake_clock.c)."""

    def __init__(self, shift=0):
        self.folder = tempfile.TemporaryDirectory(prefix="sluice-clock-")
        self.file, library = os.path.join(self.folder.name, "shift"), os.path.join(self.folder.name, "fake_clock.so")
        subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", library, os.path.join(HERE, "fake_clock.c")], check=True, timeout=harness.WAIT)
        self.environment = {"LD_PRELOAD": library, "FAKE_CLOCK": self.file}
        self.set(shift)

    def set(self, seconds):
        with open(self.file, "r+b" if os.path.exists(self.file) else "wb") as f:
            f.write(struct.pack("<q", int(seconds * 1e6)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()


class Redis:
    """A redis-server of the test's own, on a unix socket; with `port`, on that one too."""

    def __init__(self, program, *arguments, port=0, **environment):
        self.folder = tempfile.mkdtemp(prefix="sluice-redis-")
        self.socket = os.path.join(self.folder, "s")
        self.port = port
        self.environment = {**os.environ, **environment}
        version = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=harness.WAIT).stdout
        self.version = tuple(int(n) for n in re.search(r"v=(\d+)\.(\d+)", version).groups())
        debug = ["--enable-debug-command", "local"] if self.version >= (7, 0) else []
        self.arguments = [program, "--port", str(port), "--bind", "127.0.0.1", "--unixsocket", self.socket, "--dir", self.folder,
                          "--save", "", "--repl-diskless-sync-delay", "0", *debug, *arguments]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.arguments, stdout=subprocess.DEVNULL, env=self.environment)

        def answers():
            try:
                return self.ask("PING") in (b"+PONG", b"-NOAUTH Authentication required.")
            except OSError:
                return False
        try:
            eventually(answers)
        except BaseException:
            self.process.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def ask(self, *words):
        """The first line of the reply, or the text of a bulk string."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(harness.WAIT)
            s.connect(self.socket)
            s.sendall(command(*words))
            f = s.makefile("rb")
            line = f.readline().rstrip(b"\r\n")
            return f.read(int(line[1:])) if line.startswith(b"$") and line != b"$-1" else line

    def set(self, *words):
        """A command that must succeed."""
        reply = self.ask(*words)
        if reply.startswith(b"-"):
            raise AssertionError((words, reply))
        return reply

    @property
    def url(self):
        return "redis+unix://" + self.socket


def command(*words):
    out = b"*%d\r\n" % len(words)
    for w in words:
        w = w if isinstance(w, bytes) else str(w).encode()
        out += b"$%d\r\n%s\r\n" % (len(w), w)
    return out


def read_reply(file):
    """One reply of RESP2: an integer, bytes, None, or a list of such. An error is raised."""
    line = file.readline().rstrip(b"\r\n")
    if line.startswith(b"*"):
        return [read_reply(file) for _ in range(int(line[1:]))]
    if line.startswith(b":"):
        return int(line[1:])
    if line.startswith(b"$"):
        size = int(line[1:])
        return None if size < 0 else file.read(size + 2)[:-2]
    if not line.startswith(b"+"):
        raise AssertionError(line)
    return line[1:]


def asked(port, *words):
    """The reply of whoever listens there; an error's bytes; b"" from nobody."""
    try:
        with socket.create_connection(("127.0.0.1", port), harness.WAIT) as s:
            s.sendall(command(*words))
            return read_reply(s.makefile("rb"))
    except OSError:
        return b""
    except AssertionError as e:
        return e.args[0]


class Client:
    """CL.THROTTLE over one connection."""

    def __init__(self, server):
        self.socket = server.connect()
        self.file = self.socket.makefile("rb")

    def __del__(self):
        if hasattr(self, "file"):
            self.file.close()
            self.socket.close()

    def send(self, key, burst, count, period, quantity=1, times=1):
        self.socket.sendall(command("CL.THROTTLE", key, burst, count, period, quantity) * times)

    def reply(self):
        return read_reply(self.file)

    def throttle(self, *arguments):
        self.send(*arguments)
        return self.reply()


def shared(redis, *arguments, deadline="10s", http="127.0.0.1:0", **more):
    """With a deadline that a busy machine keeps, where nothing else is tried. Every loop is connected."""
    server = Server("--store", redis.url, "--store-deadline", deadline, *arguments, http=http, **more)
    well(server)
    return server


def well(server):
    """Waits until each loop is connected to the store and asks it."""
    eventually(lambda: metric(server, "sluice_store_up") == 1, server.said)


def metric(server, name):
    page = urllib.request.urlopen("http://%s/metrics" % server.addresses["http"], timeout=harness.WAIT).read().decode()
    return float(re.search("^" + re.escape(name) + r" (\S+)$", page, re.M)[1])


def post(server, path, body):
    """The answer in JSON, of whatever status."""
    request = urllib.request.Request("http://%s%s" % (server.addresses["http"], path), json.dumps(body).encode())
    try:
        return json.load(urllib.request.urlopen(request, timeout=harness.WAIT))
    except urllib.error.HTTPError as e:
        return json.load(e)


DAY = 86400


class Load:
    """Clients that ask one after the other until they are told to stop, each for a key of its own or for the first of
    `keys`; with `fresh`, for a new one each time. A bucket gains a token a day, so what is granted is what it held. Every question and every answer is counted."""

    def __init__(self, servers, burst, clients=4, keys=None, pause=0.001, fresh=False):
        self.burst, self.pause, self.fresh = burst, pause, fresh
        self.keys = ["load%d" % i for i in range(clients)] if keys is None else keys
        self.sent = dict.fromkeys(self.keys, 0)
        self.granted = dict.fromkeys(self.keys, 0)
        self.answered = 0
        self.longest = 0.0
        self.failures = []
        self.ends = False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(servers[i % len(servers)], self.keys[i % len(self.keys)]), daemon=True)
                        for i in range(clients)]
        for t in self.threads:
            t.start()

    def run(self, server, key):
        try:
            client = Client(server)
            while not self.ends:
                begin = time.monotonic()
                with self.lock:
                    self.sent[key] += 1
                reply = client.throttle("%s-%d" % (key, self.sent[key]) if self.fresh else key, self.burst - 1, 1, DAY)
                took = time.monotonic() - begin
                with self.lock:
                    self.answered += 1
                    self.granted[key] += reply[0] == 0
                    self.longest = max(self.longest, took)
                if reply[0] != 0:
                    time.sleep(self.pause)
        except Exception as e:  # Told by stop().
            self.failures.append(repr(e))

    def granted_so_far(self):
        with self.lock:
            return sum(self.granted.values())

    def goes_on(self):
        """Waits until more is granted: the store decides again."""
        now = self.granted_so_far()
        eventually(lambda: self.granted_so_far() > now + len(self.keys) or self.failures, lambda: "nothing more is granted")

    def stop(self):
        self.ends = True
        for t in self.threads:
            t.join(harness.WAIT)
        if self.failures or any(t.is_alive() for t in self.threads):
            raise AssertionError(self.failures or "a request was not answered")
        return self


class Asker(threading.Thread):
    """Asks for keys in turn until told to stop; counts grants by key."""

    def __init__(self, server, keys, burst, pause=0.0):
        super().__init__(daemon=True)
        self.client, self.keys, self.burst, self.pause = Client(server), keys, burst, pause
        self.granted = dict.fromkeys(keys, 0)
        self.in_vain = 0  # Rounds in a row without a grant.
        self.stopped = False
        self.failed = None
        self.start()

    def run(self):
        try:
            while not self.stopped:
                for key in self.keys:
                    self.client.send(key, self.burst - 1, 1, 86400)
                before = sum(self.granted.values())
                for key in self.keys:
                    self.granted[key] += self.client.reply()[0] == 0
                self.in_vain = self.in_vain + 1 if sum(self.granted.values()) == before else 0
                time.sleep(self.pause)
        except Exception as e:  # Told by end(), on the test's own thread.
            self.failed = e

    def end(self):
        self.stopped = True
        self.join()
        if self.failed:
            raise self.failed
        return self.granted


def total(askers):
    granted = {}
    for asker in askers:
        for key, n in asker.end().items():
            granted[key] = granted.get(key, 0) + n
    return granted


def charged(redis, key, burst):
    """What the store holds of a bucket that gains a token a day: the tokens that were taken, by the store's clock."""
    value = redis.ask("GET", "sluice:{#throttle:%s}" % key)
    return 0 if value == b"$-1" else tokens(value, burst)


def charges(redis, burst):
    """The same, of each bucket that there is."""
    values = redis.ask("EVAL", "local o = '' for _, k in ipairs(redis.call('KEYS', 'sluice:{#throttle:*')) do o = o .. redis.call('GET', k) end return o", 0)
    return [tokens(values[i:i + 24], burst) for i in range(0, len(values), 24)]


def tokens(value, burst):
    tat, latest = struct.unpack_from("<dd", value)
    exact = (tat - latest) / (DAY * 1e6)
    if not 0 <= round(exact) <= burst or abs(exact - round(exact)) > 0.01:  # It refills by 0.01 in a quarter of an hour.
        raise AssertionError(exact)
    return round(exact)


def with_every_program(*cases):
    """The same tests for each further program: {name: class}, for the module's globals."""
    return {"%s_%s" % (case.__name__, re.sub(r"\W+", "_", program)): type(case.__name__, (case,), {"program": program, "__module__": case.__module__})
            for case in cases for program in PROGRAMS[1:]}
