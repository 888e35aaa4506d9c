"""Key names in the first bytes of a snapshot of etcd: where keys lie, learnt for next to nothing.

Relied on beside ``core/bbolt.py``: in the bucket ``key`` a revision is 8 bytes, ``_`` and 8 bytes, with a ``t`` behind
it for a tombstone, and its value a protobuf message that begins with field 1, the name of the key. What is found may
be of any age, in a page long free as well: a name says where keys were, and not that there is one.
"""

from __future__ import annotations

from etcdtui.core import bbolt

REVISION_SIZES = (17, 18)
_UNDERSCORE = 0x5F
_NAME_TAG = 0x0A
SOME = 200
"""Records kept of all at most."""
MOST_PAGES = 64
"""Pages that are waited for of one leaf: one with a huge value has nothing else to tell."""


class SnapshotHead:
    """Takes a snapshot in chunks from its first byte on and keeps no more of it than a page that is not whole.

    ``records`` are revisions seen, several of one key among them; ``read`` bytes were looked at. ``some`` are names
    with the revision of a record, evenly taken of all: how many of them still stand tells how many keys there are.
    """

    def __init__(self) -> None:
        self.records = 0
        self.read = 0
        self.some: list[tuple[bytes, int]] = []
        self._apart = 1
        self._held = bytearray()
        self._page = 0
        self._size = 0
        self._damaged = False

    def feed(self, chunk: bytes) -> dict[bytes, int]:
        """The names in the pages that are whole now, with the newest revision that was seen of each."""
        self._held += chunk
        if not self._size and not self._damaged:
            self._find_size(len(self._held) >= 2 * max(bbolt.USUAL_SIZES))
        names: dict[bytes, int] = {}
        if not self._size:
            return names
        at = 0
        while (page := bbolt.page_at(self._held, at)) is not None:
            is_leaf = page.flags == bbolt.LEAF and page.number == self._page and page.count > 0
            pages = 1 + min(page.more, MOST_PAGES) if is_leaf else 1
            if at + pages * self._size > len(self._held):
                break
            if is_leaf:
                self._names_in(page, at, at + pages * self._size, names)
            at += pages * self._size
            self._page += pages
        self.read += at
        del self._held[:at]
        return names

    def finish(self) -> dict[bytes, int]:
        """There was no more: what a file shorter than two pages of any size holds."""
        if not self._size and not self._damaged:
            self._find_size(True)
        return self.feed(b"")

    def _find_size(self, both: bool) -> None:
        """From the first meta page; where that is broken from the second, which begins at an unknown place."""
        meta = bbolt.meta_at(self._held, 0) or (bbolt.meta_of(self._held) if both else None)
        if meta is not None and meta.page_size in bbolt.USUAL_SIZES:
            self._size = meta.page_size
        else:
            self._damaged = both

    def _names_in(self, page: bbolt.Page, at: int, end: int, names: dict[bytes, int]) -> None:
        data = self._held
        for key, value, value_end, _ in bbolt.leaf_items(data, at, page, end):
            if value - key not in REVISION_SIZES or data[key + 8] != _UNDERSCORE:
                return
            name = _name(data, value, value_end)
            if name is None:
                return
            revision = int.from_bytes(data[key : key + 8], "big")
            if self.records % self._apart == 0:
                self._keep(name, revision)
            self.records += 1
            names[name] = max(revision, names.get(name, 0))

    def _keep(self, name: bytes, revision: int) -> None:
        if len(self.some) == SOME:
            del self.some[1::2]
            self._apart *= 2
        if self.records % self._apart == 0:
            self.some.append((name, revision))


def _name(data: bytearray, at: int, end: int) -> bytes | None:
    """Field 1 of the message, which comes first."""
    if at >= end or data[at] != _NAME_TAG:
        return None
    size = shift = 0
    for index in range(at + 1, min(at + 6, end)):
        size |= (data[index] & 0x7F) << shift
        if data[index] < 0x80:
            name = bytes(data[index + 1 : index + 1 + size])
            return name if name and index + 1 + size <= end else None
        shift += 7
    return None
