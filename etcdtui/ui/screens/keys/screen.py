"""Keys: the tree of keys on the left, the selected key's value on the right."""

from __future__ import annotations

import asyncio
import contextlib
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Vertical

from etcdtui.core import ranges
from etcdtui.core.errors import EtcdError
from etcdtui.core.keytree import KeyTree, Level, Row, State
from etcdtui.core.search import KeyGlob
from etcdtui.core.types import KeyValue
from etcdtui.core.units import format_count, format_latency
from etcdtui.services.cluster.health import ClusterHealth
from etcdtui.services.cluster.health import State as ClusterState
from etcdtui.services.reads.browse import Listing
from etcdtui.services.session.session import Session
from etcdtui.services.tree.places import Places
from etcdtui.ui.bindings import KEYS, find
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.frame.host import Host
from etcdtui.ui.screens.keys.filter import FilterMixin
from etcdtui.ui.screens.keys.go import GoMixin
from etcdtui.ui.screens.keys.live import LiveMixin
from etcdtui.ui.screens.keys.pane import ValuePane
from etcdtui.ui.screens.keys.reading import ValueMixin
from etcdtui.ui.screens.keys.write import KeysWriteMixin
from etcdtui.ui.spawn import listen
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.field import Field
from etcdtui.ui.widgets.keytree import KeyTreeView, TreeTitles
from etcdtui.ui.widgets.lines import LineView
from etcdtui.ui.widgets.panehead import PaneHead

NARROW = 60
"""Below this width the panes are stacked instead of side by side."""
TTL_EVERY = 5.0
FIRST_ROWS = 0.03
"""Seconds that the first level gets to be in the first picture: else the screen is painted without it, and again."""


class KeysScreen(GoMixin, FilterMixin, KeysWriteMixin, ValueMixin, LiveMixin, ClusterScreen):
    """The screen that people open first."""

    screen_name: ClassVar[str] = KEYS
    number: ClassVar[int] = 1
    label: ClassVar[str] = "Keys"
    about: ClassVar[str] = (
        "Browse the key tree; only the level you look at is read.\nThe value of the selected key is shown beside it."
    )

    DEFAULT_CSS = """
    KeysScreen #panes { layout: horizontal; height: 1fr; }
    KeysScreen #tree-pane { width: 48%; min-width: 30; height: 1fr; }
    KeysScreen #value-pane { width: 1fr; height: 1fr; border-left: solid $panel; }
    KeysScreen.-stacked #panes { layout: vertical; }
    KeysScreen.-stacked #tree-pane { width: 1fr; height: 1fr; min-width: 0; }
    KeysScreen.-stacked #value-pane { height: 1fr; border-left: none; }
    KeysScreen.-zoom-tree #value-pane { display: none; }
    KeysScreen.-zoom-tree #tree-pane { width: 1fr; }
    KeysScreen.-zoom-value #tree-pane { display: none; }
    KeysScreen #filter { display: none; border: none; height: 1; padding: 0 1; background: $boost; }
    KeysScreen #filter.-shown { display: block; }
    """

    def __init__(self, session: Session, host: Host) -> None:
        super().__init__(session, host)
        profile = session.profile
        self.separators = session.separators
        self.reads = session.reads
        self.first_look = session.take_first_look()
        self._globs = [KeyGlob(pattern) for pattern in profile.mask.keys]
        self._listings: dict[int, Listing] = {}
        self.has_rows = asyncio.Event()
        self.places = Places.from_profile(profile.name, profile.bookmarks)
        self.view = KeyTreeView(KeyTree(self.separators), self.is_masked, id="tree")
        self.pane = ValuePane(first_view=session.first_view, id="value-pane")
        self.tree_head = PaneHead()
        self.columns = TreeTitles(self.view)
        self.tree_foot = PaneHead()
        self.filter_field = Field(
            placeholder="part of a name; !not ~fuzzy ^/regex/ size:>10k", max_length=500, id="filter"
        )
        self._value_for: object = None
        self.start_words = ""
        self._started = False

    def compose_body(self) -> ComposeResult:
        with Container(id="panes"):
            with Vertical(id="tree-pane"):
                yield self.tree_head
                yield self.columns
                yield self.view
                yield self.filter_field
                yield self.tree_foot
            yield self.pane

    def on_mount(self) -> None:
        self.view.focus()
        self.set_interval(TTL_EVERY, self.refresh_ttl)
        if self.session.profile.refresh > 0:
            self.set_interval(self.session.profile.refresh, self.poll)
        self._fit(self.size.width)
        listen(self, self.app.app_suspend_signal, self.hide_secrets)

    @on(events.Mount)
    async def start(self) -> None:
        """Show the first level, in the first picture if it is there soon."""
        self.run_worker(self._start(), group="start", exclusive=True, exit_on_error=False)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.has_rows.wait(), FIRST_ROWS)

    async def on_unmount(self) -> None:
        await self.first_look.close()

    async def _start(self) -> None:
        """Show the tree from where it starts."""
        start = await self.first_look.start()
        self.start_words = start.words
        if start.words and not start.roots:
            self.flash(start.words, "warn")
        if start.roots:
            self.view.show_tree(KeyTree(self.separators, start.roots))
        self._started = True
        if not self.model.is_limited:
            self.load_level(self.model.root)
        self.place_changed()
        await self.listed(self.model.root)  # what follows takes time, and is not wanted before the first keys
        await asyncio.to_thread(self.places.load, self.session.writes.state)
        self.call_after_refresh(self.look_after_writes)

    # --- layout ------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size.width)
        if self._started:
            self.settle()  # other rows are visible now

    def _fit(self, width: int) -> None:
        self.set_class(0 < width < NARROW, "-stacked")

    def action_zoom(self) -> None:
        """Zoom the pane with the focus; again gives both panes back."""
        for name in ("-zoom-tree", "-zoom-value"):
            if self.has_class(name):
                self.remove_class(name)
                return
        self.add_class("-zoom-value" if self.pane.viewer.has_focus else "-zoom-tree")

    def offers_writes(self) -> bool:
        return not self.at_revision and super().offers_writes()

    def why_not(self, action_id: str) -> str:
        action = find(action_id, self.screen_name)
        if self.at_revision and action is not None and action.mutating:
            return f"this is revision {self.at_revision}, which cannot be changed: esc or :rev live returns to now"
        return super().why_not(action_id)

    # --- what others ask of the screen -------------------------------------------------------------------

    def selected_key(self) -> KeyValue | None:
        """The key under the cursor with its value, once it is read."""
        row = self.view.current
        kv = self.pane.kv
        return kv if row is not None and kv is not None and row.index >= 0 and row.path == kv.key else None

    def selected_path(self) -> bytes | None:
        """The key or folder prefix under the cursor."""
        row = self.view.current
        return None if row is None else row.path

    def selected_prefix(self) -> bytes | None:
        """The folder under the cursor, or the one that holds the key under the cursor."""
        row = self.view.current
        if row is None:
            return b""
        return row.path if row.is_folder or row.is_note else row.level.prefix

    def selected_area(self) -> tuple[bytes, tuple[bytes, bytes]]:
        row = self.view.current
        if row is not None and row.index >= 0 and (root := row.level.roots.get(row.name)) is not None:
            return root.prefix, root.within
        return self.selected_prefix() or b"", row.level.within if row is not None else ranges.ALL

    def marked(self) -> list[bytes]:
        """Marked keys and prefixes, sorted."""
        return sorted(self.view.marked)

    def is_masked(self, key: bytes) -> bool:
        return any(glob.matches(key) for glob in self._globs)

    def reload(self, prefix: bytes) -> None:
        """Something below ``prefix`` was written: show it as it is now."""
        self.view.details.clear()
        for level in list(self.model.root.walk()):
            if level.prefix.startswith(prefix) or prefix.startswith(level.prefix):
                self.run_worker(
                    self._check_or_reload(level), group=f"check-{id(level)}", exclusive=True, exit_on_error=False
                )
        self._shown_key = None
        self.want_value()

    async def _check_or_reload(self, level: Level) -> None:
        if level.state is State.READY and level.names:
            try:
                await self.check_level(level)
            except EtcdError:
                self.load_level(level)
        else:
            self.load_level(level)

    # --- tree --------------------------------------------------------------------------------------------

    def on_key_tree_view_wanted(self, event: KeyTreeView.Wanted) -> None:
        event.stop()
        row = event.row
        if self.view.filtered is not None:
            self.go_to(row.path)
            return
        self.load_level(row.level.opened.get(row.name) or row.level.open(row.index))

    def on_key_tree_view_leaf_chosen(self, event: KeyTreeView.LeafChosen) -> None:
        event.stop()
        if self.view.filtered is not None:
            self.go_to(event.row.path)
            return
        self.visited(event.row.path)
        self.pane.viewer.focus()

    def on_key_tree_view_end_wanted(self, event: KeyTreeView.EndWanted) -> None:
        event.stop()
        for listing in self._listings.values():
            listing.from_end = True

    def on_line_view_moved(self, event: LineView.Moved) -> None:
        if event.view is not self.view:
            return
        event.stop()
        self.settle()
        self.want_value()
        self.place_changed()

    def place_changed(self) -> None:
        row = self.view.current
        level = row.level if row is not None else self.model.root
        tone = self.view.tone
        where = level.prefix if level.prefix else b"all keys"
        total = "1 key" if level.total == 1 else f"{format_count(level.total)} keys" if level.total >= 0 else ""
        self.tree_head.show(safe(where, limit=300), safe(total))
        foot = [safe(f"{len(self.view.marked)} marked", tone("mark"))] if self.view.marked else []
        if self.at_revision:
            foot.append(safe(f"AS OF REV {self.at_revision}  (:rev live returns)", tone("bad")))
        if self.model.is_limited:
            foot.append(safe(self.start_words, tone("warn"), limit=400))
        hidden = safe("rest hidden", tone("warn")) if self.model.is_limited else None
        self.tree_foot.show(Text("  ").join(foot), hidden)
        self.set_status(*self._status())

    def _status(self) -> list[Text]:
        row = self.view.current
        tone = self.view.tone
        words = self.filter_problem or (self.view.filtered.words if self.view.filtered is not None else "")
        parts = [safe(row.path if row is not None else b"", limit=300)]
        if row is not None and row.is_note and row.level.state in (State.READY, State.FAILED):
            parts = [safe(row.level.note, limit=400)]  # the pane may be too narrow for it
        if self.reads.stale and self.session.health.state is not ClusterState.NO_LEADER:
            parts.insert(0, safe("STALE: read from one member, may be behind", tone("bad")))
        if self.at_revision:
            parts.insert(0, safe(f"AS OF REV {self.at_revision}", tone("bad")))
        if words:
            parts.append(safe(f"filter: {words}", tone("warn"), limit=200))
        parts.append(safe(self.live_words, tone("good" if self.live_words == "live" else "dim")))
        if self.last_read:
            parts.append(safe(format_latency(self.last_read), tone("dim")))
        if self.changes_seen:
            many = "change" if self.changes_seen == 1 else "changes"
            parts.append(safe(f"{format_count(self.changes_seen)} {many} since you looked", tone("warn")))
        return parts

    def health_changed(self, health: ClusterHealth) -> None:
        """A cluster that answers again heals what could not be loaded."""
        if health.answering:
            for level in self.model.root.walk():
                if level.state is State.FAILED and self._started:
                    self.load_level(level)
            if self._value_failed:
                self.want_value()
        self.place_changed()

    def note_changed(self) -> None:
        self.want_value()
        self.place_changed()

    def rows_changed(self) -> None:
        row = self.view.current
        seen = None if row is None else (row.identity, row.count)  # the pane tells the count of a folder
        if seen != self._value_for:
            self._value_for = seen
            self.want_value()

    # --- look again --------------------------------------------------------------------------------------

    def action_refresh(self) -> None:
        self.view.details.clear()
        self.changes_seen = 0
        self._live_level = None  # what it tells while a level is read is lost: it starts again after that
        for level in self.model.root.walk():
            level.changed.clear()
        self._shown_key = None
        if self.model.is_limited:
            for level in self.model.root.opened.values():
                self.reload_level(level)
        else:
            self.reload_level(self.model.root)
        self.want_value()

    def action_auto_refresh(self) -> None:
        self.auto = not self.auto
        self.live_words = "" if self.auto else "automatic refresh off"
        self.follow()
        self.place_changed()

    def action_mark(self) -> None:
        self.view.toggle_mark()
        self.place_changed()

    def action_mark_all(self) -> None:
        """On a folder expand all of it; on a key mark every row of its level, or every filtered row."""
        row = self.view.current
        if row is not None and row.is_folder and self.view.filtered is None:
            self.expand_all(row)
            return
        if self.view.filtered is not None:
            self.view.mark_rows(self.view.filtered.rows)
        elif row is not None:
            self.view.mark_rows(Row(row.level, index, 0) for index in range(len(row.level.names)))
        self.place_changed()

    def action_clear_marks(self) -> None:
        self.view.clear_marks()
        self.place_changed()

    def go_back(self) -> bool:
        if self.pane.end_find() or self.stop_loading() or self.clear_filter():
            return True
        if self.pane.viewer.has_focus:
            self.view.focus()
            return True
        return self.leave_revision()
