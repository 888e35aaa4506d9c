"""Every revision in a database file, by key and by time, without its values: those are read where they lie.

Of a record are kept its main revision, where its value begins, how long that is, whether it is a tombstone, and which
record of the same key came before; of a key its name and its newest record. That is about 25 bytes a revision and
a hundred a key.
"""

from __future__ import annotations

import contextlib
import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import compress
from mmap import MADV_DONTNEED, mmap

from etcdtui.core.bbolt import HEADER, LEAF_ELEMENT, Bolt, Bucket, Damaged, Leaf, Store
from etcdtui.core.value import record

_REVISION = struct.Struct(">QBQ")
UNDERSCORE = 0x5F
PUT_SIZE, TOMBSTONE_SIZE = 17, 18
"""Bytes of a record's key: a revision, and ``t`` behind it where the key was deleted."""
TOMBSTONE = 0x74
NAME_TAG = 0x0A
NO_RECORD = -1
COPIED = 64 * 1024
"""A leaf of at most this many bytes is copied before it is looked at, which is faster than to look into a mapping."""
TOLD_EVERY = 64
"""Leaves between two words about how far it is, and two times that the pages read are given back."""
NARROW = 4096
"""Names up to which a range of the past is looked up name by name."""
AROUND, MOST_MAPPED = 64 * 1024, 256 * 1024 * 1024
"""Bytes that the kernel maps around what is read, and of the file that stay mapped before they are given back."""
VIEWS = 3
"""Moments whose keys are kept at a time; for a million keys each takes twelve megabytes."""
LAST_REVISION = (1 << 63) - 1

OnPages = Callable[[int], None]


@record()
class View:
    """The keys that there were at one revision, in order, and the record of each."""

    names: list[bytes]
    records: array[int]


class Revisions:
    """The bucket ``key`` of a file. ``mains``, ``places``, ``sizes``, ``tombstones`` and ``before`` are by record, in
    the order of history; ``names`` are all keys that the file knows, sorted, ``newest`` their newest records."""

    def __init__(self, data: Store) -> None:
        self.data = data
        self.mains = array("Q")
        self.places = array("Q")
        self.sizes = array("I")
        self.tombstones = bytearray()
        self.before = array("i")
        self.names: list[bytes] = []
        self.newest = array("i")
        self._views: dict[int, View] = {}
        self._mapped = 0

    def __len__(self) -> int:
        return len(self.mains)

    @property
    def last(self) -> int:
        """The newest main revision, 0 when there is none."""
        return self.mains[-1] if self.mains else 0

    def read(self, bolt: Bolt, bucket: Bucket, on_pages: OnPages | None = None) -> None:
        """Take in all of it; ``Damaged`` where anything of it is not as etcd writes it."""
        heads: dict[bytes, int] = {}
        last = (0, -1)
        for number, leaf in enumerate(bolt.leaves(bucket)):
            last = self._take(leaf, heads, last)
            if number % TOLD_EVERY == 0 and on_pages is not None:
                on_pages(bolt.reached)
        if self.last > LAST_REVISION:
            raise Damaged(f"it tells of revision {self.last}, which none can have")
        # by place and not by name: to look a million names up again takes longer than to sort them
        names, newest = list(heads), array("i", heads.values())
        heads.clear()
        order = sorted(range(len(names)), key=names.__getitem__)
        self.names = [names[place] for place in order]
        self.newest = array("i", map(newest.__getitem__, order))

    def _take(self, leaf: Leaf, heads: dict[bytes, int], last: tuple[int, int]) -> tuple[int, int]:
        """The records of one leaf. One long loop without calls: it runs a million times while somebody waits."""
        at, end, count = leaf.at, leaf.end, leaf.page.count
        # positions below are counted from ``base``, where ``page`` begins
        page, base = (self.data[at:end], at) if end - at <= COPIED else (self.data, 0)
        element = at - base + HEADER
        limit = end - base
        revision_at = _REVISION.unpack_from
        add_main, add_place, add_size = self.mains.append, self.places.append, self.sizes.append
        add_tombstone, add_before, head_of = self.tombstones.append, self.before.append, heads.get
        number = len(self.mains)
        last_main, last_sub = last
        for flags, distance, key_size, value_size in LEAF_ELEMENT.iter_unpack(page[element : element + HEADER * count]):
            key = element + distance
            value = key + key_size
            stop = value + value_size
            element += HEADER
            if flags or distance < HEADER or stop > limit or not PUT_SIZE <= key_size <= TOMBSTONE_SIZE:
                raise Damaged(f"a record of the page at byte {at} is none of etcd's")
            main, mark, sub = revision_at(page, key)
            if key_size == TOMBSTONE_SIZE and page[value - 1] != TOMBSTONE:
                raise Damaged(f"a record of the page at byte {at} is none of etcd's")
            if mark != UNDERSCORE or main < last_main or (main == last_main and sub <= last_sub):
                raise Damaged(f"revisions are out of order in the page at byte {at}")
            last_main, last_sub = main, sub
            if value_size < 3 or page[value] != NAME_TAG:
                raise Damaged(f"revision {main} has no key")
            begin, size = value + 2, page[value + 1]
            if size > 0x7F:
                begin, size = _long_size(page, value + 1, stop)
            if not size or begin + size > stop:
                raise Damaged(f"revision {main} has no key")
            name = page[begin : begin + size]
            add_before(head_of(name, NO_RECORD))
            heads[name] = number
            number += 1
            add_main(main)
            add_place(base + value)
            add_size(value_size)
            add_tombstone(key_size != PUT_SIZE)
        return last_main, last_sub

    # --- asking --------------------------------------------------------------------------------------------------

    def raw(self, number: int) -> bytes:
        """The stored message of a record, read from the file."""
        place, size = self.places[number], self.sizes[number]
        self._mapped += size + AROUND
        if self._mapped > MOST_MAPPED:
            self.give_back()
        return self.data[place : place + size]

    def name(self, number: int) -> bytes:
        """The key of a record, without the rest of it."""
        data, place = self.data, self.places[number]
        begin, size = place + 2, data[place + 1]
        if size > 0x7F:
            begin, size = _long_size(data, place + 1, place + self.sizes[number])
        return data[begin : begin + size]

    def give_back(self) -> None:
        """Let go of the pages of the file that were read, so that a large one does not count as our memory."""
        self._mapped = 0
        if isinstance(self.data, mmap):
            with contextlib.suppress(OSError, ValueError):
                self.data.madvise(MADV_DONTNEED)

    def known(self, start: bytes, end: bytes) -> tuple[int, int]:
        """Which of ``names`` lie in a range, as ``core.ranges`` writes one: from the first to before the second."""
        return _between(self.names, start, end)

    def cost(self, start: bytes, end: bytes, revision: int) -> int:
        """How many names ``within`` has to look at; more than ``NARROW`` in all belong into a thread."""
        first, after = self.known(start, end)
        return 0 if self._moment(revision) in self._views else after - first

    def within(self, start: bytes, end: bytes, revision: int) -> tuple[View, int, int]:
        """A view, and which part of it lies in the range at a revision: from the first to before the second."""
        moment = self._moment(revision)
        view = self._views.get(moment)
        if view is None:
            first, after = self.known(start, end)
            if after - first <= NARROW:
                view = self._view(moment, first, after)
                return view, 0, len(view.names)
            view = self._view(moment, 0, len(self.names))
            while len(self._views) >= VIEWS:  # the newest moment is what is asked for all the time
                del self._views[next((m for m in self._views if m != self.last), self.last)]
            self._views[moment] = view
        return view, *_between(view.names, start, end)

    def since(self, revision: int) -> int:
        """The first record of a main revision or a later one."""
        return bisect_left(self.mains, revision)

    def until(self, revision: int) -> int:
        """The first record behind a main revision."""
        return bisect_right(self.mains, revision)

    def prepare(self) -> None:
        """Find the keys of the newest revision, so that the first question is quick."""
        self.within(b"\0", b"\0", self.last)

    def live(self) -> Iterator[int]:
        """The records of the keys that there are."""
        view, first, after = self.within(b"\0", b"\0", self.last)
        return iter(view.records[first:after])

    def _moment(self, revision: int) -> int:
        """The last revision up to a given one that changed a key: all between see the same keys."""
        after = self.until(revision)
        return self.mains[after - 1] if after else 0

    def _view(self, revision: int, first: int, after: int) -> View:
        cut = self.until(revision)
        before, tombstones = self.before, self.tombstones
        numbers = self.newest[first:after]
        if revision < self.last:
            for place, number in enumerate(numbers):
                if number >= cut:
                    while number >= cut:
                        number = before[number]
                    numbers[place] = number
        there = [number >= 0 and not tombstones[number] for number in numbers]
        return View(list(compress(self.names[first:after], there)), array("i", compress(numbers, there)))


def _between(names: list[bytes], start: bytes, end: bytes) -> tuple[int, int]:
    first = bisect_left(names, start)
    if end == b"":
        return first, first + (first < len(names) and names[first] == start)
    return first, len(names) if end == b"\0" else max(first, bisect_left(names, end))


def _long_size(page: Store, at: int, stop: int) -> tuple[int, int]:
    """A varint of several bytes: where it ends, and its number; 0 where there is none."""
    size = shift = 0
    for index in range(at, min(at + 5, stop)):
        size |= (page[index] & 0x7F) << shift
        if page[index] < 0x80:
            return index + 1, size
        shift += 7
    return stop, 0
