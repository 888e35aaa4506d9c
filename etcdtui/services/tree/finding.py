"""What find offers: names that are loaded or remembered, by any part of their path; and whether they are there."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import replace

from etcdtui.core import ranges
from etcdtui.core.fuzzy import Pattern, Score
from etcdtui.core.keytree import KeyTree
from etcdtui.core.listing import LEAF
from etcdtui.services.reads.reading import Reads, Want
from etcdtui.services.tree.navigation import SUGGESTED, Navigation, Suggestion

CHUNK = 5_000
"""Names looked at before others get their turn."""
CONFIRMED = 30
"""Names that are asked of the server at once, on old servers by a request each: more than the list shows."""


class Finding:
    """For one tree. ``there`` is what the server said of paths: yes or no."""

    def __init__(self, tree: KeyTree, reads: Reads, navigation: Navigation) -> None:
        self._tree = tree
        self._reads = reads
        self._navigation = navigation
        self.complete = navigation.complete
        self.folder_of = navigation.folder_of
        self.there: dict[bytes, bool] = {}

    @property
    def separators(self) -> tuple[bytes, ...]:
        return self._tree.separators

    def places(self) -> list[Suggestion]:
        """Bookmarks, then recent places, as far as it is known whether they are there."""
        return [self.told(place) for place in self._navigation.suggested_places()]

    def told(self, one: Suggestion) -> Suggestion:
        """With what the server said of it, if it was asked."""
        known = self.there.get(one.path)
        return one if known is None else replace(one, there=known)

    async def matching(self, typed: bytes) -> list[Suggestion]:
        """Loaded and remembered names that have what is typed anywhere in their path, the nearest first."""
        pattern = Pattern(typed)
        found: dict[bytes, tuple[Score, Suggestion]] = {}
        for place in self._navigation.suggested_places():
            score = pattern.score(place.path)
            named = pattern.score(place.note.encode()) if place.is_bookmark else None
            if best := min((one for one in (score, named) if one is not None), default=None):
                found[place.path] = best, place
        for level in list(self._tree.root.walk_known()):
            for first in range(0, len(level.names), CHUNK):
                part = []
                for at in range(first, min(first + CHUNK, len(level.names))):
                    path = level.prefix + level.names[at]
                    if (score := pattern.score(path)) is not None:
                        part.append((score, path, level.counts[at]))
                for score, path, count in heapq.nsmallest(SUGGESTED, part):
                    note = found[path][1].note if path in found else ""
                    found[path] = score, Suggestion(path, count if count != LEAF else -1, note)
                await asyncio.sleep(0)
        best_first = heapq.nsmallest(SUGGESTED, found.items(), key=lambda item: (item[1][0], item[0]))
        return [self.told(one) for _, (_, one) in best_first]

    async def confirm(self, paths: Sequence[bytes]) -> None:
        """Ask the server which of them are there, keys or folders; answers stay in ``there``.

        Raises what a read raises. Of what may not be read nothing is known.
        """
        asked = [path for path in dict.fromkeys(paths) if path not in self.there and self._is_readable(path)]
        asked = asked[:CONFIRMED]
        wants = [Want(*self._area(path), limit=1) for path in asked]
        if not wants:
            return
        results = await self._reads.many(wants, self._tree.revision)
        self.there.update({path: bool(result.count) for path, result in zip(asked, results, strict=True)})

    def confirmed(self, found: Iterable[Suggestion]) -> None:
        """The server just told of these."""
        self.there.update({one.path: True for one in found})

    def _area(self, path: bytes) -> tuple[bytes, bytes]:
        return ranges.prefix_range(path) if path.endswith(self._tree.separators) else (path, b"")

    def _is_readable(self, path: bytes) -> bool:
        starts = self._tree.root.roots.values()
        return not starts or any(start.readable and ranges.holds(start.within, path) for start in starts)
