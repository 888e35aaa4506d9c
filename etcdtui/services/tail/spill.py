"""Older entries of a tail on disk: what the ring lets go, up to a limit, to be scrolled back to.

The file is 0600 in the state folder and has no name from its first moment on, so that nothing of it is left whatever
happens to the program. It is written masked, as everything is that leaves memory. Half of the limit is let go at a
time, the older half.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from array import array
from pathlib import Path

from etcdtui.config.folders import private_folder
from etcdtui.services.tail.entries import Entry
from etcdtui.services.tail.records import RecordProblem, from_json, to_json
from etcdtui.services.tail.veil import Veil

BUFFER = 256 * 1024
"""Bytes collected before they are written."""
LEAST = 1024 * 1024
"""A smaller limit is taken for this one."""


class Lines:
    """Lines in a file, by number: where each begins is remembered, eight bytes a line."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.size = 0
        self.starts = array("Q")

    def __len__(self) -> int:
        return len(self.starts)

    def read(self, at: int) -> bytes:
        end = self.starts[at + 1] if at + 1 < len(self.starts) else self.size
        return os.pread(self.fd, end - self.starts[at], self.starts[at])

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class _Half:
    """One of the two files, with what is not written to it yet."""

    def __init__(self, folder: Path) -> None:
        path = private_folder(folder) / f"tail-{os.getpid()}-{secrets.token_hex(4)}.spill"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self.lines = Lines(os.open(path, flags, 0o600))
        path.unlink()
        self._waiting = bytearray()

    def add(self, line: bytes) -> None:
        lines = self.lines
        lines.starts.append(lines.size + len(self._waiting))
        self._waiting += line
        if len(self._waiting) >= BUFFER:
            self.flush()

    @property
    def size(self) -> int:
        return self.lines.size + len(self._waiting)

    def flush(self) -> None:
        while self._waiting:
            written = os.write(self.lines.fd, self._waiting)
            self.lines.size += written
            del self._waiting[:written]

    def get(self, at: int) -> bytes:
        self.flush()
        return self.lines.read(at)


class Spill:
    """Entries by the ring's numbers, from ``first`` up to before ``next``; ``problem`` once the disk refused."""

    def __init__(self, folder: Path, limit: int, veil: Veil, first: int = 0) -> None:
        self.first = first
        self.problem = ""
        self._folder = folder
        self._half_size = max(LEAST, limit) // 2
        self._veil = veil
        self._halves: list[_Half] = []

    @property
    def next(self) -> int:
        return self.first + sum(len(half.lines) for half in self._halves)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(half.size for half in self._halves)

    def add(self, entry: Entry) -> None:
        """The next entry that the ring lets go. A disk that refuses ends the spill; the tail goes on without."""
        if self.problem:
            return
        try:
            if not self._halves or self._halves[-1].size >= self._half_size:
                self._turn()
            self._halves[-1].add(to_json(entry, self._veil).encode() + b"\n")
        except OSError as error:
            self.problem = (error.strerror or "the disk refused").lower()
            self.first = self.next
            self.close()

    def get(self, sequence: int) -> Entry | None:
        """``None`` for one that is no longer there, or that cannot be read back."""
        at = sequence - self.first
        for half in self._halves:
            if 0 <= at < len(half.lines):
                with contextlib.suppress(OSError, RecordProblem):
                    return from_json(half.get(at))
                return None
            at -= len(half.lines)
        return None

    def close(self) -> None:
        for half in self._halves:
            half.lines.close()
        self._halves.clear()

    def _turn(self) -> None:
        self._halves.append(_Half(self._folder))
        if len(self._halves) > 2:
            gone = self._halves.pop(0)
            self.first += len(gone.lines)
            gone.lines.close()
