"""What this run changed and how it was before: the memory behind ``u``, bounded in entries and bytes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from etcdtui.core.types import KeyValue

ENTRIES_LIMIT = 500
BYTES_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Change:
    """One key: ``before`` is its former state, ``after`` its value now (``None``: deleted), at ``revision``."""

    key: bytes
    before: KeyValue | None
    after: bytes | None
    revision: int

    @property
    def size(self) -> int:
        return len(self.key) + len(self.before.value if self.before else b"") + len(self.after or b"")


@dataclass(slots=True)
class UndoEntry:
    """One action. ``trash`` is where its before-images are when they are too many for memory; ``never`` a reason."""

    id: str
    action: str
    target: bytes
    changes: tuple[Change, ...] = ()
    trash: Path | None = None
    never: str = ""
    etcdctl: str = ""
    undone: bool = False

    @property
    def size(self) -> int:
        return sum(c.size for c in self.changes)


@dataclass(slots=True)
class UndoLog:
    """Newest last. Entries that no longer fit keep their line but lose their before-images, and say so."""

    entries: deque[UndoEntry] = field(default_factory=lambda: deque(maxlen=ENTRIES_LIMIT))
    bytes_limit: int = BYTES_LIMIT

    def add(self, entry: UndoEntry) -> None:
        self.entries.append(entry)
        total = 0
        for old in reversed(self.entries):
            total += old.size
            if total > self.bytes_limit and old.changes:
                total -= old.size
                old.changes = ()
                old.never = "its before-images did not fit into memory"

    def find(self, id_: str) -> UndoEntry | None:
        return next((e for e in self.entries if e.id == id_), None)

    def last(self) -> UndoEntry | None:
        """The newest entry that could be undone."""
        return next((e for e in reversed(self.entries) if not e.undone and not e.never), None)
