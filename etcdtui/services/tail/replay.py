"""A recording opened again: its lines as the entries of a tail, read when they are looked at.

Of a file of any size only where each line begins is kept. A line that does not belong to a recording is shown as a gap
with its number; a file whose first line is not one of a recording is refused.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from etcdtui.client import Client, ClientOptions
from etcdtui.config.folders import state_folder
from etcdtui.config.schema import Profile
from etcdtui.core import ranges
from etcdtui.core.errors import ConfigError
from etcdtui.core.units import counted
from etcdtui.services.cluster.endpoint_health import ClusterHealth
from etcdtui.services.session.session import Session
from etcdtui.services.tail.entries import Entry, Gap, GapKind, Seen
from etcdtui.services.tail.log import Listener
from etcdtui.services.tail.records import RecordProblem, from_json
from etcdtui.services.tail.source import WatchSpec
from etcdtui.services.tail.spill import Lines
from etcdtui.services.writing.audit import Audit
from etcdtui.services.writing.guard import Guard, policy_of

BLOCK = 4 * 1024 * 1024
"""Bytes read at a time to find the lines."""
KEPT = 4_000
"""Entries kept after they were read."""
GROUP_MOST = 1_000
"""Lines looked at on each side for the others of a transaction."""
SAMPLED = 64
"""Lines looked at to tell which prefix was recorded."""


class Replay:
    """A recording as a log. ``run`` reads in what is there; again, what has been added since."""

    def __init__(self, path: Path) -> None:
        """Raises ``ConfigError`` for what cannot be opened, or is no recording."""
        self.path = path
        self.name = path.name
        self.spec = WatchSpec(*ranges.ALL)
        self.problem = ""
        self.listeners: list[Listener] = []
        self.marks = 0
        self.whole = False
        """Whether all lines have been found."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise ConfigError(f"{path}: {(error.strerror or 'it cannot be opened').lower()}") from None
        self._lines = Lines(fd)
        self._read: dict[int, Entry] = {}
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            self.close()
            raise ConfigError(f"{path} is not a file")
        try:
            first = os.pread(fd, BLOCK, 0).split(b"\n", 1)[0]
            if first:
                from_json(first)
        except RecordProblem as problem:
            self.close()
            raise ConfigError(f"{path} is not a recording: {problem}") from None

    def close(self) -> None:
        self._lines.close()

    # --- a log ---------------------------------------------------------------------------------------------------

    @property
    def first(self) -> int:
        return 0

    @property
    def next(self) -> int:
        return len(self._lines)

    @property
    def events(self) -> int:
        """Lines, of which some are marks and gaps."""
        return len(self._lines)

    @property
    def dropped(self) -> int:
        return 0

    def get(self, sequence: int) -> Entry | None:
        if not 0 <= sequence < self.next:
            return None
        entry = self._read.get(sequence)
        if entry is None:
            entry = self._entry(sequence)
            if isinstance(entry, Seen):
                self._group(sequence, entry)
            if len(self._read) >= KEPT:
                self._read.clear()
            self._read[sequence] = entry
        return entry

    async def look_up(self, entries: Sequence[Seen]) -> None:
        """There is nobody to ask."""

    def rate(self) -> float:
        """Events a second from the first line to the last."""
        if self.next < 2:
            return 0.0
        first, last = self.get(0), self.get(self.next - 1)
        over = (last.seen - first.seen) if first is not None and last is not None else 0.0
        return self.next / over if over > 0 else 0.0

    @property
    def words(self) -> str:
        """What is here."""
        revisions = [entry.revision for at in (0, self.next - 1) if isinstance(entry := self._near(at), Seen)]
        between = f", rev {revisions[0]} to {revisions[-1]}" if revisions else ""
        reading = "" if self.whole else "reading.. "
        return f"recording: {reading}{counted(self.next, 'line')}{between}{f'; {self.problem}' if self.problem else ''}"

    # --- reading -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Find the lines that there are, and which prefix they are of."""
        self.whole = False
        while await asyncio.to_thread(self._find_lines):
            pass
        self.whole = True
        self.spec = WatchSpec(*ranges.prefix_range(self._common_prefix()))

    def _find_lines(self) -> bool:
        """One block more; False at the end of the file. Half a line at the end is left for the next time."""
        lines = self._lines
        try:
            block = os.pread(lines.fd, BLOCK, lines.size)
        except OSError as error:
            self.problem = (error.strerror or "the file cannot be read").lower()
            return False
        cut = block.rfind(b"\n") + 1
        if not cut:
            if len(block) == BLOCK:
                self.problem = f"a line of more than {BLOCK} bytes ends it"
            return False
        at = 0
        while at < cut:
            lines.starts.append(lines.size + at)
            at = block.index(b"\n", at) + 1
        lines.size += cut
        return len(block) == BLOCK

    def _entry(self, sequence: int) -> Entry:
        try:
            return from_json(self._lines.read(sequence).rstrip(b"\n"))
        except (RecordProblem, OSError) as problem:
            return Gap(GapKind.DROPPED, f"line {sequence + 1} cannot be read: {problem}", None)

    def _near(self, sequence: int) -> Entry | None:
        """The entry, or the next event towards the middle."""
        step = 1 if sequence * 2 < self.next else -1
        for at in range(sequence, max(-1, min(self.next, sequence + step * SAMPLED)), step):
            entry = self.get(at)
            if isinstance(entry, Seen):
                return entry
        return None

    def _group(self, sequence: int, entry: Seen) -> None:
        """How many lines around are of the same revision."""
        before = after = 0
        while before < GROUP_MOST and self._is_of(sequence - before - 1, entry.revision):
            before += 1
        while after < GROUP_MOST and self._is_of(sequence + after + 1, entry.revision):
            after += 1
        entry.group, entry.place = before + after + 1, before

    def _is_of(self, sequence: int, revision: int) -> bool:
        if not 0 <= sequence < self.next:
            return False
        return self._lines.read(sequence).startswith(b'{"rev":%d,' % revision)

    def _common_prefix(self) -> bytes:
        """What all sampled keys begin with, up to a slash."""
        step = max(1, self.next // SAMPLED)
        sampled = (self._entry(at) for at in range(0, self.next, step))
        keys = [entry.kv.key for entry in sampled if isinstance(entry, Seen)]
        if not keys:
            return b""
        low, high = min(keys), max(keys)
        same = next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
        return low[: low.rfind(b"/", 0, same) + 1]


class ReplaySession(Session):
    """A session without a cluster: nothing is connected, nothing can be written."""

    def __init__(self, replay: Replay) -> None:
        profile = Profile(name=replay.name, endpoints=("127.0.0.1:1",))
        client = Client(ClientOptions(endpoints=profile.endpoints))
        guard = Guard(policy_of(profile, forced_read_only=True))
        super().__init__(profile, client, guard, Audit(state_folder() / "audit.jsonl", profile.name, ""), "-")
        self.replay = replay
        self.note = "RECORDING"

    @property
    def health(self) -> ClusterHealth:
        return ClusterHealth()

    async def health_updates(self) -> AsyncGenerator[ClusterHealth, None]:
        yield self.health

    async def aclose(self) -> None:
        self.replay.close()
        await super().aclose()


def opened(file: str) -> ReplaySession:
    """A session on a recording; raises ``ConfigError`` when it is not one."""
    return ReplaySession(Replay(Path(file).expanduser()))
