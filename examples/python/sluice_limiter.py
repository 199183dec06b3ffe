"""The library from Python, by ctypes: no build, no package. Copy what you need.

    limiter = Limiter("100/s burst 200", "10000/h")
    decision = limiter.take("alice")
    if not decision.allowed: wait(decision.retry_after)

Run as a program it shows itself. SLUICE_LIBRARY names the library's file if the loader does not find it.
"""
import ctypes
import os
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_int32, c_int64, c_size_t, c_void_p

ABI = 1
NOW = -2**63


class Quota(Structure):
    _fields_ = [("capacity", c_int64), ("tokens", c_int64), ("period_ns", c_int64)]


class Error(Structure):
    _fields_ = [("code", c_int32), ("message", c_char * 508)]


class Decision(Structure):
    _fields_ = [("granted", c_int64), ("capacity", c_int64), ("remaining", c_int64), ("retry_after_ns", c_int64),
                ("reset_after_ns", c_int64), ("due_after_ns", c_int64), ("outcome", c_int32), ("reserved", c_int32)]

    @property
    def allowed(self):
        return self.outcome == 0

    @property
    def retry_after(self):
        """Seconds; infinite if it can never pass."""
        return float("inf") if self.outcome == 2 else self.retry_after_ns / 1e9


def load():
    library = ctypes.CDLL(os.environ.get("SLUICE_LIBRARY", f"libsluice.so.{ABI}"))
    ask = [c_void_p, c_char_p, c_size_t, c_int64, c_int64, POINTER(Decision)]
    signatures = {
        "sluice_abi": [],
        "sluice_quota_parse": [c_char_p, POINTER(Quota), POINTER(Error)],
        "sluice_limiter_new": [POINTER(Quota), c_size_t, c_void_p, POINTER(c_void_p), POINTER(Error)],
        "sluice_limiter_free": [c_void_p],
        "sluice_limiter_take": ask,
        "sluice_limiter_peek": ask,
        "sluice_limiter_refund": ask,
    }
    for name, arguments in signatures.items():  # Without them ctypes would cut 64-bit numbers.
        getattr(library, name).argtypes = arguments
    library.sluice_limiter_free.restype = None
    library.sluice_code_text.restype = c_char_p
    if library.sluice_abi() != ABI:
        raise ImportError(f"libsluice has ABI {library.sluice_abi()}, this file was written for {ABI}")
    return library


lib = load()


def parse(text):
    quota, error = Quota(), Error()
    if lib.sluice_quota_parse(text.encode(), byref(quota), byref(error)):
        raise ValueError(error.message.decode())
    return quota


class Limiter:
    """One bucket a key. Thread-safe; a call lets other threads run, as ctypes does."""

    def __init__(self, *quotas):
        self._handle, error = c_void_p(), Error()
        parsed = (Quota * len(quotas))(*map(parse, quotas))
        if lib.sluice_limiter_new(parsed, len(quotas), None, byref(self._handle), byref(error)):
            raise ValueError(error.message.decode())

    def __del__(self):
        lib.sluice_limiter_free(self._handle)

    def _ask(self, function, key, cost):
        key, decision = key.encode() if isinstance(key, str) else key, Decision()
        if code := function(self._handle, key, len(key), cost, NOW, byref(decision)):
            raise ValueError(lib.sluice_code_text(code).decode())
        return decision

    def take(self, key, cost=1):
        return self._ask(lib.sluice_limiter_take, key, cost)

    def peek(self, key, cost=1):
        return self._ask(lib.sluice_limiter_peek, key, cost)

    def refund(self, key, cost):
        return self._ask(lib.sluice_limiter_refund, key, cost)


if __name__ == "__main__":
    print(f"libsluice ABI {lib.sluice_abi()}")
    try:
        parse("2/fortnight")
    except ValueError as error:
        print(error)
    limiter = Limiter("2/h")
    for key in ("alice", "alice", "alice", "bob"):
        d = limiter.take(key)
        print(f"{key}: allowed, {d.remaining} left" if d.allowed else f"{key}: refused, try again in {int(d.retry_after) + 1} s")
