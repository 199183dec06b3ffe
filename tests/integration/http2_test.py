#!/usr/bin/env python3
"""What peers get who break HTTP/2, as RFC 9113 asks: http2_test.py SLUICE

Each case is a row: where the RFC says so, what is sent behind the preface, and what must come of it. The cases are those
of h2spec, without the program. Behind each come PINGs, so that silence shows: a connection that lives answers them. Two,
one after the other, since the first one's answer may overtake what was asked before.
"""
import os
import sys
import unittest

from harness import WAIT, Folder, Server, eventually

MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
CODES = ["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
         "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
         "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"]
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 32
MARKS = b"are-you?", b"and now?"
STREAMS_MAX = 256
ALIVE = "lives"


def frame(kind, flags=0, stream=0, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name, value):
    """HPACK: a field by its letters, kept in no table."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


FIELDS = [(":method", "POST"), (":scheme", "http"), (":path", "/grpc.health.v1.Health/Check"), (":authority", "t"),
          ("te", "trailers"), ("content-type", "application/grpc")]
BODY = b"\0\0\0\0\0"  # A HealthCheckRequest of nothing.


def block(*more, without=(), first=(), fields=FIELDS):
    named = [*first, *((n, v) for n, v in fields if n not in without), *more]
    return b"".join(literal(n, v) for n, v in named)


def head(stream=1, flags=END_HEADERS, payload=None):
    return frame(HEADERS, flags, stream, block() if payload is None else payload)


def bare(payload, stream=1):
    """A request without a body."""
    return head(stream, END_HEADERS | END_STREAM, payload)


def call(stream=1):
    return head(stream) + frame(DATA, END_STREAM, stream, BODY)


def setting(name, value):
    return frame(SETTINGS, 0, 0, name.to_bytes(2, "big") + value.to_bytes(4, "big"))


def number(n):
    return n.to_bytes(4, "big")


def connection(code):
    return "GOAWAY " + code


def stream(code, which=1):
    return f"RST_STREAM {which} {code}"


ANSWER = "1: 200, 0"  # The call of stream 1 was answered, status 0.
PROTOCOL, SIZE, FLOW, CLOSED, COMPRESSION = (
    connection(c) for c in ("PROTOCOL_ERROR", "FRAME_SIZE_ERROR", "FLOW_CONTROL_ERROR", "STREAM_CLOSED", "COMPRESSION_ERROR"))

# Section, case, bytes, what may come of it.
CASES = [
    ("3.4", "SETTINGS come first", frame(SETTINGS), ALIVE),
    ("4.1", "a frame of unknown type", frame(22, 255, 0, b"12345678"), ALIVE),
    ("4.1", "a frame of unknown type on a stream that is idle", frame(22, 0, 9, b"12345678"), ALIVE),
    ("4.1", "flags that nobody defined", frame(PING, 0xFE, 0, b"12345678"), ALIVE),
    ("4.1", "the reserved bit", frame(PING, 0, 1 << 31, b"12345678"), ALIVE),
    ("4.2", "DATA as large as may be", head() + frame(DATA, END_STREAM, 1, BODY + bytes(16384 - 5)), "1: 200, 13"),
    ("4.2", "DATA above SETTINGS_MAX_FRAME_SIZE", head() + frame(DATA, 0, 1, bytes(16385)), (SIZE, stream("FRAME_SIZE_ERROR"))),
    ("4.2", "HEADERS above it", head(payload=block() + bytes(16385)), SIZE),
    ("4.3", "a field block that is none", head(payload=b"\x40"), COMPRESSION),
    ("4.3", "PRIORITY within a field block", head(flags=0) + frame(PRIORITY, 0, 1, number(0) + b"\x0f"), PROTOCOL),
    ("4.3", "another stream's HEADERS within it", head(flags=0) + head(3), PROTOCOL),
    ("5.1", "idle: DATA", frame(DATA, END_STREAM, 1, b"test"), PROTOCOL),
    ("5.1", "idle: RST_STREAM", frame(RST_STREAM, 0, 1, number(8)), PROTOCOL),
    ("5.1", "idle: WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 1, number(100)), PROTOCOL),
    ("5.1", "idle: CONTINUATION", frame(CONTINUATION, END_HEADERS, 1, block()), PROTOCOL),
    ("5.1", "half closed: DATA", bare(block()) + frame(DATA, END_STREAM, 1, b"test"), (stream("STREAM_CLOSED"), CLOSED)),
    ("5.1", "half closed: HEADERS", bare(block()) + bare(block()), (stream("STREAM_CLOSED"), CLOSED)),
    ("5.1", "half closed: CONTINUATION", bare(block()) + frame(CONTINUATION, END_HEADERS, 1, block()), (CLOSED, PROTOCOL)),
    # What comes late is passed over or refused, as section 5.1 leaves open; it must open nothing.
    ("5.1", "closed by RST_STREAM: DATA", head() + frame(RST_STREAM, 0, 1, number(8)) + frame(DATA, END_STREAM, 1, b"test"),
     (stream("STREAM_CLOSED"), CLOSED, ALIVE)),
    ("5.1", "closed by RST_STREAM: HEADERS", head() + frame(RST_STREAM, 0, 1, number(8)) + bare(block()),
     (stream("STREAM_CLOSED"), CLOSED, PROTOCOL, ALIVE)),
    ("5.1", "closed by RST_STREAM: CONTINUATION", head() + frame(RST_STREAM, 0, 1, number(8)) + frame(CONTINUATION, 4, 1, block()),
     (CLOSED, PROTOCOL)),
    ("5.1.1", "a stream of an even number", head(2), PROTOCOL),
    ("5.1.1", "a stream of a lower number", call(5) + head(3), (PROTOCOL, CLOSED)),
    ("5.1.1", "numbers left out", call(5) + call(9), "9: 200, 0"),
    ("5.1.1", "one of those left out", call(5) + call(9) + bare(block(), 7), (PROTOCOL, CLOSED)),
    ("5.1.2", "more streams than allowed",  # And then room for one.
     b"".join(head(2 * i + 1) for i in range(STREAMS_MAX + 1)) + frame(RST_STREAM, 0, 1, number(8)),
     (stream("REFUSED_STREAM", 2 * STREAMS_MAX + 1), stream("PROTOCOL_ERROR", 2 * STREAMS_MAX + 1))),
    # RFC 9113 has done away with priorities; they may be refused as before, or passed over.
    ("5.3.1", "HEADERS that depend on themselves", head(flags=END_HEADERS | WITH_PRIORITY, payload=number(1) + b"\x0f" + block())
     + frame(DATA, END_STREAM, 1, BODY), (stream("PROTOCOL_ERROR"), PROTOCOL, ANSWER)),
    ("5.3.1", "PRIORITY that depends on itself", call() + frame(PRIORITY, 0, 1, number(1) + b"\x0f"),
     (stream("PROTOCOL_ERROR"), PROTOCOL, ANSWER)),
    ("5.5", "a frame of unknown type within a field block", head(flags=0) + frame(22, 0, 0, b"12345678"), PROTOCOL),
    ("6.1", "DATA on stream 0", head() + frame(DATA, 0, 0, b"test"), PROTOCOL),
    ("6.1", "padding", head() + frame(DATA, END_STREAM | PADDED, 1, b"\x03" + BODY + bytes(3)), ANSWER),
    ("6.1", "as much padding as there is", head() + frame(DATA, PADDED, 1, b"\x05test"), PROTOCOL),
    ("6.1", "padding without a length", head() + frame(DATA, PADDED, 1), (SIZE, PROTOCOL)),
    ("6.2", "HEADERS on stream 0", head(0), PROTOCOL),
    ("6.2", "HEADERS with padding", head(flags=END_HEADERS | PADDED, payload=b"\x02" + block() + bytes(2))
     + frame(DATA, END_STREAM, 1, BODY), ANSWER),
    ("6.2", "HEADERS of padding alone", head(flags=END_HEADERS | PADDED, payload=b"\x05test"), PROTOCOL),
    ("6.2", "HEADERS too short for their priority", head(flags=END_HEADERS | WITH_PRIORITY, payload=b"\0\0"), SIZE),
    ("6.3", "PRIORITY", frame(PRIORITY, 0, 1, number(0) + b"\x0f") + call(), ANSWER),
    ("6.3", "PRIORITY on stream 0", frame(PRIORITY, 0, 0, number(1) + b"\x0f"), PROTOCOL),
    ("6.3", "PRIORITY of 4 bytes", head() + frame(PRIORITY, 0, 1, number(0)), (stream("FRAME_SIZE_ERROR"), SIZE)),
    ("6.4", "RST_STREAM on stream 0", frame(RST_STREAM, 0, 0, number(8)), PROTOCOL),
    ("6.4", "RST_STREAM of 3 bytes", head() + frame(RST_STREAM, 0, 1, b"\0\0\0"), SIZE),
    ("6.4", "RST_STREAM of an unknown code", head() + frame(RST_STREAM, 0, 1, number(255)), ALIVE),
    ("6.5", "an ACK with a payload", frame(SETTINGS, ACK, 0, b"\0"), SIZE),
    ("6.5", "SETTINGS on a stream", frame(SETTINGS, 0, 1, b"\0\3\0\0\0\1"), PROTOCOL),
    ("6.5", "SETTINGS of 3 bytes", frame(SETTINGS, 0, 0, b"\0\3\0"), SIZE),
    ("6.5.2", "ENABLE_PUSH 2", setting(2, 2), PROTOCOL),
    ("6.5.2", "INITIAL_WINDOW_SIZE above 2^31-1", setting(4, 1 << 31), FLOW),
    ("6.5.2", "MAX_FRAME_SIZE below 16384", setting(5, 16383), PROTOCOL),
    ("6.5.2", "MAX_FRAME_SIZE above 2^24-1", setting(5, 1 << 24), PROTOCOL),
    ("6.5.2", "a setting that nobody defined", setting(255, 1), ALIVE),
    ("6.6", "PUSH_PROMISE of a client", head() + frame(PUSH_PROMISE, END_HEADERS, 1, number(3) + block()), PROTOCOL),
    ("6.7", "an ACK of nothing", frame(PING, ACK, 0, b"unasked."), ALIVE),
    ("6.7", "PING on a stream", frame(PING, 0, 1, b"12345678"), PROTOCOL),
    ("6.7", "PING of 6 bytes", frame(PING, 0, 0, b"123456"), SIZE),
    ("6.8", "GOAWAY on a stream", frame(GOAWAY, 0, 1, number(0) + number(0)), PROTOCOL),
    ("6.8", "GOAWAY of 4 bytes", frame(GOAWAY, 0, 0, number(0)), SIZE),
    ("6.8", "GOAWAY with a call under way", head() + frame(GOAWAY, 0, 0, number(0) + number(0)) + frame(DATA, END_STREAM, 1, BODY), ANSWER),
    ("6.9", "WINDOW_UPDATE by 0", frame(WINDOW_UPDATE, 0, 0, number(0)), PROTOCOL),
    ("6.9", "WINDOW_UPDATE of a stream by 0", head() + frame(WINDOW_UPDATE, 0, 1, number(0)), (stream("PROTOCOL_ERROR"), PROTOCOL)),
    ("6.9", "WINDOW_UPDATE of 3 bytes", frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"), SIZE),
    ("6.9.1", "the connection's window above 2^31-1", frame(WINDOW_UPDATE, 0, 0, number(2**31 - 1)) * 2, FLOW),
    ("6.9.1", "a stream's window above 2^31-1", head() + frame(WINDOW_UPDATE, 0, 1, number(2**31 - 1)) * 2,
     (stream("FLOW_CONTROL_ERROR"), FLOW)),
    ("6.9.2", "SETTINGS that make a window too large", head() + frame(WINDOW_UPDATE, 0, 1, number(2**31 - 65536))
     + setting(4, 2**31 - 1), (stream("FLOW_CONTROL_ERROR"), FLOW)),
    ("6.10", "CONTINUATION", head(flags=0, payload=block()[:30]) + frame(CONTINUATION, 0, 1, block()[30:50])
     + frame(CONTINUATION, END_HEADERS, 1, block()[50:]) + frame(DATA, END_STREAM, 1, BODY), ANSWER),
    ("6.10", "HEADERS, then DATA", head(flags=0) + frame(DATA, 0, 1, b"test"), PROTOCOL),
    ("6.10", "HEADERS, then PING", head(flags=0) + frame(PING, 0, 0, b"12345678"), PROTOCOL),
    ("6.10", "CONTINUATION on stream 0", head(flags=0) + frame(CONTINUATION, END_HEADERS, 0, block()), PROTOCOL),
    ("6.10", "CONTINUATION of another stream", head(flags=0) + frame(CONTINUATION, END_HEADERS, 3, block()), PROTOCOL),
    ("6.10", "CONTINUATION behind END_HEADERS", head() + frame(CONTINUATION, END_HEADERS, 1, block()), PROTOCOL),
    ("6.10", "CONTINUATION behind DATA", head() + frame(DATA, 0, 1, BODY[:2]) + frame(CONTINUATION, END_HEADERS, 1), PROTOCOL),
    ("6.10", "CONTINUATION behind the last CONTINUATION", head(flags=0) + frame(CONTINUATION, END_HEADERS, 1) * 2, PROTOCOL),
    ("7", "GOAWAY of an unknown code", frame(GOAWAY, 0, 0, number(0) + number(255)), ALIVE),
    ("8.1", "a second HEADERS that ends nothing", head() + head(payload=literal("x", "y")), (stream("PROTOCOL_ERROR"), PROTOCOL)),
    ("8.1", "trailers", head() + frame(DATA, 0, 1, BODY) + bare(literal("x", "y")), ANSWER),
    ("8.1", "a pseudo-field in trailers", head() + frame(DATA, 0, 1, BODY) + bare(literal(":method", "GET")), stream("PROTOCOL_ERROR")),
    ("8.1.1", "content-length of more than there is", head(payload=block(("content-length", "9"))) + frame(DATA, END_STREAM, 1, BODY),
     stream("PROTOCOL_ERROR")),
    ("8.1.1", "content-length of less", head(payload=block(("content-length", "1"))) + frame(DATA, END_STREAM, 1, BODY),
     stream("PROTOCOL_ERROR")),
    ("8.1.1", "content-length of less than several DATA", head(payload=block(("content-length", "4")))
     + frame(DATA, 0, 1, BODY[:3]) + frame(DATA, END_STREAM, 1, BODY[3:]), stream("PROTOCOL_ERROR")),
    ("8.1.1", "content-length that is right", head(payload=block(("content-length", "5"))) + frame(DATA, END_STREAM, 1, BODY), ANSWER),
    ("8.1.1", "content-length twice", head(payload=block(("content-length", "5"), ("content-length", "5"))), stream("PROTOCOL_ERROR")),
    ("8.1.1", "content-length that is no number", head(payload=block(("content-length", "+5"))), stream("PROTOCOL_ERROR")),
    ("8.2.1", "a name in upper case", bare(block(("X-Test", "ok"))), stream("PROTOCOL_ERROR")),
    ("8.2.1", "a name with a space", bare(block(("x test", "ok"))), stream("PROTOCOL_ERROR")),
    ("8.2.1", "a name with a colon", bare(block(("x:test", "ok"))), stream("PROTOCOL_ERROR")),
    ("8.2.1", "an empty name", bare(block(("", "ok"))), stream("PROTOCOL_ERROR")),
    ("8.2.1", "a value with a NUL", bare(block(("x-test", "a\0b"))), stream("PROTOCOL_ERROR")),
    ("8.2.1", "a value with a line end", bare(block(("x-test", "a\r\nb"))), stream("PROTOCOL_ERROR")),
    *(("8.2.2", f"the connection's own field {name}", bare(block((name, value))), stream("PROTOCOL_ERROR"))
      for name, value in (("connection", "keep-alive"), ("proxy-connection", "close"), ("keep-alive", "timeout=1"),
                          ("transfer-encoding", "chunked"), ("upgrade", "h2c"), ("te", "gzip"))),
    ("8.3", "an unknown pseudo-field", bare(block(first=[(":test", "ok")])), stream("PROTOCOL_ERROR")),
    ("8.3", "a response's pseudo-field", bare(block(first=[(":status", "200")])), stream("PROTOCOL_ERROR")),
    ("8.3", "a pseudo-field behind a field", bare(block((":method", "POST"), without=[":method"])), stream("PROTOCOL_ERROR")),
    ("8.3.1", "an empty :path", bare(block(first=[(":path", "")], without=[":path"])), stream("PROTOCOL_ERROR")),
    *(("8.3.1", f"no {name}", bare(block(without=[name])), stream("PROTOCOL_ERROR")) for name in (":method", ":scheme", ":path")),
    *(("8.3.1", f"{name} twice", bare(block(first=[(name, value)])), stream("PROTOCOL_ERROR"))
      for name, value in FIELDS[:4]),
]

# RFC 7541. The block is the request's, with something wrong in it.
HPACK = [
    ("2.3.3", "an index that no table has", b"\xff\x50", COMPRESSION),
    ("2.3.3", "a literal's name of such an index", b"\x7f\x50\x01a", COMPRESSION),
    ("4.2", "a table size behind a field", b"\x20", COMPRESSION),
    ("5.1", "a number without an end", b"\xff" + b"\xff" * 12 + b"\x01", COMPRESSION),
    ("5.2", "Huffman padding above 7 bits", b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff", COMPRESSION),
    ("5.2", "Huffman padding that is not of ones", b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90", COMPRESSION),
    ("5.2", "a Huffman text with EOS in it", b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f", COMPRESSION),
    ("5.2", "a text longer than the block", b"\x00\x01a\x7fb", COMPRESSION),
    ("6.1", "index 0", b"\x80", COMPRESSION),
]


class Peer:
    """One connection that speaks frames."""

    def __init__(self, server, first=MAGIC + setting(1, 0)):  # HPACK without a table: answers can be read one by one.
        self.socket = server.connect("grpc")
        self.socket.sendall(first)
        self.seen = []
        self.closed = False
        self.unread = b""

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def frames(self):
        while True:
            while len(self.unread) >= 9 and len(self.unread) >= 9 + int.from_bytes(self.unread[:3], "big"):
                n = 9 + int.from_bytes(self.unread[:3], "big")
                now, self.unread = self.unread[:n], self.unread[n:]
                yield now[3], now[4], int.from_bytes(now[5:9], "big"), now[9:]
            try:
                chunk = self.socket.recv(65536)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                self.closed = True
                return
            self.unread += chunk

    def outcome(self):
        """Asks whether the connection lives, and tells all that came: errors, answers, or `lives` if there were none."""
        self.send(frame(PING, 0, 0, MARKS[0]))
        told, status = [], {}
        for kind, flags, which, payload in self.frames():
            if kind == GOAWAY:
                code = int.from_bytes(payload[4:8], "big")
                if code != 0:
                    told.append(connection(CODES[code]))
            elif kind == RST_STREAM:
                code = int.from_bytes(payload, "big")
                if code != 0:
                    told.append(stream(CODES[code], which))
            elif kind == HEADERS:
                status.setdefault(which, []).append(payload)
                if flags & END_STREAM:
                    told.append(f"{which}: {answer_of(b''.join(status[which]))}")
            elif kind == PING and flags & ACK and payload == MARKS[0]:
                self.send(frame(PING, 0, 0, MARKS[1]))
            elif kind == PING and flags & ACK and payload == MARKS[1]:
                break
        return told or [ALIVE]


def answer_of(fields):
    """Our own answers name both statuses in plain letters or by the static table."""
    http = next((s for code, s in ((b"\x88", "200"), (b"\x8d", "404")) if code in fields[:3]), "?")
    at = fields.find(b"grpc-status")
    if at < 0:  # By Huffman's code.
        at = fields.find(b"\x9a\xca\xc8\xb2\x12\x34\xda\x8f")
        at = at + 8 if at >= 0 else at
    else:
        at += 11
    if at < 0:
        return http
    length, value = fields[at], fields[at + 1:]
    return f"{http}, {huffman_digits(value[:length & 127]) if length & 128 else value[:length].decode()}"


def huffman_digits(data):
    bits = "".join(f"{b:08b}" for b in data)
    short, text = {"00000": "0", "00001": "1", "00010": "2"}, ""
    long = {f"{0b011001 + i:06b}": str(3 + i) for i in range(7)}
    while bits:
        if bits[:5] in short:
            text, bits = text + short[bits[:5]], bits[5:]
        elif bits[:6] in long:
            text, bits = text + long[bits[:6]], bits[6:]
        else:
            break
    return text


class Http2Test(Folder):
    def server(self):
        return self.enterContext(Server("--threads", "1", resp="none", grpc="127.0.0.1:0"))

    def check(self, server, cases):
        for section, what, sent, wanted in cases:
            with self.subTest(section=section, what=what):
                peer = Peer(server)
                peer.send(sent)
                outcome = peer.outcome()
                wanted = (wanted,) if isinstance(wanted, str) else wanted
                self.assertTrue(any(w in outcome for w in wanted), f"{outcome}, not {' or '.join(wanted)}")
                errors = [o for o in outcome if o.startswith(("GOAWAY", "RST_STREAM"))]
                self.assertLessEqual(len(errors), 1, f"{outcome}: one error for one fault")
                if outcome[-1].startswith("GOAWAY"):
                    list(peer.frames())
                    self.assertTrue(peer.closed, "GOAWAY, and the connection stays")
                elif frame(GOAWAY)[3:9] not in sent:  # A fault of one stream is no other's.
                    peer.send(call(2001))
                    self.assertEqual(peer.outcome(), ["2001: 200, 0"], "the next call")
                peer.socket.close()

    def test_what_rfc_9113_says_of_frames_and_fields(self):
        self.check(self.server(), CASES)

    def test_what_rfc_7541_says_of_field_blocks(self):
        self.check(self.server(), ((s, w, bare(block() + wrong), wanted) for s, w, wrong, wanted in HPACK))

    def test_what_is_no_http2(self):
        server = self.server()
        for first in (b"GET / HTTP/1.1\r\nHost: t\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\r\r\r", MAGIC + call(), b"\x16\x03\x01" + bytes(40)):
            peer = Peer(server, first)
            list(peer.frames())
            self.assertTrue(peer.closed, first)

    def test_settings_and_pings_are_answered(self):
        peer = Peer(self.server())
        peer.send(setting(4, 1000) + frame(PING, 0, 0, b"12345678"))
        acks = []
        for kind, flags, _, payload in peer.frames():
            if flags & ACK:
                acks.append((kind, payload))
            if len(acks) == 3:
                break
        self.assertEqual(acks, [(SETTINGS, b""), (SETTINGS, b""), (PING, b"12345678")])

    def test_answers_keep_to_the_window(self):
        peer = Peer(self.server(), MAGIC + setting(4, 3))
        peer.send(call())

        def data(until):
            got = b""
            for kind, flags, which, payload in peer.frames():
                if kind == DATA:
                    got += payload
                if len(got) >= until or (kind == PING and flags & ACK) or (kind == HEADERS and flags & END_STREAM):
                    return got

        first = data(3)
        self.assertEqual(len(first), 3)
        peer.send(frame(PING, 0, 0, MARKS[0]))
        self.assertEqual(data(1), b"", "the window is used up")
        peer.send(frame(WINDOW_UPDATE, 0, 1, number(100)))
        self.assertEqual(first + data(4), b"\0\0\0\0\2\x08\1")
        peer.socket.close()

    def test_a_thousand_faults_leave_nothing_behind(self):
        server = self.server()

        def holds():
            with open(f"/proc/{server.process.pid}/status") as f:
                resident = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
            return resident, len(os.listdir(f"/proc/{server.process.pid}/fd"))

        def round_of_faults():
            for _, _, sent, _ in CASES:
                peer = Peer(server)
                peer.send(sent)
                peer.outcome()
                peer.socket.close()

        for _ in range(3):
            round_of_faults()
        before, descriptors = holds()
        for _ in range(12):
            round_of_faults()
        eventually(lambda: holds()[1] <= descriptors, lambda: f"{holds()[1]} descriptors, {descriptors} before")
        self.assertLess(holds()[0] - before, 2 * 1024, "kB")


if __name__ == "__main__":
    assert WAIT > 0 and len(CASES) > 90
    unittest.main(argv=[sys.argv[0], "-v"])
