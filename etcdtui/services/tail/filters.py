"""Which entries of a tail are wanted: the filter language of lists over an event's fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from etcdtui.core.search import TEXT, Field, FilterError, Record, Value, compile_filter
from etcdtui.services.tail.entries import Entry, Seen
from etcdtui.services.values.formats import kind_of, read

FIELDS: Mapping[str, Field] = {
    "op": Field.NAME,
    "key": Field.NAME,
    "size": Field.SIZE,
    "lease": Field.FLAG,
    "type": Field.NAME,
    "rev": Field.NUMBER,
    "ver": Field.NUMBER,
    "seen": Field.AGE,
    "json": Field.PATH,
}
EXPLAINED = (
    "words, !not, ^/regex/, op:DEL or op:PUT,DEL, key:app, size:>10k, lease:yes, type:json, rev:>100, ver:1, seen:<5m, "
    "json:field=x"
)
_OPS = re.compile(r"op[:=]=?([A-Za-z~]+(?:,[A-Za-z~]+)+)")

Wanted = Callable[[Entry], bool]


class _Facts(Mapping[str, Value]):
    """What a filter may ask of an event, found out when it is asked."""

    def __init__(self, entry: Seen, now: float) -> None:
        self._entry = entry
        self._now = now

    def __getitem__(self, name: str) -> Value:
        entry = self._entry
        kv = entry.kv
        held = entry.before if entry.deleted and entry.before is not None else kv
        if name == TEXT:
            return f"{entry.op} {kv.key.decode('utf-8', 'backslashreplace')}"
        if name == "op":
            return entry.op
        if name == "key":
            return kv.key.decode("utf-8", "backslashreplace")
        if name == "size":
            return len(held.value)
        if name == "lease":
            return bool(entry.lease)
        if name == "type":
            return kind_of(held.value)
        if name == "rev":
            return kv.mod_revision
        if name == "ver":
            return kv.version
        if name == "json":
            made = read(held.value)
            return made.tree if made is not None else None
        if name == "seen":
            return self._now - entry.seen
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(FIELDS)

    def __len__(self) -> int:
        return len(FIELDS)


def wanted(words: str, now: Callable[[], float]) -> Wanted | None:
    """The test of a filter; ``None`` when it accepts everything. Gaps and marks are always wanted.

    Raises ``FilterError`` with a sentence.
    """
    rest: list[str] = []
    ops: list[frozenset[str]] = []
    for word in words.split():
        match = _OPS.fullmatch(word)
        if match is None:
            rest.append(word)
        else:
            ops.append(frozenset(op.upper() for op in match[1].split(",")))
    if not words.strip():
        return None
    predicate: Callable[[Record], bool] = compile_filter(" ".join(rest) if ops else words, FIELDS)

    def test(entry: Entry) -> bool:
        if not isinstance(entry, Seen):
            return True
        return all(entry.op in some for some in ops) and predicate(_Facts(entry, now()))

    return test


__all__ = ["EXPLAINED", "FIELDS", "FilterError", "Wanted", "wanted"]
