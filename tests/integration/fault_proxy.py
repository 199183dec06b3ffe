"""A TCP proxy between Sluice and its store that misbehaves on demand.

    with FaultProxy(redis) as proxy:      # passes everything on
        proxy.fault = Drop(every=10)      # from now on, on connections old and new
        proxy.fault = None                # behaves again

It knows the protocol well enough to see whole commands and whole replies, so it can say of each call of the script whether it
ran in the store and whether its reply was passed on. Sentinels and replicas may come through it as well: what a primary streams to
its replica is passed on as it is, or, with `proxy.lags = True`, kept back, as a replica that has not yet heard of the latest writes.
"""
import asyncio
import collections
import dataclasses
import threading

CALLS = (b"EVALSHA", b"EVAL")
CENSUS = b"sluice:{#instances}"
OWN = (CENSUS, b"sluice:{#probe:")  # What servers ask for themselves: who shares the store, and whether it is well again.


@dataclasses.dataclass
class Delay:
    """Each reply is held so long."""
    seconds: float


@dataclasses.dataclass
class Drop:
    """Of every so many calls one loses its reply, after it ran; the connection ends with it."""
    every: int


@dataclasses.dataclass
class Cut:
    """Replies to calls end after so many bytes, and the connection with them."""
    at: int


@dataclasses.dataclass
class Garbage:
    """Replies to calls are what `make(number of keys)` returns."""
    make: object


class Late:
    """Each reply waits for the next one."""


class Trickle:
    """One byte at a time, each in a packet of its own."""


class Freeze:
    """Half-open: connections are accepted, and nothing is read from anyone."""


class BlackHole:
    """All is read, and nothing passed on."""


class Refuse:
    """Every connection is closed at once, those that there are too."""


class Incomplete(Exception):
    pass


def line_end(data, at):
    end = data.find(b"\r\n", at)
    if end < 0:
        raise Incomplete
    return end


def reply_end(data, at=0):
    """Where the reply that begins at `at` ends."""
    end = line_end(data, at)
    kind, rest = data[at:at + 1], data[at + 1:end]
    at = end + 2
    if kind in b"$=!" and int(rest) >= 0:
        at += int(rest) + 2
        if at > len(data):
            raise Incomplete
    elif kind in b"*~>%|":
        for _ in range(max(int(rest), 0) * (2 if kind in b"%|" else 1)):
            at = reply_end(data, at)
    return at


def words_of(data):
    """The first command, and where it ends."""
    count_end = line_end(data, 0)
    at, words = count_end + 2, []
    for _ in range(int(data[1:count_end])):
        end = line_end(data, at)
        size = int(data[at + 1:end])
        at = end + 2 + size + 2
        if at > len(data):
            raise Incomplete
        words.append(bytes(data[end + 2:end + 2 + size]))
    return words, at


class Command:
    def __init__(self, words):
        self.begins_stream = words[0].upper() in (b"PSYNC", b"SYNC")
        self.is_call = words[0] in CALLS and words[3] != CENSUS
        self.size = int(words[2]) if self.is_call else 0                             # Its keys.
        self.keys = sum(not k.startswith(OWN) for k in words[3:3 + self.size])  # Those that somebody asked for.


PUSHED = Command([b""])  # What a reply belongs to that nobody asked for: messages to who has subscribed.


class FaultProxy:
    """`redis` is one of stores.py, or a port of 127.0.0.1. With `tls`, (context of a server, context of a client), both sides are TLS, and
    the server is asked on that port."""

    def __init__(self, redis, tls=None):
        self.redis = redis
        self.tls = tls
        self.fault = None
        self.lags = False
        self.calls = 0           # Calls of the script that came from Sluice.
        self.answered = 0        # Those whose reply was passed on whole.
        self.lost_keys = 0       # Keys in the calls that ran and whose reply was not passed on; those apart.
        self.accepted = 0
        self.garbage = 0
        self.open = set()
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.ends.set)
        self.thread.join()

    @property
    def url(self):
        return "%s://127.0.0.1:%d" % ("rediss" if self.tls else "redis", self.port)

    async def connect(self):
        if isinstance(self.redis, int):
            return await asyncio.open_connection("127.0.0.1", self.redis, limit=1 << 20, ssl=self.tls and self.tls[1])
        return await asyncio.open_unix_connection(self.redis.socket, limit=1 << 20)

    def run(self, ready):
        async def main():
            self.ends = asyncio.Event()
            server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=1 << 20)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await self.ends.wait()
            server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.loop.run_until_complete(main())
        self.loop.close()

    async def serve(self, reader, writer):
        self.accepted += 1
        connection = Connection(self, reader, writer)
        self.open.add(connection)
        try:
            await connection.run()
        except (OSError, asyncio.CancelledError, EOFError):
            pass
        finally:
            self.open.discard(connection)
            connection.close()


class Connection:
    def __init__(self, proxy, reader, writer):
        self.proxy, self.reader, self.writer = proxy, reader, writer
        self.store = None
        self.waiting = collections.deque()  # Of the commands that were passed on.
        self.held = b""
        self.gone = False  # Sluice gets nothing more.
        self.streams = False
        self.received = 0  # Bytes from Sluice.

    async def run(self):
        if self.proxy.tls:  # Until start_tls(): its first bytes are not for us.
            self.writer.transport.pause_reading()
        await self.behaves()
        if isinstance(self.proxy.fault, Refuse):
            return
        if self.proxy.tls:
            await self.writer.start_tls(self.proxy.tls[0])
        from_store, self.store = await self.proxy.connect()
        tasks = [asyncio.create_task(t) for t in (self.requests(), self.replies(from_store), self.refusal())]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for t in pending:
            t.cancel()
        for t in done:
            t.exception()

    def close(self):
        for w in (self.writer, self.store):
            if w is not None:
                w.close()

    async def behaves(self):
        while isinstance(self.proxy.fault, Freeze):
            await asyncio.sleep(0.005)

    async def refusal(self):
        while not isinstance(self.proxy.fault, Refuse):
            await asyncio.sleep(0.005)

    async def requests(self):
        data = bytearray()
        while True:
            part = await self.reader.read(65536)
            self.received += len(part)
            await self.behaves()
            if not part:  # What was passed on runs all the same: it is waited for, to be counted.
                self.gone = True
                while self.waiting:
                    await asyncio.sleep(0.002)
                return
            if isinstance(self.proxy.fault, BlackHole):
                data.clear()  # What comes behind a hole begins in the middle: the connection is of no more use.
                self.gone = True
            if self.streams:
                self.store.write(part)
                continue
            data += part
            try:
                while data:
                    words, end = words_of(data)
                    self.request(words, bytes(data[:end]))
                    del data[:end]
            except (Incomplete, ValueError):
                pass

    def request(self, words, whole):
        command = Command(words)
        self.proxy.calls += command.is_call
        self.streams |= command.begins_stream
        if not self.gone:
            if not self.streams:
                self.waiting.append(command)
            self.store.write(whole)

    async def replies(self, from_store):
        data, kept = bytearray(), bytearray()
        while part := await from_store.read(65536):
            if self.streams:
                await self.behaves()
                kept += part
                if not self.proxy.lags:  # Else, if the primary ends meanwhile, its replica never hears of it.
                    self.writer.write(kept)
                    kept.clear()
                continue
            data += part
            try:
                while data:
                    end = reply_end(data)
                    reply = bytes(data[:end])
                    del data[:end]
                    await self.reply(self.waiting.popleft() if self.waiting else PUSHED, reply)
            except Incomplete:
                pass

    async def reply(self, command, reply):
        await self.behaves()
        fault = self.proxy.fault
        if isinstance(fault, Delay):
            await asyncio.sleep(fault.seconds)
        if command.is_call and isinstance(fault, Drop) and self.proxy.calls % fault.every == 0:
            self.hang_up()
        if command.is_call and isinstance(fault, Cut) and not self.gone:
            self.writer.write(reply[:fault.at])
            self.hang_up()
        if self.gone:
            self.proxy.lost_keys += 0 if reply.startswith(b"-") else command.keys
            return
        if command.is_call and isinstance(fault, Garbage):
            reply = fault.make(command.size)
            self.proxy.garbage += 1
        if isinstance(fault, Trickle):
            for byte in reply:
                self.writer.write(bytes((byte,)))
                await asyncio.sleep(0)
        elif isinstance(fault, Late) and not self.held:
            self.held = reply
            return
        else:
            reply, self.held = self.held + reply, reply if isinstance(fault, Late) else b""
            self.writer.write(reply[:len(reply) - len(self.held)])
        self.proxy.answered += command.is_call

    def hang_up(self):
        """Sluice sees the end; what it has sent still runs, which only the proxy knows."""
        self.gone = True
        if self.writer.can_write_eof():
            self.writer.write_eof()
        else:
            self.closing = asyncio.create_task(self.close_when_quiet())

    async def close_when_quiet(self):
        """TLS has no half of an end, and close() would throw away what was sent and not yet read. Who gets no replies soon sends no more."""
        seen = -1
        while seen != self.received:
            seen = self.received
            await asyncio.sleep(0.3)
        self.writer.close()
