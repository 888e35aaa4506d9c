"""Keys: the tree of keys on the left, the selected key's value on the right."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.timer import Timer
from textual.worker import Worker

from etcdtui.core.keytree import Row, State
from etcdtui.core.types import KeyValue
from etcdtui.core.units import format_count, format_latency
from etcdtui.services import tree
from etcdtui.services.cluster.health import ClusterHealth
from etcdtui.services.cluster.health import State as ClusterState
from etcdtui.services.session.session import Session
from etcdtui.services.tree import news
from etcdtui.services.tree.browser import Browser
from etcdtui.services.tree.navigation import Absent, Found, Outcome, Outside, Unread
from etcdtui.services.tree.news import News
from etcdtui.ui import limits
from etcdtui.ui.bindings import KEYS, find
from etcdtui.ui.collector import leave_out_names
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.frame.host import Chosen, Host, Visit, VisitSearch
from etcdtui.ui.screens.keys.actions import KeysActions
from etcdtui.ui.screens.keys.filter import TreeFilter
from etcdtui.ui.screens.keys.pane import ValuePane
from etcdtui.ui.spawn import after, every, listen, painted, spawn
from etcdtui.ui.text import safe
from etcdtui.ui.typeahead import Hold, drop_keys, hold_keys
from etcdtui.ui.widgets.field import Field
from etcdtui.ui.widgets.keytree import KeyTreeView, TreeTitles
from etcdtui.ui.widgets.lines import LineView
from etcdtui.ui.widgets.panehead import PaneHead, PaneTitle

if TYPE_CHECKING:  # only named here: no key waits for it
    from etcdtui.services.values.families.family import Named
    from etcdtui.services.values.families.known import Families

TTL_EVERY = 5.0
FIRST_ROWS = 0.03
"""Seconds that the first level gets to be in the first picture: else the screen is painted without it, and again."""
PAINT_EVERY = 0.1
"""Seconds between two paints while more of the same is on its way."""
SETTLE = 0.15
"""Seconds the cursor rests before more is read for what it shows."""
VALUE_PAUSE = 0.06
"""Seconds the cursor rests before the value under it is read."""
READABLE = 200
"""Bytes of a name that decide whether it can be read."""
ZOOMS = ("-zoom-tree", "-zoom-value")


def is_readable(name: bytes) -> bool:
    """Whether a name is printable text."""
    try:
        return name[:READABLE].decode().isprintable()
    except UnicodeDecodeError:
        return False


LEASES_EVERY = 5.0
"""Seconds between two looks at the leases of the keys on the screen."""


class KeysScreen(ClusterScreen):
    """The screen that people open first."""

    screen_name: ClassVar[str] = KEYS
    number: ClassVar[int] = 1
    label: ClassVar[str] = "Keys"
    about: ClassVar[str] = (
        "Browse the key tree; only the level you look at is read.\nThe value of the selected key is shown beside it."
    )
    actions_class: ClassVar[type[object]] = KeysActions
    actions: KeysActions

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
        self.first_look = session.take_first_look()
        self.browser = Browser(
            session,
            self.hear,
            self._start_work,
            on_screen=self._on_screen,
            begun=self.first_look.take_listing,
            spare=leave_out_names,
        )
        browser = self.browser
        self.view = KeyTreeView(browser.tree, browser.details, browser.marks, browser.is_masked, id="tree")
        self.pane = ValuePane(browser.value, name_of=self._name_of, first_view=session.first_view, id="value-pane")
        self.filter = TreeFilter(browser, self.view, self._start_work, self._filter_changed)
        self.actions = KeysActions(self)
        self._families: Families | None = None
        self._families_wanted = False
        self.tree_head, self.tree_foot = PaneTitle(), PaneHead()
        self.columns = TreeTitles(self.view)
        self.has_rows = asyncio.Event()
        self.start_words = ""
        self.last_read = 0.0
        self.vanishing = 0
        self._started = False
        self._placed = False
        """Whether the cursor is where it starts, or a person has moved it."""
        self._looked_at: Hashable = None
        """Of the row under the cursor, what the pane shows."""
        self._absent_at: Hashable = None
        """The row the cursor was on when a place was named in vain."""
        self._going: Hold | None = None
        self._came_from: Visit | None = None
        """The screen that the place shown was chosen in: esc shows it again."""
        self._value_timer: Timer | None = None
        self._settle_timer: Timer | None = None
        self._paint_timer: Timer | None = None
        self._painted = float("-inf")

    def _name_of(self, path: bytes) -> Named | None:
        """What a key or folder is in words; who knows that is imported in a thread when it is first asked for."""
        if self._families is not None:
            return self._families.recognise(path)
        if not self._families_wanted:
            self._families_wanted = True
            spawn(self, self._import_families, "families")
        return None

    async def _import_families(self) -> None:
        self._families = await asyncio.to_thread(lambda: self.session.guard.families)
        row = self.view.current
        if row is not None and row.is_folder and not self.absent_key():
            self.pane.show_row(row)
        else:
            self.pane.show_facts()

    def _start_work(self, name: str, work: Callable[[], Awaitable[None]]) -> Worker[None]:
        return spawn(self, work, name, exclusive=True)

    # --- beginning ---------------------------------------------------------------------------------------

    def compose_body(self) -> ComposeResult:
        with Container(id="panes"):
            with Vertical(id="tree-pane"):
                yield self.tree_head
                yield self.columns
                yield self.view
                yield self.filter.field
                yield self.tree_foot
            yield self.pane

    def on_mount(self) -> None:
        self.view.focus()
        every(self, TTL_EVERY, self._read_lease)
        every(self, LEASES_EVERY, self._tick_leases)
        if self.session.profile.refresh > 0:
            every(self, self.session.profile.refresh, self._poll)
        self._fit(self.size.width)
        listen(self, self.app.app_suspend_signal, self._hide_secrets)

    @on(events.Mount)
    async def start(self) -> None:
        """Show the first level, in the first picture if it is there soon."""
        spawn(self, self._start, "start", exclusive=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.has_rows.wait(), FIRST_ROWS)

    async def on_unmount(self) -> None:
        await self.first_look.close()

    async def _start(self) -> None:
        """Show the tree from where it starts."""
        browser = self.browser
        start = await self.first_look.start()
        self.start_words = start.words
        if start.words and not start.roots:
            self.flash(start.words, "warn")
        if start.roots:
            browser.tree.start_at(start.roots)
            self._paint()
        else:
            browser.loader.load(browser.tree.root)
        self._started = True
        self.place_changed()
        await browser.loader.listed(browser.tree.root)  # what follows takes time, and no key waits for it
        await browser.navigation.load_places()
        painted(self, self._look_after_writes)

    def _look_after_writes(self) -> None:
        spawn(self, self.actions.look_after_writes, "look-after")

    # --- layout ------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size.width)
        if self._started:
            self.settle()  # other rows are visible now

    def _fit(self, width: int) -> None:
        self.set_class(0 < width < limits.NARROW, "-stacked")

    def zoom(self) -> None:
        """Give the value the whole screen; again gives it to the tree, and then to both."""
        if self.has_class("-zoom-value"):
            self.remove_class("-zoom-value")
            self.add_class("-zoom-tree")
            self.view.focus()
        elif not self._show_both():
            self.add_class("-zoom-value")
            self.pane.viewer.focus()

    def _show_both(self) -> bool:
        zoomed = any(map(self.has_class, ZOOMS))
        self.remove_class(*ZOOMS)
        return zoomed

    def focus_tree(self) -> None:
        """The keys go to the tree, which can be seen."""
        self.remove_class("-zoom-value")
        self.view.focus()

    def focus_value(self) -> None:
        self.remove_class("-zoom-tree")
        self.pane.viewer.focus()

    # --- what can be done --------------------------------------------------------------------------------

    @property
    def shown_revision(self) -> int:
        return self.browser.tree.revision

    def offers_writes(self) -> bool:
        return not self.shown_revision and super().offers_writes()

    def why_not(self, action_id: str) -> str:
        action = find(action_id, self.screen_name)
        if self.shown_revision and action is not None and action.mutating:
            return f"this is revision {self.shown_revision}, which cannot be changed: esc or :rev live returns to now"
        return super().why_not(action_id)

    def actions_changed(self) -> None:
        """What an empty level says depends on what can be done."""
        super().actions_changed()
        if self.browser.loader.settle_notes():
            self._look_soon()
            self.place_changed()

    # --- what others ask of the screen -------------------------------------------------------------------

    @property
    def separators(self) -> tuple[bytes, ...]:
        return self.browser.tree.separators

    def selected_key(self) -> KeyValue | None:
        """The key under the cursor with its value, once it is read."""
        row, value = self.view.current, self.browser.value
        read = row is not None and row.index >= 0 and value.is_read and value.key == row.path
        return value.kv if read else None

    def absent_key(self) -> bytes:
        """The key that was named and does not exist, as long as nothing else is looked at."""
        row, navigation = self.view.current, self.browser.navigation
        if navigation.absent and (row is None or row.identity != self._absent_at):
            navigation.looked_elsewhere()
        return navigation.absent

    def drop_keys(self) -> str:
        """What was typed ahead is for something that is not there."""
        return drop_keys(self.app)

    def place_now(self) -> bytes:
        row = self.view.current
        return row.path if row is not None and row.index >= 0 else b""

    def show_place(self, place: bytes) -> None:
        self.go_to(place)

    def show_revision(self, revision: int) -> None:
        spawn(self, partial(self.browser.navigation.show_revision, revision), "revision", exclusive=True)

    def filter_by(self, words: str) -> None:
        self.filter.type(words)

    def visit(self, wanted: Visit) -> None:
        """Show a screen above this one; afterwards go to what was chosen there."""

        def back(chosen: Chosen) -> None:
            self.browser.marks.add(chosen.marks)
            if chosen.place:
                self.go_to(chosen.place)
            self._came_from = chosen.again
            self.place_changed()

        self.host.visit(self, wanted, back)

    def reload(self, prefix: bytes) -> None:
        """Something below ``prefix`` was written: show it as it is now."""
        spawn(self, partial(self.browser.written, prefix), "written")

    def came_on_show(self) -> None:
        if self.view.rights != self.session.rights:
            self.view.rights = self.session.rights
            self.view.model_changed()
            self.place_changed()
        if self.browser.has_written:
            spawn(self, self._take_in_writes, "written")

    def _tick_leases(self) -> None:
        if self.is_current and self.session.health.state is ClusterState.CONNECTED and not self.shown_revision:
            ids = {lease for lease in self.view.shown_leases() if lease}
            if ids or self.vanishing:
                spawn(self, partial(self._look_at_leases, ids), "leases", exclusive=True)

    async def _look_at_leases(self, ids: set[int]) -> None:
        """How many of the keys on the screen vanish soon, as far as is seen of their leases."""
        book = self.session.cluster.lease_book()
        await book.read(ids)
        soon = {row.id for row in book.vanishing() if row.id in ids}
        count = sum(lease in soon for lease in self.view.shown_leases())
        if count != self.vanishing:
            self.vanishing = count
            self.place_changed()

    async def _take_in_writes(self) -> None:
        await self.browser.take_in_writes()

    # --- going to a place --------------------------------------------------------------------------------

    def go_to(self, path: bytes, *, remember: bool = True, then: Callable[[], object] | None = None) -> None:
        """Open the folders on the way and put the cursor on a key or folder; say so when it does not exist.

        Keys that are typed meanwhile mean that place; ``then`` is called when it is reached.
        """
        self._came_from = None
        self.filter.close()
        self.focus_tree()
        self._stop_going()
        self._going = hold = hold_keys(self.app)
        spawn(self, partial(self._go, path, hold, remember, then), "go", exclusive=True)

    def _stop_going(self) -> bool:
        """Leave the cursor where it is; False when it was on its way to no place."""
        hold, self._going = self._going, None
        if hold is None:
            return False
        self.workers.cancel_group(self, "go")
        self.not_used(hold.drop())
        return True

    async def _go(self, path: bytes, hold: Hold, remember: bool, then: Callable[[], object] | None) -> None:
        try:
            outcome = await self.browser.navigation.go(path)
            self._arrive(outcome)
            if not isinstance(outcome, Found):
                self.not_used(hold.drop())
                return
            if remember:
                self._remember(path)
            if then is not None:
                then()
        finally:
            hold.release()
            if self._going is hold:
                self._going = None

    def _remember(self, path: bytes) -> None:
        spawn(self, partial(self.browser.navigation.visited, path), "places")

    def _arrive(self, outcome: Outcome) -> None:
        """Put the cursor where a go ended, or say why it ended nowhere."""
        number = self.browser.tree.number
        if isinstance(outcome, Found):
            if outcome.index >= 0:
                self.view.cursor = number(outcome.level, outcome.index)
            if outcome.below is not None:
                self.view.show_below(outcome.below)
            self._paint()
        elif isinstance(outcome, Absent):
            level, index = outcome.level, outcome.index
            for above, name in level.around() if index < 0 else ():
                level, index = above, above.find(name)
                break
            if index >= 0:
                self.view.cursor = number(level, index)
            self._absent_at = row.identity if (row := self.view.current) is not None else None
            creates = "" if self.why_not("new") else "n creates it, "
            self.flash(f"{outcome.words}  {creates}H shows whether it was there")
            self._look_soon()
        elif isinstance(outcome, (Outside, Unread)):
            self.flash(outcome.words, "warn")

    # --- the one place where news arrive -----------------------------------------------------------------

    def hear(self, what: News) -> None:
        """News of the tree and its value: words, rows, facts."""
        if isinstance(what, news.Said):
            self.flash(what.words, what.tone)
        elif isinstance(what, news.Rows):
            self._paint_soon(last=what.last)
        elif isinstance(what, news.Listed):
            self.last_read = what.seconds
            self._paint()
            self.has_rows.set()
        elif isinstance(what, news.Details):
            self.view.details_changed(what.keys)
        elif isinstance(what, news.ValueRead):
            self._show_value(keep=what.keep)
        elif isinstance(what, news.LeaseRead):
            self.pane.show_facts()
        elif isinstance(what, news.Freshness):
            self.place_changed()
        elif isinstance(what, news.Moment):
            self.refresh_title()
            self.actions_changed()
            self.place_changed()

    def _paint_soon(self, *, last: bool) -> None:
        """At once when nothing more is on its way, else at most once in ``PAINT_EVERY`` seconds."""
        since = time.perf_counter() - self._painted
        if last or since > PAINT_EVERY:
            self._paint()
        elif self._paint_timer is None:
            self._paint_timer = after(self, PAINT_EVERY - since, self._paint)

    def _paint(self) -> None:
        if self._paint_timer is not None:
            self._paint_timer.stop()
            self._paint_timer = None
        self._painted = time.perf_counter()
        self._place_cursor()
        self.view.model_changed()
        self.settle()
        self._look_if_changed()
        self.place_changed()

    def _place_cursor(self) -> None:
        """The cursor starts on the first name that can be read and typed; binary ones sort before it."""
        root = self.browser.tree.root
        if self._placed or not root.names:
            return
        first = next((i for i, name in enumerate(root.names) if is_readable(name)), -1)
        self._placed = first >= 0 or root.state is State.READY or self.view.cursor > 0
        if first > 0 and not self.view.cursor:
            self.view.model_changed()
            self.view.cursor = self.browser.tree.number(root, first)

    def health_changed(self, health: ClusterHealth) -> None:
        """A cluster that answers again heals what could not be loaded."""
        if health.answering and self._started:
            self.browser.heal()
        self.place_changed()

    # --- what is under the cursor ------------------------------------------------------------------------

    def on_line_view_moved(self, event: LineView.Moved) -> None:
        if event.view is not self.view:
            return
        event.stop()
        self.absent_key()
        self.settle()
        self._look_if_changed()
        self.place_changed()

    def _look_if_changed(self) -> None:
        row = self.view.current
        seen = None if row is None else (row.identity, row.count, row.is_note and row.level.note)
        if seen != self._looked_at:  # the pane tells the count of a folder too
            self._looked_at = seen
            self._look_soon()

    def _look_soon(self) -> None:
        if self._value_timer is not None:
            self._value_timer.stop()
        self._value_timer = after(self, VALUE_PAUSE, self.look_now)

    def look_now(self) -> None:
        """Show what is under the cursor, as far as it is known; its value is read."""
        if self._value_timer is not None:
            self._value_timer.stop()
            self._value_timer = None
        row, value = self.view.current, self.browser.value
        if absent := self.absent_key():
            value.look_at(None)
            creates = () if self.why_not("new") else ("n creates it",)
            self.pane.show_absent(absent, *creates, "H shows whether it was there")
        elif row is None or row.is_note or row.is_folder:
            value.look_at(None)
            self.pane.show_row(row)
        else:
            value.look_at(row.path)

    @property
    def value_is_settled(self) -> bool:
        """Whether the value under the cursor is read, or why it cannot be is known."""
        value = self.browser.value
        return value.key is None or value.is_read or value.error is not None or value.gone

    def _show_value(self, *, keep: bool) -> None:
        self.pane.show_value(keep_view=keep)
        self.actions_changed()

    def _read_lease(self) -> None:
        if self.is_current:
            self._start_work("lease", self.browser.value.read_lease)

    def _hide_secrets(self, _: object) -> None:
        """Nothing revealed stays on a screen that nobody looks at."""
        self.browser.value.hide()

    def settle(self) -> None:
        """Once the cursor rests: read details of the rows on the screen and follow the level under it."""
        if self._settle_timer is not None:
            self._settle_timer.stop()
        self._settle_timer = after(self, SETTLE, self._settled)

    def _settled(self) -> None:
        if leaves := self.view.visible_leaves():
            spawn(self, partial(self.browser.details.read, leaves), "details", exclusive=True)
        row = self.view.current
        self.browser.freshness.follow(row.level if row is not None else self.browser.tree.root)

    def _poll(self) -> None:
        if self.is_current:
            self.browser.freshness.poll()

    def _on_screen(self) -> Iterable[Row]:
        return [self.view.row_at(index) for index in self.view.visible_rows()]

    # --- the tree ----------------------------------------------------------------------------------------

    def on_key_tree_view_opened(self, event: KeyTreeView.Opened) -> None:
        event.stop()
        self.browser.loader.show(event.level)

    def on_key_tree_view_place_chosen(self, event: KeyTreeView.PlaceChosen) -> None:
        event.stop()
        self.go_to(event.path)

    def on_key_tree_view_leaf_chosen(self, event: KeyTreeView.LeafChosen) -> None:
        event.stop()
        self._remember(event.key)
        self.focus_value()

    def on_value_pane_line_chosen(self, event: ValuePane.LineChosen) -> None:
        event.stop()
        self.actions.edit_field(event.line)

    def on_key_tree_view_end_wanted(self, event: KeyTreeView.EndWanted) -> None:
        event.stop()
        self.browser.loader.from_end()

    # --- the filter --------------------------------------------------------------------------------------

    def on_input_changed(self, event: Field.Changed) -> None:
        if event.input is self.filter.field:
            event.stop()
            self.filter.look(event.value.strip())

    def on_input_submitted(self, event: Field.Submitted) -> None:
        """Enter asks the server for what is not loaded."""
        if event.input is self.filter.field:
            event.stop()
            words = event.value.strip()
            if self.filter.asks_server(words):
                self.open_search(words)

    def open_search(self, words: str) -> None:
        """The search over all keys below the prefix under the cursor, or what can be read of everything."""
        row = self.view.current
        if row is None or self.view.filtered is not None:  # what was filtered is all that is shown
            prefix, within = tree.filtering.whole(self.browser.tree, row)
        else:
            prefix, within = row.area
        self.visit(VisitSearch(prefix, words, within))

    def search_all(self, words: str) -> None:
        """The same over everything that can be read."""
        prefix, within = tree.filtering.whole(self.browser.tree, self.view.current)
        self.visit(VisitSearch(prefix, words, within))

    def _filter_changed(self) -> None:
        self.settle()
        self._look_if_changed()
        self.place_changed()

    # --- words -------------------------------------------------------------------------------------------

    def place_changed(self) -> None:
        """Where the cursor is, what is marked, how fresh it is."""
        row, model, tone = self.view.current, self.browser.tree, self.view.tone
        level = row.level if row is not None else model.root
        total = "1 key" if level.total == 1 else f"{format_count(level.total)} keys" if level.total >= 0 else ""
        right = safe(total)
        if self.vanishing:
            words = f"{self.vanishing} vanish{'es' if self.vanishing == 1 else ''} within 60 s  "
            right = Text.assemble((words, tone("warn")), right)
        self.tree_head.show(safe(level.prefix or b"all keys", limit=300), right)
        marks = self.browser.marks
        foot = [safe(f"{len(marks)} marked", tone("mark"))] if marks else []
        if model.revision:
            foot.append(safe(f"AS OF REV {model.revision}  (:rev live returns)", tone("bad")))
        if model.is_limited:
            foot.append(safe(self.start_words, tone("warn"), limit=400))
        if (rights := self.view.rights) is not None:
            foot.append(Text.assemble("rights of ", safe(rights.user, limit=40), ": "))
            foot[-1].append("read write ", tone("good")).append("read ", tone("accent")).append("part ", tone("warn"))
            foot[-1].append("none", tone("dim"))
        if self._came_from is not None:
            foot.append(safe("esc: back to the hits", tone("accent")))
        hidden = safe("rest hidden", tone("warn")) if model.is_limited else None
        self.tree_foot.show(Text("  ").join(foot), hidden)
        self.set_status(*self._status())

    def _status(self) -> list[Text]:
        row, tone, freshness = self.view.current, self.view.tone, self.browser.freshness
        parts = [safe(row.path if row is not None else b"", limit=300)]
        if row is not None and row.is_note and row.level.state in (State.READY, State.FAILED):
            parts = [safe(row.level.note, limit=400)]  # the pane may be too narrow for it
        if self.session.reads.stale and self.session.health.state is not ClusterState.NO_LEADER:
            parts.insert(0, safe("STALE: read from one member, may be behind", tone("bad")))
        if self.shown_revision:
            parts.insert(0, safe(f"AS OF REV {self.shown_revision}", tone("bad")))
        if words := self.filter.words:
            parts.append(safe(f"filter: {words}", tone("warn"), limit=200))
        lost = freshness.words == "live" and not self.session.health.answering
        fresh = "not live" if lost else freshness.words
        parts.append(safe(fresh, tone("good" if fresh == "live" else "dim")))
        if self.last_read:
            parts.append(safe(format_latency(self.last_read), tone("dim")))
        if freshness.changes:
            many = "change" if freshness.changes == 1 else "changes"
            parts.append(safe(f"{format_count(freshness.changes)} {many} since you looked", tone("warn")))
        return parts

    # --- back --------------------------------------------------------------------------------------------

    def go_back(self) -> bool:
        if self.absent_key():
            self.browser.navigation.looked_elsewhere()
            self._looked_at = None
            self._look_if_changed()
            return True
        if self._stop_going() or self.pane.end_find() or self.browser.loader.stop() or self.filter.close():
            return True
        if self.pane.viewer.has_focus:
            self.focus_tree()
            return True
        if self._came_from is not None:
            self.visit(self._came_from)
            return True
        return self.browser.navigation.show_now()
