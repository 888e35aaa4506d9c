"""What is known of keys beside their names: size, version, revision and lease of those that were on the screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from etcdtui.core.keytree import KeyTree
from etcdtui.services.reads import browse
from etcdtui.services.reads.browse import Detail
from etcdtui.services.reads.reading import Reads
from etcdtui.services.tree import news
from etcdtui.services.tree.news import Tell

KEPT = 5_000


class Details:
    """By key; bounded, so that the oldest are asked for again when they come into view."""

    def __init__(self, tree: KeyTree, reads: Reads, tell: Tell) -> None:
        self._tree = tree
        self._reads = reads
        self._tell = tell
        self._known: dict[bytes, Detail] = {}

    def get(self, key: bytes) -> Detail | None:
        return self._known.get(key)

    def __contains__(self, key: bytes) -> bool:
        return key in self._known

    def add(self, found: Mapping[bytes, Detail]) -> None:
        if len(self._known) + len(found) > KEPT:
            self._known.clear()
        self._known.update(found)
        self._tell(news.Details(frozenset(found)))

    def forget(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            self._known.pop(key, None)

    def clear(self) -> None:
        self._known.clear()

    async def read(self, keys: Sequence[bytes]) -> None:
        """Read what is not known of these keys. Raises what a read raises."""
        wanted = [key for key in keys if key not in self._known]
        async for found in browse.details(self._reads, wanted, revision=self._tree.revision):
            self.add(found)
