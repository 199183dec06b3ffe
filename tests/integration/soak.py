#!/usr/bin/env python3
"""Everything at once, for as long as one likes: soak.py SLUICE [SECONDS]; `./dev soak [MINUTES]`.

Two worlds run beside each other, and in each many clients ask by all doors for keys whose buckets gain nothing meanwhile (a
token a day), so that an exact model is a sum:

    alone     one server with a snapshot, killed (-9), drained and started again, its limits and policies reloaded, idle and
              half-open clients coming and going
    fleet     two servers over one Redis, which is stopped, loses its scripts and its clients; one server is killed and comes back.
              `on_store_failure: deny`, so that nothing is granted but what Redis charged

The model: of a key never more is granted than its capacity; after a kill, by what had been granted since the last save that was seen to
begin, more. In the fleet what is granted is what Redis charged, but for calls whose answer nobody heard: they were charged and not
granted. Then memory and descriptors: not more at the end than after the first part, beyond what a table's growth explains. Whatever is found is
printed, then a verdict; the exit code is 1 if it is bad.
"""
import http.client
import json
import os
import random
import re
import signal
import struct
import sys
import threading
import time
import urllib.request

import harness
from harness import Folder, Server, eventually, hear
from http2_test import ACK, DATA, END_HEADERS, END_STREAM, HEADERS, MAGIC, SETTINGS, frame, literal
from stores import PROGRAMS, Client, Redis

SECONDS = float(sys.argv.pop(1)) if len(sys.argv) > 1 else 60.0
KEYS, CAPACITY = 40, 400
LIMITS = "limits:\n  api: {{quota: 1/day burst %d, on_store_failure: deny}}\n  turn{}: {{quota: 5/s}}\n" % CAPACITY
POLICY = """domain: soak
on_store_failure: deny
descriptors:
  - key: user
    rate_limit: {{unit: day, requests_per_unit: 1, burst: %d}}
  - key: turn{}
    rate_limit: {{unit: second, requests_per_unit: 5}}
""" % CAPACITY
BUCKETS = [*(f"api k{k}" for k in range(KEYS)), *(f"user k{k}" for k in range(KEYS))]  # Of the limit, then of the policy.
MEMORY_GROWTH, FILES_GROWTH = 12 << 20, 8


class Findings:
    def __init__(self):
        self.lock, self.found = threading.Lock(), []

    def check(self, good, words):
        if not good:
            with self.lock:
                self.found.append(words)
                print("soak: FOUND", words, flush=True)


class Counts:
    """What was granted and asked, by bucket. An answer that did not come may have been a grant."""

    def __init__(self):
        self.lock = threading.Lock()
        self.granted, self.unheard, self.answers = [0] * len(BUCKETS), [0] * len(BUCKETS), 0

    def add(self, key, allowed):
        with self.lock:
            self.answers += 1
            self.granted[key] += 1 if allowed else 0

    def lose(self, key):
        with self.lock:
            self.unheard[key] += 1

    def copy(self):
        with self.lock:
            return list(self.granted)

    def told(self):
        under_limit, under_policy = sum(self.granted[:KEYS]), sum(self.granted[KEYS:])
        return f"{self.answers} answers; granted {under_limit} under the limit and {under_policy} under the policy, each of {KEYS * CAPACITY}"


class Resp:
    first = 0  # Of its buckets.

    def __init__(self, server):
        self.socket = server.connect("resp")
        self.file = self.socket.makefile("rb")

    def take(self, key):
        self.socket.sendall(b"SLUICE.TAKE api k%d\r\n" % key)
        line = self.file.readline()
        if not line.startswith(b"*"):
            raise OSError(line)
        items = []
        for _ in range(int(line[1:])):
            head = self.file.readline()
            items.append(self.file.readline() if head.startswith(b"$") and head != b"$-1\r\n" else head)
        return items[0] == b":1\r\n"

    def close(self):
        self.file.close()
        self.socket.close()


class Http:
    first = 0

    def __init__(self, server):
        self.client = http.client.HTTPConnection(server.addresses["http"], timeout=harness.WAIT)

    def take(self, key):
        self.client.request("POST", "/v1/take", json.dumps({"limit": "api", "key": f"k{key}"}))
        response = self.client.getresponse()
        body = response.read()
        if response.status not in (200, 429):
            raise OSError(body)
        return response.status == 200

    def close(self):
        self.client.close()


def packed(number, text):
    """Protobuf: a field of bytes, shorter than 128."""
    return bytes([number << 3 | 2, len(text)]) + text


def varint(data, at):
    value = shift = 0
    while True:
        value, shift, at = value | (data[at] & 127) << shift, shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at


def unpacked(data):
    """Protobuf: the fields of a message, numbers and bytes, by number; of several the last."""
    fields, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        value, at = varint(data, at)
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        fields[tag >> 3] = value
    return fields


class Grpc:
    """Envoy's service under the policy, and now and then health, over one connection."""
    first = KEYS

    def __init__(self, server):
        self.socket = server.connect("grpc")
        self.socket.sendall(MAGIC + frame(SETTINGS) + frame(SETTINGS, ACK))
        self.stream = -1

    def call(self, path, message):
        """The response's message; nothing, if it failed."""
        self.stream += 2
        fields = ((":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "t"), ("te", "trailers"),
                  ("content-type", "application/grpc"))
        self.socket.sendall(frame(HEADERS, END_HEADERS, self.stream, b"".join(literal(n, v) for n, v in fields)) +
                            frame(DATA, END_STREAM, self.stream, b"\0" + len(message).to_bytes(4, "big") + message))
        body = b""
        while True:
            head = hear(self.socket, 9)
            if len(head) < 9:
                raise OSError("the connection ended")
            size, kind, flags, stream = int.from_bytes(head[:3], "big"), head[3], head[4], struct.unpack(">I", head[5:])[0]
            payload = hear(self.socket, size)
            if kind == DATA and stream == self.stream:
                body += payload
            if kind == HEADERS and flags & END_STREAM and stream == self.stream:
                if not body:
                    raise OSError(payload)
                return body[5:]

    def ask(self, key, hits=b""):
        """(allowed, remaining)"""
        entry = packed(1, b"user") + packed(2, b"k%d" % key)
        answer = unpacked(self.call("/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit",
                                    packed(1, b"soak") + packed(2, packed(1, entry) + hits)))
        return answer[1] == 1, unpacked(answer[2]).get(3, 0)

    def take(self, key):
        if self.stream % 16 == 1 and unpacked(self.call("/grpc.health.v1.Health/Check", b"")) != {1: 1}:
            raise OSError("not serving")
        return self.ask(key)[0]

    def remaining(self, key):
        return self.ask(key, packed(3, b""))[1]  # hits_addend of 0: only looks.

    def close(self):
        self.socket.close()


class World:
    """Clients that ask until the end, and come back when their server is gone."""

    def __init__(self, findings, name):
        self.findings, self.name, self.counts, self.ends = findings, name, Counts(), threading.Event()
        self.servers, self.threads, self.again = [], [], 0

    def load(self, door, index):
        def run():
            chance, client = random.Random(index), None
            while not self.ends.is_set():
                key = chance.randrange(KEYS)
                try:
                    if client is None:
                        client = door(self.servers[index % len(self.servers)])
                    if chance.random() < 0.01:  # Half a request, and gone.
                        client, old = None, client
                        getattr(old, "socket", None) and old.socket.sendall(b"POST /v1/ta")
                        old.close()
                        continue
                    self.counts.add(door.first + key, client.take(key))
                except (OSError, http.client.HTTPException, ValueError, IndexError, KeyError):
                    if client is not None:
                        self.counts.lose(door.first + key)
                        client.close()
                    client = None
                    self.ends.wait(0.02)
                self.ends.wait(0.001)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.threads.append(thread)

    def finish(self):
        self.ends.set()
        for t in self.threads:
            t.join(harness.WAIT)
            self.findings.check(not t.is_alive(), f"{self.name}: a client hangs")

    def size(self, server):
        page = urllib.request.urlopen(f"http://{server.addresses['http']}/metrics", timeout=harness.WAIT).read().decode()
        return [float(re.search(rf"^{n} (\S+)$", page, re.M)[1]) for n in ("process_resident_memory_bytes", "process_open_fds", "sluice_buffered_bytes")]

    def compare(self, server, first):
        eventually(lambda: self.size(server)[1] <= first[1] + FILES_GROWTH, lambda: "descriptors")
        last = self.size(server)
        print(f"soak: {self.name}: memory {first[0] / 1e6:.1f} -> {last[0] / 1e6:.1f} MB, descriptors {first[1]:.0f} -> {last[1]:.0f}, "
              f"buffered {last[2]:.0f} bytes", flush=True)
        self.findings.check(last[0] <= first[0] + MEMORY_GROWTH, f"{self.name}: memory grew from {first[0]} to {last[0]}")
        self.findings.check(last[2] == 0, f"{self.name}: {last[2]} bytes are buffered though nobody asks")


class Alone(World):
    def __init__(self, findings, folder):
        super().__init__(findings, "alone")
        self.folder, self.allowance, self.kills, self.reloads = folder, [0] * len(BUCKETS), 0, 0
        self.file = folder.path("buckets")
        self.limits()
        self.servers = [self.start()]
        for i, door in enumerate((Resp, Resp, Resp, Http, Http, Grpc)):
            self.load(door, i)

    def limits(self):
        self.reloads += 1
        self.folder.write("limits.yaml", LIMITS.format(self.reloads % 3))
        self.folder.write("policy.yaml", POLICY.format(self.reloads % 3))

    def start(self):
        return Server("--limits", self.folder.path("limits.yaml"), "--policies", self.folder.path("policy.yaml"), "--snapshot", self.file, "--snapshot-every", "50ms",
                      "--threads", "2", "--resp-idle", "5s", "--request-time", "2s", http="127.0.0.1:0", grpc="127.0.0.1:0")

    def saved(self):
        """What had been granted before a save that has been finished began."""
        def identity():
            return os.stat(self.file).st_ino if os.path.exists(self.file) else None
        before, granted = identity(), self.counts.copy()
        eventually(lambda: identity() != before)
        before = identity()
        eventually(lambda: identity() != before)
        return granted

    def step(self, chance):
        what = chance.randrange(4)
        if what <= 1:
            self.limits()
        elif what == 2:  # A drain loses nothing.
            self.findings.check(self.servers[0].end() == 0, "alone: a drain did not end well")
            self.replace()
        else:
            safe = self.saved()
            self.servers[0].process.kill()
            self.servers[0].process.wait()
            time.sleep(0.2)  # Answers that were on their way are counted.
            for bucket, (granted, kept) in enumerate(zip(self.counts.copy(), safe)):
                self.allowance[bucket] += granted - kept
            self.kills += 1
            self.replace()

    def replace(self):
        old = self.servers[0]
        self.servers[0] = self.start()
        self.findings.check("cannot be used" not in self.servers[0].said(), "alone: a snapshot was damaged")
        self.findings.check("Sanitizer" not in old.said(), "alone: " + old.said()[-2000:])
        old.__exit__()

    def judge(self):
        for name, granted, allowance in zip(BUCKETS, self.counts.granted, self.allowance):
            bound = CAPACITY + allowance + 1
            self.findings.check(granted <= bound, f"alone: {name} was granted {granted} of {bound}")
        print(f"soak: alone: {self.counts.told()} and {sum(self.allowance)} that {self.kills} kills may have forgotten, {self.reloads} reloads",
              flush=True)


class Fleet(World):
    def __init__(self, findings, folder, redis):
        super().__init__(findings, "fleet")
        self.redis, self.kills, self.stops = redis, 0, 0
        self.limits, self.policy = folder.write("fleet.yaml", LIMITS.format(0)), folder.write("fleet-policy.yaml", POLICY.format(0))
        self.servers = [self.start(), self.start()]
        for i, door in enumerate((Resp, Resp, Resp, Http, Http, Grpc)):
            self.load(door, i)

    def start(self):
        return Server("--limits", self.limits, "--policies", self.policy, "--store", self.redis.url, "--store-deadline", "100ms",
                      "--refusals-kept", "20ms", http="127.0.0.1:0", grpc="127.0.0.1:0")

    def step(self, chance):
        what = chance.randrange(4)
        if what == 0:
            self.stops += 1
            self.redis.process.send_signal(signal.SIGSTOP)
            time.sleep(0.5)
            self.redis.process.send_signal(signal.SIGCONT)
        elif what == 1:
            self.redis.ask("SCRIPT", "FLUSH")
        elif what == 2:
            self.redis.ask("CLIENT", "KILL", "TYPE", "normal")
        else:
            self.kills += 1
            old = self.servers[1]
            old.process.kill()
            old.process.wait()
            self.servers[1] = self.start()
            old.__exit__()

    def charged(self):
        """Of each bucket, as the store has it."""
        resp, grpc = Client(self.servers[0]), Grpc(self.servers[0])
        for key in range(KEYS):
            def left():
                resp.socket.sendall(b"SLUICE.PEEK api k%d\r\n" % key)
                return resp.reply()
            eventually(lambda: len(left()) > 2)
            yield CAPACITY - left()[2]
        for key in range(KEYS):
            yield CAPACITY - grpc.remaining(key)
        grpc.close()

    def judge(self):
        for name, granted, charged in zip(BUCKETS, self.counts.granted, self.charged()):
            self.findings.check(granted <= CAPACITY, f"fleet: {name} was granted {granted} of {CAPACITY}")
            self.findings.check(charged >= granted, f"fleet: {name} was granted {granted}, and {charged} were charged")
        self.findings.check(all(sum(half) > 0 for half in (self.counts.granted[:KEYS], self.counts.granted[KEYS:])), "fleet: a door granted nothing")
        print(f"soak: fleet: {self.counts.told()}, none of them uncharged; {self.stops} stops of Redis, {self.kills} kills", flush=True)


def soak(worlds):
    findings, chance = worlds[0].findings, random.Random(int(os.environ.get("SOAK_SEED", "1")))
    began = time.monotonic()
    while time.monotonic() - began < SECONDS * 3 / 4:
        for world in worlds:
            time.sleep(chance.uniform(0.1, 0.6))
            world.step(chance)
    first = [world.size(world.servers[0]) for world in worlds]  # The last part: load alone, for growth.
    time.sleep(min(SECONDS / 4, 600))
    for world, size in zip(worlds, first):
        world.finish()
        world.compare(world.servers[0], size)
        world.judge()
        for server in world.servers:
            findings.check(server.end() == 0, f"{world.name}: the last drain did not end well")
    bad = "; ".join(findings.found[:5])
    print(f"soak: {time.monotonic() - began:.0f} s: " + (f"BAD: {bad}" if bad else "all is well"), flush=True)
    return 1 if bad else 0


def main():
    folder, findings, worlds = Folder(), Findings(), []
    folder.setUp()
    redis = Redis(PROGRAMS[0]) if PROGRAMS else None
    try:
        worlds.append(Alone(findings, folder))
        if redis:
            worlds.append(Fleet(findings, folder, redis))
        return soak(worlds)
    finally:
        for world in worlds:
            world.ends.set()
            for server in world.servers:
                server.__exit__()
        if redis:
            redis.__exit__()
        folder.doCleanups()


if __name__ == "__main__":
    sys.exit(main())
