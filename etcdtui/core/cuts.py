"""Where a range of keys is cut into pieces: along the bytes of the names seen in it. Pure algebra."""

from __future__ import annotations

from collections.abc import Iterable

from etcdtui.core import ranges

_DIGITS = frozenset(b"0123456789")
_LOWER = frozenset(range(ord("a"), ord("z") + 1))
_UPPER = frozenset(range(ord("A"), ord("Z") + 1))


def before(key: bytes, end: bytes) -> bool:
    return end == ranges.FROM_KEY or key < end


def _lower_end(a: bytes, b: bytes) -> bytes:
    if a == ranges.FROM_KEY:
        return b
    return a if b == ranges.FROM_KEY else min(a, b)


def common(a: bytes, b: bytes) -> int:
    """How many bytes both begin with."""
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    while low + 1 < high:  # equal up to low, not up to high
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


def shared(start: bytes, end: bytes) -> int:
    """How many leading bytes all keys of ``[start, end)`` have in common."""
    if end == ranges.FROM_KEY:
        return 0
    same = common(start, end)
    return same + 1 if same < len(start) and len(end) == same + 1 and start[same] + 1 == end[same] else same


class Alphabet:
    """Where to cut at one byte position: around every byte value of the classes seen in names so far."""

    def __init__(self, seen: Iterable[int] = ()) -> None:
        self._seen: set[int] = set()
        self.cuts: list[int] = []
        self.learn(bytes(seen))

    def learn(self, text: bytes) -> None:
        new = set(text) - self._seen
        if not new:
            return
        for byte in new:
            kind = next((k for k in (_DIGITS, _LOWER, _UPPER) if byte in k), frozenset((byte,)))
            self._seen |= kind
        self.cuts = sorted({c for byte in self._seen for c in (byte, byte + 1) if c <= 255})

    def split(self, stem: bytes, start: bytes, end: bytes) -> list[tuple[bytes, bytes]]:
        """``[start, end)`` cut at every ``stem`` + byte that lies inside it."""
        pieces = []
        low = start
        for cut in self.cuts:
            at = stem + bytes((cut,))
            if at <= low:
                continue
            if not before(at, end):
                break
            pieces.append((low, at))
            low = at
        pieces.append((low, end))
        return pieces


def cut_after(
    name: bytes, start: bytes, end: bytes, alphabet: Alphabet, *, deep: int, fine: int = 2
) -> list[tuple[bytes, bytes]]:
    """``[start, end)``, all of it behind ``name``, in pieces ordered along the bytes of ``name``.

    The outermost ``fine`` byte positions, and every position up to ``deep``, are cut by the alphabet; none of the
    cuts falls inside a folder of the level ``name`` belongs to.
    """
    pieces: list[tuple[bytes, bytes]] = []
    low = start
    zone = shared(start, end)
    for position in range(len(name), zone - 1, -1):
        high = _lower_end(ranges.prefix_end(name[:position]), end)
        if not before(low, high) or low == ranges.FROM_KEY:
            continue
        if position < len(name) and (position < zone + fine or position <= deep):
            pieces += alphabet.split(name[:position], low, high)
        else:
            pieces.append((low, high))
        low = high
        if high in (end, ranges.FROM_KEY):
            return pieces
    if low != ranges.FROM_KEY and before(low, end):
        pieces.append((low, end))
    return pieces
