"""What the tests of the running program share: a server that is started and ended, and ways to talk to it.

Every server listens on port 0 or on a unix socket in a folder of its own. Nothing is asserted about how long a thing
takes; a reply that does not come within WAIT fails.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SLUICE = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "build/release/sluice"
WAIT = 30


def environment(**extra):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}
    return {**clean, **extra}


def run(*arguments, **options):
    """Runs a subcommand to its end: (exit code, standard output, standard error)."""
    done = subprocess.run([SLUICE, *arguments], capture_output=True, text=True, timeout=WAIT * 2, env=environment(**options))
    return done.returncode, done.stdout, done.stderr


class Server:
    """`sluice serve`, ended with the block. `within`: a command that runs it in its place."""

    def __init__(self, *arguments, within=(), cwd=None, resp="127.0.0.1:0", http="none", grpc="none", **extra):
        doors = (["--resp", resp] if resp else []) + (["--http", http] if http else []) + (["--grpc", grpc] if grpc else [])
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([*within, SLUICE, "serve", *doors, *arguments], stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        cwd=cwd, env=environment(**extra))
        self.lines = []
        self.addresses = {}
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if found := re.fullmatch(r"sluice: (\w+) listening on (.+)", self.lines[-1]):
                self.addresses[found[1]] = found[2]
            if self.lines[-1] == "sluice: ready":
                break
        else:
            self.process.wait(WAIT)
            raise AssertionError(f"did not start: {self.said()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT)
        self.process.stdout.close()
        self.log.close()

    def said(self):
        """The log so far."""
        self.log.seek(0)
        return self.log.read()

    def eventually_says(self, words):
        eventually(lambda: words in self.said(), lambda: f"no {words!r} in the log:\n{self.said()}")

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.process.wait(WAIT)

    def connect(self, door="resp"):
        return connect(self.addresses[door])


def connect(address):
    if address.startswith("unix:"):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(WAIT)
        s.connect(address[5:])
        return s
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), WAIT)


def eventually(what, why=lambda: "it never came to be"):
    end = time.monotonic() + WAIT
    while not what():
        if time.monotonic() > end:
            raise AssertionError(why())
        time.sleep(0.01)


def hear(s, n):
    """n bytes, or what came before the end."""
    data = b""
    while len(data) < n:
        part = s.recv(n - len(data))
        if not part:
            break
        data += part
    return data


def until_end(s):
    data = b""
    try:
        while part := s.recv(65536):
            data += part
    except ConnectionResetError:
        pass
    return data


def ping(s):
    s.sendall(b"PING\r\n")
    return hear(s, 7)


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sluice-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        """As most editors do: aside, then renamed over."""
        with open(self.path(name + ".new"), "w") as f:
            f.write(text)
        os.rename(self.path(name + ".new"), self.path(name))
        return self.path(name)
