"""Search over all keys, and on request all values, below a prefix: streamed hits, progress, a price told before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from enum import Enum

from etcdtui.core import ranges
from etcdtui.core.search import TEXT, Field, FilterError, Finder, compile_filter, finder
from etcdtui.core.search import Value as Asked
from etcdtui.core.tree import Tree
from etcdtui.core.types import KeyValue
from etcdtui.core.value import Value, record
from etcdtui.services.reads.reading import Reads, Want
from etcdtui.services.reads.scan import scan
from etcdtui.services.reads.scan_keys import scan_keys
from etcdtui.services.reads.throttle import Throttle

MAX_HITS = 10_000
CHUNK = 1_000
"""Keys looked at before other work of the program gets its turn."""
TURN = 0.02
"""Seconds of looking into values after which other work of the program gets its turn."""
NAMES = 5_000
"""The same where names alone are looked at."""
PREVIEW_BEFORE = 20
PREVIEW = 120
KEYS_PER_SECOND = 400_000
"""A server reads names at about this rate for one client on an idle processor."""
BYTES_PER_SECOND = 16 * 1024 * 1024
SAMPLE_KEYS = 64
FIELDS = {"size": Field.SIZE, "lease": Field.FLAG, "ver": Field.NUMBER, "mod": Field.NUMBER}
"""What a filter on keys can ask beside the name."""
DOCUMENT = "json"
"""The field of a filter that asks for the fields of the value."""
NEEDS_VALUES = ("size:", "lease:", f"{DOCUMENT}:")
"""Fields that a keys-only answer does not have: the size on no version, the lease not on 3.7."""
IN_VALUES = "value:"


class How(Enum):
    SUBSTRING = "substring"
    GLOB = "glob"
    REGEX = "regex"
    FILTER = "filter"


@record()
class Query:
    """What to look for below ``prefix``; lower-case patterns ignore the case of letters."""

    pattern: str
    how: How = How.SUBSTRING
    prefix: bytes = b""
    values: bool = False
    within: tuple[bytes, bytes] = ranges.ALL

    @property
    def reads_values(self) -> bool:
        return self.values or (self.how is How.FILTER and any(field in self.pattern for field in NEEDS_VALUES))

    @property
    def ignore_case(self) -> bool:
        return self.how is not How.REGEX and self.pattern == self.pattern.lower()


def query_of(
    words: str, prefix: bytes = b"", *, values: bool = False, within: tuple[bytes, bytes] = ranges.ALL
) -> Query:
    """The query that a person's words mean, in the language of the filter line.

    One plain word is a substring, one with ``*`` or ``?`` a glob, ``^/re/`` a regular expression; several words,
    ``!not``, ``~fuzzy`` and ``field:op`` must all hold. ``value:`` in front looks into values too.
    """
    text = words.strip()
    if text.startswith(IN_VALUES):
        text, values = text[len(IN_VALUES) :].strip(), True
    how = How.SUBSTRING
    if text.startswith("^/") and text.endswith("/") and len(text) > 3 and not any(c.isspace() for c in text):
        text, how = text[2:-1], How.REGEX
    elif any(c.isspace() for c in text) or text[:1] in ("!", "~", '"') or text.partition(":")[0] in (*FIELDS, DOCUMENT):
        how = How.FILTER
    elif "*" in text or "?" in text:
        how = How.GLOB
    return Query(text, how, prefix, values, within)


class Insight(Value):
    """How values are understood, given by the room that knows formats.

    ``document`` is the tree of fields of a value, ``None`` where it has none. ``readable`` is the text in which the
    value of a key is shown where that is not what is stored, ``None`` where it is; it is given what is looked for, and
    may answer nothing when that cannot be in it. ``cover`` is the piece of the stored bytes in a half-open span as it
    may be shown, hidden parts replaced.
    """

    document: Callable[[bytes], Tree] = lambda value: None
    readable: Callable[[bytes, bytes, str], bytes | None] = lambda key, value, pattern: None
    cover: Callable[[bytes, bytes, int, int], bytes] = lambda key, value, start, end: value[start:end]


PLAIN = Insight()
"""Values are bytes."""


@record()
class Cost:
    """What a search will read, about: ``value_bytes`` is estimated from ``sampled`` keys (0 without values)."""

    keys: int
    value_bytes: int
    revision: int
    sampled: int = 0


@record()
class Hit:
    """``in_value`` tells where; ``preview`` is a piece of the value around the match, ``span`` the match in it."""

    key: bytes
    in_value: bool
    span: tuple[int, int]
    preview: bytes = b""


@record()
class Progress:
    """New hits since the last one; ``full`` when the search ended because the list holds no more.

    ``total`` is UNKNOWN while nothing was counted.
    """

    hits: tuple[Hit, ...]
    seen: int
    total: int
    bytes_read: int
    done: bool = False
    full: bool = False


async def cost(reads: Reads, query: Query) -> Cost:
    """A count where that is cheap, else about how many keys are expected; for values the size of the first few."""
    keys, revision = await reads.about(query.prefix, query.within)
    size = sampled = 0
    if query.reads_values and keys:
        async with aclosing(scan_keys(reads, query.prefix, within=query.within)) as batches:
            async for batch in batches:
                few = batch.keys[:SAMPLE_KEYS]
                found = await reads.many([Want(key, values=True) for key in few], batch.revision)
                read = [len(kv.value) for one in found for kv in one.kvs]
                size, sampled = sum(read) * keys // max(1, len(read)), len(read)
                break
    return Cost(keys, size, revision, sampled)


async def search(
    reads: Reads, query: Query, *, max_hits: int = MAX_HITS, insight: Insight = PLAIN
) -> AsyncGenerator[Progress, None]:
    """Hits as they are found, in key order. Raises ``FilterError`` for a pattern that cannot be understood."""
    match = _matcher(query, insight)
    values = query.reads_values
    throttle = Throttle(BYTES_PER_SECOND if values else KEYS_PER_SECOND)
    if query.how is not How.FILTER and not values:
        async with aclosing(_search_names(reads, query, throttle, max_hits)) as found_names:
            async for progress in found_names:
                yield progress
        return
    seen = found = bytes_read = 0
    total = 0
    async for batch in scan(reads, query.prefix, within=query.within, values=values, throttle=throttle):
        total = batch.total
        for first in range(0, len(batch.kvs), CHUNK):
            part = batch.kvs[first : first + CHUNK]
            hits = await _matching(part, match) if values else [hit for kv in part if (hit := match(kv)) is not None]
            hits = hits[: max_hits - found]
            seen += len(part)
            found += len(hits)
            bytes_read += sum(len(kv.value) for kv in part)
            if found >= max_hits:
                yield Progress(tuple(hits), seen, total, bytes_read, done=True, full=True)
                return
            if hits or first == 0:
                yield Progress(tuple(hits), seen, total, bytes_read)
            await asyncio.sleep(0)
    yield Progress((), seen, total, bytes_read, done=True)


async def _search_names(
    reads: Reads, query: Query, throttle: Throttle, max_hits: int
) -> AsyncGenerator[Progress, None]:
    """The same over names alone, of which there may be millions."""
    find = finder(query.how.value, query.pattern, ignore_case=query.ignore_case)
    seen = found = total = 0
    async with aclosing(scan_keys(reads, query.prefix, within=query.within, throttle=throttle)) as batches:
        async for batch in batches:
            total = batch.total
            for first in range(0, len(batch.keys), NAMES):
                part = batch.keys[first : first + NAMES]
                hits = [Hit(key, False, span) for key in part if (span := find(key)) is not None][: max_hits - found]
                seen += len(part)
                found += len(hits)
                full = found >= max_hits
                if hits or first == 0:
                    yield Progress(tuple(hits), seen, total, 0, done=full, full=full)
                if full:
                    return
                await asyncio.sleep(0)
    yield Progress((), seen, max(seen, total), 0, done=True)


async def _matching(kvs: Sequence[KeyValue], match: Callable[[KeyValue], Hit | None]) -> list[Hit]:
    """The hits of a batch; looking into values may take long, so others get their turn in between."""
    hits: list[Hit] = []
    due = time.perf_counter() + TURN
    for kv in kvs:
        if (hit := match(kv)) is not None:
            hits.append(hit)
        if time.perf_counter() > due:
            await asyncio.sleep(0)
            due = time.perf_counter() + TURN
    return hits


def _matcher(query: Query, insight: Insight) -> Callable[[KeyValue], Hit | None]:
    if not query.pattern:
        raise FilterError("Nothing to search for.")
    if query.how is How.FILTER:
        return _filter(query, insight)
    find = finder(query.how.value, query.pattern, ignore_case=query.ignore_case)
    return lambda kv: _hit(find, kv, query, insight)


class _Facts(Mapping[str, Asked]):
    """What a filter may ask of a key, found out when it is asked; ``text`` is what plain words look at."""

    def __init__(self, kv: KeyValue, insight: Insight, text: bytes) -> None:
        self._kv = kv
        self._insight = insight
        self._text = text

    def __getitem__(self, name: str) -> Asked:
        if name == TEXT:
            return self._text
        return self._insight.document(self._kv.value) if name == DOCUMENT else _FACTS[name](self._kv)

    def __iter__(self) -> Iterator[str]:
        return iter((TEXT, DOCUMENT, *_FACTS))

    def __len__(self) -> int:
        return len(_FACTS) + 2


_FACTS: dict[str, Callable[[KeyValue], int]] = {
    "size": lambda kv: len(kv.value),
    "lease": lambda kv: bool(kv.lease),
    "ver": lambda kv: kv.version,
    "mod": lambda kv: kv.mod_revision,
}


def _filter(query: Query, insight: Insight) -> Callable[[KeyValue], Hit | None]:
    wanted = compile_filter(query.pattern, FIELDS | {DOCUMENT: Field.PATH})
    by_fields = f"{DOCUMENT}:" in query.pattern

    def match(kv: KeyValue) -> Hit | None:
        if wanted(_Facts(kv, insight, kv.key)):
            return Hit(kv.key, True, (0, 0), b"its fields") if by_fields else Hit(kv.key, False, (0, 0))
        if not query.values:
            return None
        shown = insight.readable(kv.key, kv.value, "")
        if wanted(_Facts(kv, insight, kv.value if shown is None else shown)):
            preview = insight.cover(kv.key, kv.value, 0, PREVIEW) if shown is None else shown[:PREVIEW]
            return Hit(kv.key, True, (0, 0), preview)
        return None

    return match


def _hit(find: Finder, kv: KeyValue, query: Query, insight: Insight) -> Hit | None:
    span = find(kv.key)
    if span is not None:
        return Hit(kv.key, False, span)
    if not query.values or query.how is How.GLOB:
        return None
    shown = insight.readable(kv.key, kv.value, query.pattern)
    span = find(shown) if shown is not None else None
    if shown is not None and span is not None:
        start = max(0, shown.rfind(b"\n", 0, span[0]) + 1, span[0] - PREVIEW_BEFORE)
        return Hit(kv.key, True, (span[0] - start, min(span[1] - start, PREVIEW)), shown[start : start + PREVIEW])
    span = find(kv.value)
    if span is None:
        return None
    start = max(0, span[0] - PREVIEW_BEFORE)
    preview = insight.cover(kv.key, kv.value, start, start + PREVIEW)
    return Hit(kv.key, True, (span[0] - start, min(span[1] - start, PREVIEW)), preview)
