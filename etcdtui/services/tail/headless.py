"""``etcdtui --watch``: the same gap-proof stream as the screen's, to a pipe or a terminal, a line an entry.

Nothing is dropped for a slow reader: the feed holds still and goes on where it was. A reader that went away ends it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import queue
import signal
import stat
import threading
from collections.abc import Callable, Sequence

from etcdtui.core import ranges
from etcdtui.core.safe_text import safe_text
from etcdtui.core.tasks import background
from etcdtui.core.units import counted
from etcdtui.core.value import Value
from etcdtui.services.session.session import Session
from etcdtui.services.tail.entries import Entry, Gap, Seen
from etcdtui.services.tail.feed import FeedState, WatchFeed
from etcdtui.services.tail.recording import SETTLE, Outbox
from etcdtui.services.tail.records import to_json, to_text
from etcdtui.services.tail.source import WatchSpec
from etcdtui.services.tail.veil import Veil

GOOD, FAILED = 0, 1
ENDING = (signal.SIGINT, signal.SIGTERM)
RING = 16
"""The ring of a feed that nobody looks at."""
AT_ONCE = 500
"""Entries made into lines before others get their turn."""
HIGH, LOW = 8 * 1024 * 1024, 1024 * 1024
"""Bytes waiting for the reader at which the feed holds still, and goes on."""
LAST_WORDS = 2.0
"""Seconds that a reader gets at the end to take what is waiting."""
COSTLY = 200_000
"""Revisions back from which on a replay is worth a warning."""


class Printed(Value):
    """How a run ended: its exit code, and the sentence for standard error."""

    code: int
    words: str = ""


async def print_tail(
    session: Session,
    prefix: bytes,
    start_revision: int,
    *,
    as_json: bool,
    fail_on_gap: bool,
    out: int,
    note: Callable[[str], None],
) -> Printed:
    """Print every change below ``prefix`` until the reader of ``out`` goes away, a signal comes, or it fails."""
    gc.freeze()  # what is there stays, and what comes is freed by its count: looking for rings costs a fifth
    gc.set_threshold(100_000, 50, 100)
    key, end = ranges.prefix_range(prefix)
    behind = session.health.revision - start_revision
    if start_revision and behind > COSTLY:
        note(replay_words(behind))
    feed = WatchFeed(session.client, WatchSpec(key, end, start_revision), ring_events=RING)
    printer = _Printer(feed, Veil(session.profile.mask), to_json if as_json else to_text, fail_on_gap, out, note)
    return await printer.run()


def replay_words(revisions: int) -> str:
    """What a replay costs the server, as a sentence."""
    return (
        f"a watch from {counted(revisions, 'revision')} back makes the server read all of them, again and again until "
        "it has caught up, and writes wait while it reads"
    )


class _Pipe:
    """A thread that writes, so that a reader who waits holds up nobody but itself."""

    def __init__(self, out: int, done: Callable[[], None], closed: Callable[[], None]) -> None:
        self.waiting = 0
        self._out = out
        self._done = done
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="tail pipe", daemon=True)
        self._thread.start()

    def put(self, data: bytes) -> None:
        self.waiting += len(data)
        self._queue.put(data)

    async def finish(self) -> None:
        """Give the reader a moment for what is waiting."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join, LAST_WORDS)

    def _write(self) -> None:
        while (data := self._queue.get()) is not None:
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self._out, view) :]
            except OSError:
                self._tell(self._closed)
                return
            self._tell(self._wrote, len(data))

    def _wrote(self, size: int) -> None:
        self.waiting -= size
        self._done()

    def _tell(self, call: Callable[..., None], *arguments: int) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            return  # the loop is closed: the end has come another way


class _Printer:
    def __init__(
        self,
        feed: WatchFeed,
        veil: Veil,
        line: Callable[[Entry, Veil], str],
        fail_on_gap: bool,
        out: int,
        note: Callable[[str], None],
    ) -> None:
        self._feed = feed
        self._veil = veil
        self._line = line
        self._fail_on_gap = fail_on_gap
        self._out = out
        self._note = note
        self._outbox = Outbox(feed.now)
        self._wake = asyncio.Event()
        self._over: asyncio.Future[Printed] = asyncio.get_running_loop().create_future()
        self._pipe = _Pipe(out, self._drained, lambda: self._end(Printed(GOOD)))
        self._state = FeedState.CREATING
        self._was_live = False
        self._held = False

    async def run(self) -> Printed:
        loop = asyncio.get_running_loop()
        feed = self._feed
        feed.listeners.append(self)
        feed.changed = self._look
        tasks = [background(feed.run(), "tail"), background(self._print(), "tail printer")]
        tasks[0].add_done_callback(lambda _: self._end(self._ended()))
        watched = stat.S_ISFIFO(os.fstat(self._out).st_mode) or stat.S_ISSOCK(os.fstat(self._out).st_mode)
        if watched:  # a reader that goes away is noticed though nothing is written
            loop.add_reader(self._out, self._end, Printed(GOOD))
        for number in ENDING:
            loop.add_signal_handler(number, self._end, Printed(128 + number))
        try:
            result = await self._over
        finally:
            if watched:
                loop.remove_reader(self._out)
            for number in ENDING:
                loop.remove_signal_handler(number)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._put(self._outbox.take(len(self._outbox), settle=True))
        await self._pipe.finish()
        return result

    def came(self, news: Sequence[Entry]) -> None:
        for entry in news:
            self._outbox.put(entry)
            if self._fail_on_gap and isinstance(entry, Gap) and entry.is_loss:
                self._end(Printed(FAILED, f"a gap: {entry.reason}"))
                break
        self._wake.set()
        self._hold_still()

    async def _print(self) -> None:
        while True:
            part = self._outbox.take(AT_ONCE)
            if part:
                open_ones = [entry for entry in part if isinstance(entry, Seen) and entry.open]
                if open_ones:
                    await self._feed.look_up(open_ones)
                self._put(part)
                await asyncio.sleep(0)
                continue
            self._wake.clear()
            try:  # what waits to be settled is settled by time at last
                async with asyncio.timeout(SETTLE if len(self._outbox) else None):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _put(self, part: Sequence[Entry]) -> None:
        if part:
            text = "".join(self._line(entry, self._veil) + "\n" for entry in part)
            self._pipe.put(text.encode("utf-8", "backslashreplace"))
            self._hold_still()

    def _hold_still(self) -> None:
        if not self._held and self._pipe.waiting + self._outbox.size > HIGH:
            self._held = True
            self._feed.hold()

    def _drained(self) -> None:
        if self._held and self._pipe.waiting + self._outbox.size < LOW:
            self._held = False
            self._feed.go_on()

    def _look(self) -> None:
        """Says on standard error how the watch stands, when that changes for the worse."""
        self._wake.set()
        feed, state = self._feed, self._feed.state
        if state is self._state:
            return
        self._state = state
        self._was_live = self._was_live or state is FeedState.LIVE
        if state is FeedState.REFUSED and not self._was_live:
            self._end(Printed(FAILED, self._refusal()))
        elif state is FeedState.LOST and feed.error is not None:
            self._note(f"lost at rev {feed.complete}: {safe_text(feed.error.message, limit=300).text}; trying again")

    def _refusal(self) -> str:
        error = self._feed.error
        words = safe_text(error.message, limit=300).text if error is not None else "refused"
        return f"{words} for this range" + (f"; try {self._feed.allowed}" if self._feed.allowed else "")

    def _ended(self) -> Printed:
        error = self._feed.error
        return Printed(FAILED, safe_text(str(error), limit=1000).text if error is not None else "the watch ended")

    def _end(self, result: Printed) -> None:
        if not self._over.done():
            self._over.set_result(result)
