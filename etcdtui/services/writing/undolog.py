"""What this run changed and how it was before: the memory behind ``u``, bounded in entries and bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from etcdtui.core.types import KeyValue
from etcdtui.core.value import record

ENTRIES_LIMIT = 500
BYTES_LIMIT = 64 * 1024 * 1024
UNDO = "undo"
"""The action of an undo itself."""
Back = Callable[[], Awaitable[Any]]
"""Gives the write that undoes an action, by what is there now."""


@record()
class Change:
    """One key: ``before`` is its former state, ``after`` its value now (``None``: deleted), at ``revision``."""

    key: bytes
    before: KeyValue | None
    after: bytes | None
    revision: int

    @property
    def size(self) -> int:
        return len(self.key) + len(self.before.value if self.before else b"") + len(self.after or b"")


@record(frozen=False)
class UndoEntry:
    """One action. ``trash`` is the file with its before-images, ``never`` why it cannot be undone, ``granted`` are
    leases that were granted for it, ``each`` how many changes are one thing to a person: a key that moved is two.
    ``named`` are the things that were pointed at where
    those were several, ``back`` plans the way back of what is no key."""

    id: str
    action: str
    target: bytes
    changes: tuple[Change, ...] = ()
    trash: Path | None = None
    never: str = ""
    etcdctl: str = ""
    undone: bool = False
    granted: tuple[int, ...] = ()
    each: int = 1
    named: tuple[bytes, ...] = ()
    back: Back | None = None

    @property
    def size(self) -> int:
        return sum(c.size for c in self.changes)


@record(frozen=False)
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
                found = f"; :import {old.trash} brings them back" if old.trash is not None else ""
                old.never = f"its before-images did not fit into memory{found}"

    def find(self, id_: str) -> UndoEntry | None:
        return next((e for e in self.entries if e.id == id_), None)

    def last(self) -> UndoEntry | None:
        """The newest change of keys that could be undone; an undo is undone only by choosing it, and so is what
        concerns no key."""
        found = reversed(self.entries)
        wanted = (e for e in found if not (e.undone or e.never or e.back is not None or e.action == UNDO))
        return next(wanted, None)

    def put_back(self, entry: UndoEntry, done: Mapping[bytes, int]) -> None:
        """Keys of an entry are as they were before it, written at the revisions ``done``: what earlier entries left
        there is there again, so that they can be undone too."""
        again = {
            (c.key, c.before.mod_revision): done[c.key] for c in entry.changes if c.key in done and c.before is not None
        }
        for old in self.entries:
            if any((c.key, c.revision) in again for c in old.changes):
                old.changes = tuple(
                    replace(c, revision=again.get((c.key, c.revision), c.revision)) for c in old.changes
                )
