"""Where the events of a tail happen: how many a second by prefix, the busiest keys, and how that was before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from etcdtui.core.value import Value
from etcdtui.services.tail.entries import Entry, Seen

SECONDS = 60
"""How far back the churn looks, and the number of columns of its graph."""
NAMES = 2_000
"""Different prefixes, and different keys, that are counted; the rarest make room."""
SHOWN = 200
BARS = " ▁▂▃▄▅▆▇█"


class Busy(Value):
    """A prefix or key: events in the last minute, of them in the last ten seconds, by the second."""

    name: bytes
    folder: bool
    minute: int
    recent: int
    graph: tuple[int, ...]

    @property
    def rate(self) -> float:
        """Events a second over the last ten seconds."""
        return self.recent / 10


class _Counts:
    """Events by second for one name."""

    __slots__ = ("seconds", "total")

    def __init__(self) -> None:
        self.seconds: deque[list[int]] = deque()
        self.total = 0

    def add(self, second: int) -> None:
        if self.seconds and self.seconds[-1][0] == second:
            self.seconds[-1][1] += 1
        else:
            self.seconds.append([second, 1])
        self.total += 1
        self.forget(second)

    def forget(self, second: int) -> None:
        while self.seconds and self.seconds[0][0] <= second - SECONDS:
            self.total -= self.seconds.popleft()[1]


class Churn:
    """Counts what comes. ``prefix`` is what is watched: the folders right below it are told apart."""

    def __init__(self, prefix: bytes, separators: Sequence[bytes]) -> None:
        self._prefix = prefix if prefix != b"\0" else b""
        self._separators = tuple(separators)
        self._folders: dict[bytes, _Counts] = {}
        self._keys: dict[bytes, _Counts] = {}
        self._all = _Counts()

    def came(self, news: Sequence[Entry]) -> None:
        for entry in news:
            if isinstance(entry, Seen):
                second, key = int(entry.seen), entry.event.kv.key
                self._all.add(second)
                _count(self._keys, key, second)
                _count(self._folders, self._folder(key), second)

    def folders(self, now: float) -> list[Busy]:
        """The prefixes below the watched one, the busiest first."""
        return _busiest(self._folders, int(now), self._is_folder)

    def keys(self, now: float) -> list[Busy]:
        """The keys, the busiest first."""
        return _busiest(self._keys, int(now), lambda _: False)

    def all(self, now: float) -> Busy:
        """Everything together."""
        self._all.forget(int(now))
        return _busy(b"", True, self._all, int(now))

    def _folder(self, key: bytes) -> bytes:
        start = len(self._prefix) if key.startswith(self._prefix) else 0
        if not start and key[:1] in self._separators:
            start = 1  # a leading separator tells nothing apart
        ends = [at + len(s) for s in self._separators if (at := key.find(s, start)) >= 0]
        return key[: min(ends)] if ends else key

    def _is_folder(self, name: bytes) -> bool:
        return name.endswith(self._separators) if self._separators else False


def _count(counts: dict[bytes, _Counts], name: bytes, second: int) -> None:
    found = counts.get(name)
    if found is None:
        if len(counts) >= NAMES:
            for other in sorted(counts, key=lambda one: counts[one].total)[: NAMES // 4]:
                del counts[other]
        found = counts[name] = _Counts()
    found.add(second)


def _busiest(counts: dict[bytes, _Counts], now: int, is_folder: Callable[[bytes], bool]) -> list[Busy]:
    for name in list(counts):
        counts[name].forget(now)
        if not counts[name].total:
            del counts[name]
    found = [_busy(name, is_folder(name), one, now) for name, one in counts.items()]
    found.sort(key=lambda one: (-one.recent, -one.minute, one.name))
    return found[:SHOWN]


def _busy(name: bytes, folder: bool, counts: _Counts, now: int) -> Busy:
    graph = [0] * SECONDS
    for second, count in counts.seconds:
        at = second - (now - SECONDS + 1)
        if 0 <= at < SECONDS:
            graph[at] = count
    return Busy(name, folder, counts.total, sum(graph[-10:]), tuple(graph))


def sparkline(graph: Sequence[int], width: int) -> str:
    """The newest at the right; the highest column is a full block."""
    shown = graph[-width:] if width > 0 else ()
    top = max(shown, default=0)
    return "".join(BARS[0] if not top else BARS[-(-count * (len(BARS) - 1) // top)] for count in shown)
