"""A tail saved to a file while it runs: what the ring has, then everything that comes, until it is stopped.

The file is new, 0600, and grows; each line is written when what it says is settled. What could not be written is a
gap in the file, or the end of the recording with its reason: never silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from etcdtui.core.units import format_count, format_size
from etcdtui.services.tail import entries
from etcdtui.services.tail.entries import Entry, Seen, entry_size
from etcdtui.services.tail.feed import WatchFeed
from etcdtui.services.tail.records import to_json, to_text
from etcdtui.services.tail.replay import Replay
from etcdtui.services.tail.veil import Veil

EVERY = 0.25
"""Seconds between two looks at what waits to be written."""
AT_ONCE = 2_000
"""Entries made into lines at a time."""
SETTLE = 3.0
"""Seconds after which an entry is written as it is known: an expiry that nobody could confirm is a deletion."""
WAITING_BYTES = 64 * 1024 * 1024
"""What may wait for the disk."""
SYNC_EVERY = 30.0

Wanted = Callable[[Entry], bool]


class Outbox:
    """Entries on their way out, in order; ``take`` gives those of which everything is known. ``size`` is in bytes."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.size = 0
        self._now = now
        self._waiting: deque[tuple[int, Entry]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, entry: Entry) -> None:
        size = entry_size(entry)
        self._waiting.append((size, entry))
        self.size += size

    def take(self, most: int, *, settle: bool = False) -> list[Entry]:
        """Up to ``most``; with ``settle`` also those of which something is still being found out."""
        part: list[Entry] = []
        waiting = self._waiting
        now = self._now()
        while waiting and len(part) < most:
            size, entry = waiting[0]
            if isinstance(entry, Seen) and entry.unsettled and not settle and now - entry.seen < SETTLE:
                break
            waiting.popleft()
            self.size -= size
            part.append(entry)
        return part


class Recording:
    """``run`` it until it is stopped or fails; ``problem`` then says why, as a sentence.

    ``path`` ending in ``.txt`` gets text, any other name JSON Lines. ``wanted`` leaves out what a filter leaves out,
    and ``limit`` (bytes, 0: none) ends the recording. Raises ``FileExistsError`` and other ``OSError`` when it is made.
    """

    def __init__(
        self,
        feed: WatchFeed | Replay,
        path: Path,
        veil: Veil,
        *,
        wanted: Wanted | None = None,
        limit: int = 0,
        since: Sequence[Entry] = (),
        dropped: int = 0,
    ) -> None:
        self.path = path
        self.written = 0
        self.bytes = 0
        self.last_revision = 0
        self.problem = ""
        self._feed = feed
        self._veil = veil
        self._wanted = wanted
        self._limit = limit
        self._line = to_text if path.suffix == ".txt" else to_json
        self._outbox = Outbox(time.time)
        self._writing = threading.Lock()
        self._lost = 0
        self._synced = 0.0
        self._stopping = asyncio.Event()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(path, flags, 0o600)
        if dropped:
            first = since[0].seen if since else 0.0
            self._outbox.put(entries.dropped(dropped, "they came before the recording and were not kept", first))
        self.came(since)
        feed.listeners.append(self)

    @property
    def running(self) -> bool:
        return self._file >= 0

    @property
    def words(self) -> str:
        """What to say of it in the status line."""
        return f"{format_count(self.written)} lines, {format_size(self.bytes)}"

    def came(self, news: Sequence[Entry]) -> None:
        for entry in news:
            if self._wanted is not None and not self._wanted(entry):
                continue
            if self._outbox.size > WAITING_BYTES:
                self._lost += 1
                continue
            if self._lost:
                self._outbox.put(entries.dropped(self._lost, "the disk was too slow", entry.seen))
                self._lost = 0
            self._outbox.put(entry)

    async def run(self) -> None:
        """Write until ``stop`` or a problem."""
        try:
            while not self.problem:
                stopping = self._stopping.is_set()
                await self._write(settle=stopping)
                if stopping:
                    break
                try:
                    async with asyncio.timeout(EVERY):
                        await self._stopping.wait()
                except TimeoutError:
                    pass
        finally:
            self.close()

    def stop(self) -> None:
        """Write what has come, then end."""
        self._stopping.set()

    def close(self) -> None:
        """End now; what waits is written as it is known."""
        if self._file < 0:
            return
        if self in self._feed.listeners:
            self._feed.listeners.remove(self)
        try:
            if not self.problem:
                self._put(self._outbox.take(len(self._outbox), settle=True))
            os.fsync(self._file)
        except OSError as error:
            self.problem = self.problem or _sentence(error, self.last_revision)
        finally:
            os.close(self._file)
            self._file = -1

    async def _write(self, *, settle: bool) -> None:
        while not self.problem and (part := self._outbox.take(AT_ONCE, settle=settle)):
            if any(isinstance(entry, Seen) and entry.open for entry in part):
                await self._feed.look_up([entry for entry in part if isinstance(entry, Seen)])
            try:
                await asyncio.to_thread(self._put, part)
            except OSError as error:
                self.problem = _sentence(error, self.last_revision)
                return
            if self._limit and self.bytes >= self._limit:
                self.problem = f"its limit of {format_size(self._limit)} is reached after rev {self.last_revision}"
                return

    def _put(self, part: Sequence[Entry]) -> None:
        """Runs in a thread: lines, then one write; half a line is never left behind."""
        line, veil = self._line, self._veil
        data = "".join(line(entry, veil) + "\n" for entry in part).encode("utf-8", "backslashreplace")
        with self._writing:  # a cancelled task leaves its thread writing
            self._write_all(data)
            self.bytes += len(data)
            self.written += len(part)
            self.last_revision = max((e.revision for e in part if isinstance(e, Seen)), default=self.last_revision)
            if part and part[-1].seen - self._synced > SYNC_EVERY:
                self._synced = part[-1].seen
                os.fsync(self._file)

    def _write_all(self, data: bytes) -> None:
        done = 0
        try:
            while done < len(data):
                done += os.write(self._file, data[done:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.bytes)
                os.lseek(self._file, self.bytes, os.SEEK_SET)
            raise


def _sentence(error: OSError, revision: int) -> str:
    return f"{(error.strerror or 'the file cannot be written').lower()}: nothing is saved after rev {revision}"
