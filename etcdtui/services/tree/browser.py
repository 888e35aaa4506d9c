"""The Keys screen without a terminal: the tree of one session with the parts that read it and keep it true."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from etcdtui.core.keytree import KeyTree, Level, Row, State
from etcdtui.core.search import KeyGlob
from etcdtui.services import values
from etcdtui.services.cluster.endpoint_health import State as ClusterState
from etcdtui.services.reads.browse import Listing
from etcdtui.services.session.session import Session
from etcdtui.services.tree import news
from etcdtui.services.tree.details import Details
from etcdtui.services.tree.freshness import Freshness
from etcdtui.services.tree.loader import Loader
from etcdtui.services.tree.marks import Marks
from etcdtui.services.tree.navigation import Navigation
from etcdtui.services.tree.news import News, Start, Tell
from etcdtui.services.tree.places import Places
from etcdtui.services.tree.value import CursorValue
from etcdtui.services.writing.guard import UnlockKind
from etcdtui.services.writing.undolog import UndoEntry

if TYPE_CHECKING:  # only named here: imported with the first value
    from etcdtui.services.values.decoders import ValueDecoders


class Browser:
    """``tell`` gets all news, after the parts here that need them. ``on_screen`` gives the rows that can be seen,
    ``begun`` and ``spare`` are those of ``Loader``."""

    def __init__(
        self,
        session: Session,
        tell: Tell,
        start: Start,
        *,
        on_screen: Callable[[], Iterable[Row]] = tuple,
        begun: Callable[[], Listing | None] = lambda: None,
        spare: Callable[[int], bool] = lambda _: False,
    ) -> None:
        profile, reads = session.profile, session.reads
        self._session = session
        self._tell_out = tell
        self._globs = [KeyGlob(pattern) for pattern in profile.mask.keys]
        self._written: UndoEntry | None = None
        self.tree = KeyTree(session.separators)
        self.details = Details(self.tree, reads, self._tell)
        self.marks = Marks(self.tree)
        self.loader = Loader(
            self.tree,
            reads,
            self._tell,
            start,
            page_keys=profile.page_size,
            begun=begun,
            spare=spare,
            creating=self.way_to_create,
        )
        self.freshness = Freshness(
            self.tree,
            reads,
            self.loader,
            self.details,
            self._tell,
            start,
            every=profile.refresh,
            on_screen=on_screen,
            saw_revision=session.monitor.saw_revision,
            still="as saved" if session.health.state is ClusterState.STILL else "",
        )
        self.navigation = Navigation(
            self.tree,
            reads,
            self.loader,
            self.freshness,
            Places.from_profile(profile.name, profile.bookmarks),
            session.writes.state,
            self._tell,
        )
        self.value = CursorValue(
            self.tree,
            reads,
            self.details,
            self._tell,
            start,
            decoders=self._decoders,
            masked=self.is_masked,
        )

        session.seen.append(self.freshness.heard)

    def _decoders(self) -> ValueDecoders:
        profile = self._session.profile
        made: ValueDecoders = values.decoders.ValueDecoders(profile.decoders, profile.mask.fields)
        return made

    def is_masked(self, key: bytes) -> bool:
        """Whether the profile hides the key's value."""
        return any(glob.matches(key) for glob in self._globs)

    def way_to_create(self) -> str:
        """How a key can be created now, or why it cannot, as a clause."""
        guard = self._session.guard
        if guard.writable:
            return self._session.health.why_no_puts or "n creates one"
        if guard.unlock_requirement().kind is UnlockKind.NEVER:
            return guard.locked_words()
        return "READ-ONLY: ! unlocks writes, then n creates one"

    # --- news between the parts --------------------------------------------------------------------------

    def _tell(self, what: News) -> None:
        if isinstance(what, news.Listed):
            self.freshness.listed(what.level)
        elif isinstance(what, news.Opened):
            self.freshness.opened(what.level)
        elif isinstance(what, news.KeyChanged):
            self.value.changed(what.key)
        elif isinstance(what, news.Moment):
            self.details.clear()
            self.freshness.looked()
            self.value.read_again(keep=False)
        if isinstance(what, (news.Rows, news.Listed)):
            self.marks.settle()
        self._tell_out(what)

    # --- all of it ---------------------------------------------------------------------------------------

    def read_again(self) -> None:
        """Read again all that is shown."""
        self.details.clear()
        self.freshness.stop()
        self.freshness.looked()
        self.navigation.read_again()
        self.value.read_again(keep=False)

    def heal(self) -> None:
        """The cluster answers again: what could not be read is read now."""
        for level in self.tree.root.walk():
            if level.state is State.FAILED:
                self.loader.load(level)
        if self.value.error is not None:
            self.value.read_again(keep=False)

    async def written(self, prefix: bytes) -> None:
        """Something below ``prefix`` was written from here: show it as it is now. Raises what a read raises."""
        if not await self.take_in_writes():
            await self.freshness.look_at((prefix,))
            for level in list(self.tree.root.walk()):
                if level.prefix.startswith(prefix):
                    await self._check(level)
        self.value.read_again()

    async def take_in_writes(self) -> bool:
        """Show what this run wrote since this was asked last, wherever from; False when it is not known which keys.

        Raises what a read raises.
        """
        entries = self._new_entries()
        for entry in entries:
            await self.freshness.wrote(entry.changes)
        return any(entry.changes for entry in entries)

    async def _check(self, level: Level) -> None:
        if level.state is State.READY and level.names:
            await self.freshness.check(level)
        else:
            self.loader.load(level)

    @property
    def has_written(self) -> bool:
        """Whether there are writes of this run that are not taken in."""
        entries = self._session.writes.undo.entries
        return bool(entries) and entries[-1] is not self._written

    def _new_entries(self) -> list[UndoEntry]:
        """What this run wrote since this was asked last."""
        found: list[UndoEntry] = []
        for entry in reversed(self._session.writes.undo.entries):
            if entry is self._written:
                break
            found.append(entry)
        if found:
            self._written = found[0]
        return found[::-1]
