"""Going to a path: folders are opened on the way; what is typed meanwhile belongs to the place that was named.

Also what completes a path, the places one comes back to, and the tree as of another revision.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Collection
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from etcdtui.core import ranges
from etcdtui.core.errors import EtcdError
from etcdtui.core.keytree import KeyTree, Level, Root, State
from etcdtui.core.listing import LEAF, Child, folders_of
from etcdtui.core.safe_text import safe_text
from etcdtui.core.value import Value
from etcdtui.services import tree as late
from etcdtui.services.reads.browse import Listing
from etcdtui.services.reads.reading import Reads
from etcdtui.services.tree import news
from etcdtui.services.tree.freshness import Freshness
from etcdtui.services.tree.loader import Loader
from etcdtui.services.tree.news import Tell
from etcdtui.services.tree.places import Places

SUGGESTED = 200
"""Suggestions at most; typing narrows them."""
PATH_SHOWN = 200
"""Characters of a path in a sentence."""
BOOKMARK = "bookmark "


class Outcome(Value):
    """What came of going to a path."""


class Found(Outcome):
    """The row of a key or folder: a level's child; ``below`` is the level below a folder, read or on its way."""

    level: Level
    index: int
    below: Level | None = None


class Absent(Outcome):
    """There is no such key or folder. ``index`` of ``level`` is nearest to it: the first name that starts like it, or
    -1 for the folder that would hold it."""

    path: bytes
    level: Level
    index: int = -1

    @property
    def words(self) -> str:
        return f"no such key: {safe_text(self.path, limit=PATH_SHOWN).text}"


class Outside(Outcome):
    """It is outside of what the user may read."""

    words: str = "that place is outside of what you may read"


class Unread(Outcome):
    """Whether it exists is not known: a level on the way could not be read to its end."""

    words: str


class Suggestion(Value):
    """A path to go to: ``count`` keys below a folder, -1 for a key; ``note`` says where it comes from.

    ``there`` is what the server said about it, ``None`` as long as it was not asked.
    """

    path: bytes
    count: int = -1
    note: str = ""
    there: bool | None = None

    @property
    def is_bookmark(self) -> bool:
        return self.note.startswith(BOOKMARK)


class Navigation:
    """``state`` is the folder in which places are kept between runs.

    ``going`` is the place that is on its way to, ``absent`` the one that was named and does not exist, for as long as
    nothing else is looked at.
    """

    def __init__(
        self,
        tree: KeyTree,
        reads: Reads,
        loader: Loader,
        freshness: Freshness,
        places: Places,
        state: Path,
        tell: Tell,
    ) -> None:
        self._tree = tree
        self._reads = reads
        self._loader = loader
        self._freshness = freshness
        self._tell = tell
        self._state = state
        self._file = asyncio.Lock()
        self._moment = asyncio.Lock()
        self.places = places
        self._goes = 0
        self.going: bytes | None = None
        self.absent = b""

    # --- going to a place --------------------------------------------------------------------------------

    async def go(self, path: bytes) -> Outcome:
        """Open the folders on the way to a key or folder, and say where it is. A later ``go`` takes its place."""
        self._goes = mine = self._goes + 1
        self.going, self.absent = path, b""
        try:
            async with self._moment:  # it is wanted as it was at the revision that was asked for before
                pass
            outcome = await self._go(path)
        except EtcdError as error:
            outcome = Unread(f"{error.title}: {error.message}")
        finally:
            if self._goes == mine:
                self.going = None
        if isinstance(outcome, Absent) and self._goes == mine:
            self.absent = path
        return outcome

    def looked_elsewhere(self) -> None:
        """Another row is looked at: what was named in vain is named no longer."""
        self.absent = b""

    async def _go(self, path: bytes) -> Outcome:
        level = self._start_for(path)
        if level is None:
            return Outside()
        if path == level.prefix:
            return self._folder_of(level)
        for folder in [*self._folders_on_the_way(level, path), path]:
            if folder == level.prefix:
                break
            index = await self._row(level, folder[len(level.prefix) :], path)
            if level.state in (State.FAILED, State.STOPPED) and index < 0:
                return Unread(level.note or "it was not read to its end")
            if index < 0:
                return Absent(path, level, self._near(level, path))
            if level.counts[index] == LEAF:
                return Found(level, index)
            below = self._loader.enter(level, index)
            if folder == path:
                return Found(level, index, below)
            level = below
        return self._folder_of(level)

    def _folders_on_the_way(self, level: Level, path: bytes) -> list[bytes]:
        start = level.prefix
        return [start + folder for folder in folders_of(path[len(start) :], self._tree.separators)]

    async def _row(self, level: Level, name: bytes, path: bytes) -> int:
        """Where the row is as soon as it is read. A level that has it not may be behind: the server is asked."""
        await self._loader.listed(level, name)
        index = level.find(name)
        if index < 0 and level.state is State.READY and not self._tree.revision:
            await self._freshness.look_at((path,))
            index = level.find(name)
        return index

    @staticmethod
    def _near(level: Level, path: bytes) -> int:
        rest = path[len(level.prefix) :]
        index = bisect_left(level.names, rest)
        return index if index < len(level.names) and level.names[index].startswith(rest) else -1

    @staticmethod
    def _folder_of(level: Level) -> Outcome:
        """The row of a folder that is open already; for the whole store there is none."""
        for above, name in level.around():
            return Found(above, above.find(name), level)
        return Found(level, -1, level)

    def _start_for(self, path: bytes) -> Level | None:
        """The level to start from: the root, or the start place that holds ``path``."""
        root = self._tree.root
        if not root.roots:
            return root
        for index, name in enumerate(root.names):
            place: Root = root.roots[name]
            if not place.readable:
                continue
            if place.within[1] == b"" and place.within[0] == path:
                return root
            if ranges.holds(place.within, path) or path == place.prefix:
                return self._loader.enter(root, index) if root.counts[index] != LEAF else root
        return None

    # --- completing a path -------------------------------------------------------------------------------

    def suggested_places(self) -> list[Suggestion]:
        """Bookmarks, then recent places."""
        named = {path: f"{BOOKMARK}{name}" for name, path in self.places.bookmarks.items()}
        found = [Suggestion(path, note=note) for path, note in named.items()]
        return found + [Suggestion(path, note="recent") for path in self.places.recent() if path not in named]

    def folder_of(self, typed: bytes) -> bytes:
        """The folder whose children complete what is typed."""
        return next(reversed(folders_of(typed, self._tree.separators)), b"")

    async def complete(self, typed: bytes) -> tuple[list[Suggestion], bool]:
        """Children of the folder that is typed which start so, and whether these are all children of the folder.

        From the tree where it is loaded, else those the server has, at least the first ``SUGGESTED``. Raises what a
        read raises.
        """
        folder = self.folder_of(typed)
        for level in self._tree.root.walk():
            if level.prefix == folder and level.state is State.READY and not level.roots:
                return _suggestions(folder, level.children()), True
        if self._tree.is_limited and not folder:
            starts = self._tree.root.roots.values()
            return [Suggestion(root.prefix, note="your start place") for root in starts], True
        start = self._start_for(folder)
        area = ranges.intersect(ranges.ALL if start is None else start.within, ranges.prefix_range(typed))
        if area is None:
            return [], False
        listing = Listing(self._reads, folder, self._tree.separators, within=area, revision=self._tree.revision)
        rows: dict[bytes, Child] = {}
        whole = False
        async with aclosing(listing.pages()) as pages:
            async for page in pages:
                rows.update((row.name, row) for part in page.rows for row in part)
                rows.update((name, replace(rows[name], count=count)) for name, count in page.counts if name in rows)
                whole, hole = page.done, page.hole
                if hole is None or sum(folder + name < hole for name in rows) >= SUGGESTED:
                    break
        return _suggestions(folder, [rows[name] for name in sorted(rows)]), whole and typed == folder

    # --- places one comes back to ------------------------------------------------------------------------

    async def visited(self, path: bytes) -> None:
        """Somebody goes there: for back and forward, and for later runs."""
        self.places.visit(path)
        await self._keep(self.places.keep_visit, path)

    async def load_places(self) -> None:
        """Add what earlier runs kept."""
        await asyncio.to_thread(self.places.load, self._state)

    async def bookmark(self, path: bytes) -> None:
        """Keep a place, or no longer."""
        name = self.places.name_of(path)
        if name and name in self.places.fixed:
            self._tell(news.Said(f"the profile's bookmark {_shown(name)}: change it in the config file"))
            return
        if name:
            self.places.drop(path)
            added, words = "", f"the bookmark {_shown(name)} is removed"
        else:
            added = self.places.add(path)
            words = f"bookmarked, f finds it: {_shown(added)}"
        self._tell(news.Said(words))
        await self._keep(self.places.keep_bookmark, path, added)

    async def _keep(self, save: Callable[..., None], *what: bytes | str) -> None:
        """Write the small file of places; one that cannot be written is told."""
        try:
            async with self._file:
                await asyncio.to_thread(save, self._state, *what)
        except OSError as error:
            self._tell(news.Said(f"places are not kept: {error.strerror}", "warn"))

    # --- other times -------------------------------------------------------------------------------------

    async def show_revision(self, revision: int) -> None:
        """The whole tree as of ``revision``; negative: that many before now; 0: now again. Raises what a read raises.

        A revision that cannot be shown is told with those that can.
        """
        if revision == 0:
            self.show_now()
            return
        async with self._moment:
            starts = self._tree.root.roots.values()
            readable = next((root.within[0] for root in starts if root.readable), ranges.ALL[0])
            wanted = await late.moment.wanted_revision(self._reads, revision, readable)
        said = news.Said(wanted.words, "warn")
        if wanted.revision:
            self._show(wanted.revision, said)
        else:
            self._tell(said)

    def show_now(self) -> bool:
        """Back to now; False when now is shown already."""
        if not self._tree.revision:
            return False
        self._show(0, news.Said("back to now"))
        return True

    def _show(self, revision: int, said: news.Said) -> None:
        self._tree.revision = revision
        self._freshness.stop()
        self._tell(said)
        self._tell(news.Moment())
        self.read_again(keep=False)

    def read_again(self, *, keep: bool = True) -> None:
        """Read all that is open."""
        root = self._tree.root
        for level in root.opened.values() if root.roots else (root,):
            self._loader.reload(level, keep=keep)


def _suggestions(folder: bytes, found: Collection[Child]) -> list[Suggestion]:
    return [Suggestion(folder + child.name, child.count if child.count != LEAF else -1) for child in found]


def _shown(name: str) -> str:
    return safe_text(name, limit=80).text
