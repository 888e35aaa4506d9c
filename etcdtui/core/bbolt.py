"""Pages of a bbolt database file, read from bytes: what an etcd snapshot is made of.

Relied on of the format (bbolt 1.3 and 1.4, little endian). Page n begins at n times the page size, with a header of 16
bytes: its own number, flags (1 branch, 2 leaf, 4 meta, 16 list of free pages), how many elements it has, and how many
pages behind it belong to it. Pages 0 and 1 are meta pages; their header is followed by a magic number, version 2, page
size, flags, root bucket (page and sequence), page of the free list, first page never used, transaction, and an FNV-1a
sum of all that; of the valid ones that of the later transaction counts. An element of a leaf (16 bytes) has flags (1:
its value is a bucket), the distance from itself to its key, and the sizes of key and value, which follow each other;
one of a branch has that distance, the size of the key, and the page below. A free page keeps what it held.

The value of a bucket's element is its root page and a sequence, 8 bytes each; root 0 means that the bucket is inline:
its one leaf page, header and all, follows. ``Bolt`` reads a whole file and believes nothing of it: every page that is
reached must be what it says, lie inside the file and be reached once, and keys must stand in order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from mmap import mmap
from typing import Final

from etcdtui.core.value import record

MAGIC, VERSION = 0xED0CDAED, 2
BRANCH, LEAF, META, FREE = 1, 2, 4, 16
HEADER = 16
"""Bytes of a page's header, and of an element."""
USUAL_SIZES = (4096, 16384, 65536, 8192, 32768)
_META = struct.Struct("<IIIIQQQQQ")
_HEADER = struct.Struct("<QHHI")
_LEAF = struct.Struct("<IIII")
_BRANCH = struct.Struct("<IIQ")
_SUM = struct.Struct("<Q")
_BUCKET = struct.Struct("<QQ")
LEAF_ELEMENT: Final = _LEAF
"""An element of a leaf: flags, distance to the key, sizes of key and value."""
LEAST_PAGE, MOST_PAGE = 512, 1 << 20
DEEPEST = 64
"""Levels of pages: a tree that is deeper goes round in a circle, or was made to."""

Bytes = bytes | bytearray | memoryview
Store = bytes | mmap


class Damaged(ValueError):
    """The file is not what a database writes; the text says where, as a clause: ``page 7 is no leaf``."""


@record()
class Meta:
    """What a meta page says. Sizes in bytes, ``pages`` is the number of pages that were ever used."""

    page_size: int
    root: int
    pages: int
    transaction: int


@record()
class Page:
    """The header of a page: ``more`` pages behind it belong to it."""

    number: int
    flags: int
    count: int
    more: int


def fnv(data: Bytes) -> int:
    """The 64-bit FNV-1a sum of a few bytes."""
    found = 0xCBF29CE484222325
    for byte in data:
        found = (found ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return found


def meta_at(data: Bytes, at: int) -> Meta | None:
    """The meta page that begins at a byte, ``None`` when there is no valid one."""
    body = at + HEADER
    if len(data) < body + _META.size + _SUM.size:
        return None
    magic, version, size, _, root, _, _, pages, transaction = _META.unpack_from(data, body)
    (found,) = _SUM.unpack_from(data, body + _META.size)
    if magic != MAGIC or version != VERSION or found != fnv(data[body : body + _META.size]):
        return None
    return Meta(size, root, pages, transaction)


def meta_of(head: Bytes) -> Meta | None:
    """The valid meta page of the later transaction in the first bytes of a file; ``None`` when neither is valid."""
    first = meta_at(head, 0)
    sizes = (first.page_size,) if first is not None else USUAL_SIZES
    found = [meta for meta in (first, *(meta_at(head, size) for size in sizes)) if meta is not None]
    return max(found, key=lambda meta: meta.transaction, default=None)


def page_at(data: Bytes | mmap, at: int) -> Page | None:
    """The header at a byte; ``None`` when the data ends before it does."""
    return Page(*_HEADER.unpack_from(data, at)) if len(data) >= at + HEADER else None


def leaf_items(data: Bytes | mmap, at: int, page: Page, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Where key and value of each element begin, and where the value ends, with the element's flags.

    Stops at the first element that reaches beyond ``end``: a page that was cut, or is not a page.
    """
    for element in range(at + HEADER, at + HEADER + HEADER * page.count, HEADER):
        if element + HEADER > end:
            return
        flags, distance, key_size, value_size = _LEAF.unpack_from(data, element)
        key = element + distance
        value = key + key_size
        if distance < HEADER or value + value_size > end:
            return
        yield key, value, value + value_size, flags


def branch_items(data: Bytes | mmap, at: int, page: Page, end: int) -> Iterator[tuple[int, int, int]]:
    """Where the key of each element begins and ends, and the page below it; stops like ``leaf_items``."""
    for element in range(at + HEADER, at + HEADER + HEADER * page.count, HEADER):
        if element + HEADER > end:
            return
        distance, key_size, below = _BRANCH.unpack_from(data, element)
        key = element + distance
        if distance < HEADER or key + key_size > end:
            return
        yield key, key + key_size, below


@record()
class Bucket:
    """Where a bucket's pages begin: ``root`` is a page's number, or 0 and ``inline`` is the byte of its only page."""

    name: bytes
    root: int
    inline: int
    end: int


@record()
class Leaf:
    """One leaf page; nothing of it lies beyond the byte ``end``. Its elements are still to be checked."""

    at: int
    end: int
    page: Page


class Bolt:
    """A whole database file in memory or mapped; ``size`` are the bytes that belong to it. Raises ``Damaged``.

    ``reached`` counts the pages that were walked over so far, the two meta pages included.
    """

    def __init__(self, data: Store, size: int) -> None:
        self.data = data
        self.size = size
        meta = meta_of(data[: min(size, max(USUAL_SIZES) * 2)])
        if meta is None:
            raise Damaged("no valid meta page stands at its begin")
        page_size = meta.page_size
        if not LEAST_PAGE <= page_size <= MOST_PAGE or page_size & (page_size - 1):
            raise Damaged(f"its meta page names a page size of {page_size} bytes")
        if meta.pages * page_size > size:
            raise Damaged(f"it ends early: {meta.pages} pages of {page_size} bytes are {meta.pages * page_size} bytes")
        self.meta = meta
        self._seen = bytearray(meta.pages)
        self._seen[:2] = b"\x01\x01"
        self.reached = 2
        self.buckets = {bucket.name: bucket for bucket in self._find_buckets()}

    def leaves(self, bucket: Bucket) -> Iterator[Leaf]:
        """The leaf pages of a bucket from left to right, each reached for the first time. Asked once a bucket."""
        if bucket.root:
            return self._walk(bucket.root)
        return iter((self._leaf(bucket.inline, bucket.end, f"the page inside of bucket {_name(bucket.name)}"),))

    def items(self, bucket: Bucket) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of a bucket in order, for the small ones; what is nested in it is passed over."""
        for key, at, end, flags in self._elements(self.leaves(bucket)):
            if not flags & 1:
                yield key, self.data[at:end]

    def _find_buckets(self) -> Iterator[Bucket]:
        for name, at, end, flags in self._elements(self._walk(self.meta.root)):
            if not flags & 1:
                continue
            if end - at < _BUCKET.size:
                raise Damaged(f"bucket {_name(name)} has no root")
            root, _ = _BUCKET.unpack_from(self.data, at)
            yield Bucket(name, root, 0 if root else at + _BUCKET.size, end)

    def _elements(self, leaves: Iterator[Leaf]) -> Iterator[tuple[bytes, int, int, int]]:
        """Keys in order, where their values begin and end, and the elements' flags."""
        last: bytes | None = None
        data = self.data
        for leaf in leaves:
            found = 0
            for key_at, value_at, value_end, flags in leaf_items(data, leaf.at, leaf.page, leaf.end):
                key = data[key_at:value_at]
                if last is not None and key <= last:
                    raise Damaged(f"keys are out of order in the page at byte {leaf.at}")
                last, found = key, found + 1
                yield key, value_at, value_end, flags
            if found != leaf.page.count:
                raise Damaged(f"an element of the page at byte {leaf.at} lies outside of it")

    def _walk(self, root: int) -> Iterator[Leaf]:
        """The leaves below a page; a stack of pages, so that no file makes it too deep."""
        stack = [(root, 1)]
        size = self.meta.page_size
        data, seen, pages = self.data, self._seen, self.meta.pages
        while stack:
            number, depth = stack.pop()
            at = number * size
            # the way of most pages, of which there are hundreds of thousands: what ``_reach`` does, without its words
            if 2 <= number < pages and not seen[number]:
                said, flags, count, more = _HEADER.unpack_from(data, at)
                if said == number and flags == LEAF and not more and HEADER + HEADER * count <= size:
                    seen[number] = 1
                    self.reached += 1
                    yield Leaf(at, at + size, Page(number, flags, count, more))
                    continue
            page, end = self._reach(number)
            if page.flags == LEAF:
                yield self._leaf(at, end, f"page {number}")
                continue
            if page.flags != BRANCH:
                raise Damaged(f"page {number} is neither branch nor leaf")
            if depth == DEEPEST:
                raise Damaged(f"page {number} lies too deep")
            below = list(branch_items(data, at, page, end))
            if len(below) != page.count or not below:
                raise Damaged(f"an element of page {number} lies outside of it")
            last: bytes | None = None
            for key_at, key_end, _ in below:
                key = data[key_at:key_end]
                if last is not None and key <= last:
                    raise Damaged(f"keys are out of order in page {number}")
                last = key
            stack += [(child, depth + 1) for _, _, child in reversed(below)]

    def _reach(self, number: int) -> tuple[Page, int]:
        """A page's header and where it ends; it and those behind it that belong to it are taken."""
        size, seen = self.meta.page_size, self._seen
        if not 2 <= number < self.meta.pages:
            raise Damaged(f"page {number} does not exist")
        page = page_at(self.data, number * size)
        if page is None or page.number != number:
            raise Damaged(f"page {number} says that it is another one")
        after = number + 1 + page.more
        if after > self.meta.pages:
            raise Damaged(f"page {number} reaches beyond the end")
        if page.more == 0:
            taken = seen[number]
            seen[number] = 1
        else:
            taken = any(seen[number:after])
            seen[number:after] = b"\x01" * (after - number)
        if taken:
            raise Damaged(f"page {number} is used twice")
        self.reached += after - number
        return page, after * size

    def _leaf(self, at: int, end: int, name: str) -> Leaf:
        page = page_at(self.data, at)
        if page is None or page.flags != LEAF or at + HEADER + HEADER * page.count > end:
            raise Damaged(f"{name} is not a leaf")
        return Leaf(at, end, page)


def _name(name: bytes) -> str:
    return repr(name[:40])[2:-1]
