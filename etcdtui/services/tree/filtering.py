"""The filter of the tree: which loaded rows are left of it, and how much is not loaded."""

from __future__ import annotations

import asyncio

from etcdtui.core import ranges
from etcdtui.core.keytree import KeyTree, Level, Row
from etcdtui.core.listing import LEAF, UNKNOWN
from etcdtui.core.search import TEXT, Field, Predicate, Record, compile_filter
from etcdtui.core.units import format_count
from etcdtui.core.value import Value
from etcdtui.services.reads.search import DOCUMENT, FIELDS
from etcdtui.services.tree.details import Details

ROWS_SHOWN = 50_000
CHUNK = 5_000
"""Rows tested before others get their turn."""


class Filtered(Value):
    """The rows that are left, in the order of their paths, of ``loaded`` ones.

    ``missing`` keys below what is shown are not loaded (UNKNOWN: they were not counted); of ``unread`` keys that are,
    it is not known yet what the filter asks.
    """

    rows: tuple[Row, ...]
    loaded: int
    missing: int = 0
    unread: int = 0
    asked: str = ""

    @property
    def incomplete(self) -> bool:
        """Whether the server knows more than this."""
        return bool(self.missing or self.unread)

    @property
    def words(self) -> str:
        told = f"{self.asked}   {format_count(len(self.rows))} of {format_count(self.loaded)} loaded"
        if self.missing:
            keys = "key" if self.missing == 1 else "keys"
            many = f"{format_count(self.missing)} {keys}" if self.missing > 0 else "the rest is"
            told += f"; {many} not loaded"
        told += f"; {format_count(self.unread)} not looked into yet" if self.unread else ""
        return told + (": enter asks the server" if self.incomplete else "")


async def filtered(tree: KeyTree, details: Details, words: str) -> Filtered:
    """What a filter leaves of the rows that are loaded. Raises ``FilterError`` with a sentence."""
    wanted = compile_filter(words, FIELDS | {DOCUMENT: Field.PATH})
    by_value = f"{DOCUMENT}:" in words.lower()  # no row of a tree has its value
    asks = by_value or any(f"{name}:" in words.lower() for name in FIELDS)
    rows: list[Row] = []
    loaded = unread = 0
    for level in list(tree.root.walk()):
        for first in range(0, len(level.names), CHUNK):
            last = min(first + CHUNK, len(level.names))
            rows += _matching(level, first, last, wanted, details)
            loaded += last - first
            unread += _unread(level, first, last, None if by_value else details) if asks else 0
            await asyncio.sleep(0)
        if len(rows) >= ROWS_SHOWN:
            break
    rows.sort(key=lambda row: row.path)
    return Filtered(tuple(rows[:ROWS_SHOWN]), loaded, missing(tree), unread, words)


def missing(tree: KeyTree) -> int:
    """Keys below what is shown that are not loaded as rows; UNKNOWN when they were not counted."""
    loaded = sum(level.counts.count(LEAF) for level in tree.root.walk())
    return max(0, tree.root.total - loaded) if tree.root.total >= 0 else UNKNOWN


def whole(tree: KeyTree, row: Row | None) -> tuple[bytes, tuple[bytes, bytes]]:
    """Everything, as a prefix and the range of it that may be read.

    For a limited user the start place of ``row``, or the first: one range can be searched.
    """
    root = tree.root
    if not root.roots:
        return b"", ranges.ALL
    if row is not None and row.level is not root:
        level = row.level
        while level.parent is not None and level.parent is not root:
            level = level.parent
        return level.prefix, level.within
    start = root.roots[row.name] if row is not None else None
    if start is None or not start.readable:
        start = next((one for one in root.roots.values() if one.readable), None)
    return (b"", ranges.ALL) if start is None else (start.prefix, start.within)


def _unread(level: Level, first: int, last: int, details: Details | None) -> int:
    """Keys of a part of the level that a filter on more than names cannot judge."""
    keys = (level.path(index) for index in range(first, last) if level.counts[index] == LEAF)
    return sum(1 for key in keys if details is None or key not in details)


def _matching(level: Level, first: int, last: int, wanted: Predicate, details: Details) -> list[Row]:
    found = []
    for index in range(first, last):
        path = level.prefix + level.names[index]
        detail = details.get(path)
        record: Record = {
            TEXT: path,
            "size": detail.size if detail else None,
            "lease": bool(detail.lease) if detail else False,
            "ver": detail.version if detail else None,
            "mod": detail.mod_revision if detail else None,
        }
        if wanted(record):
            found.append(Row(level, index, 0))
    return found
