"""Watch: several tails at once, one line an event, with what changed in it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical

from etcdtui.config.folders import state_folder
from etcdtui.core import ranges
from etcdtui.core.keypath import KeySyntaxError
from etcdtui.core.plan import line
from etcdtui.core.search import Field
from etcdtui.core.typed_range import typed_range
from etcdtui.core.types import KeyValue
from etcdtui.core.units import format_count, format_rate, format_size
from etcdtui.services.cluster.endpoint_health import ClusterHealth, State
from etcdtui.services.session.session import Session
from etcdtui.services.tail import saved
from etcdtui.services.tail.churn import Churn
from etcdtui.services.tail.entries import Entry, Gap, Mark, Seen
from etcdtui.services.tail.feed import RING_EVENTS, FeedState, WatchFeed, feed_of
from etcdtui.services.tail.filters import EXPLAINED, FIELDS, FilterError, wanted
from etcdtui.services.tail.headless import COSTLY, replay_words
from etcdtui.services.tail.log import kept
from etcdtui.services.tail.records import to_json
from etcdtui.services.tail.replay import Replay, ReplaySession
from etcdtui.services.tail.source import WatchSpec
from etcdtui.services.tail.spill import Spill
from etcdtui.services.tail.standing import lag_words
from etcdtui.services.tail.veil import OPEN, Veil
from etcdtui.services.values.decoders import ValueDecoders
from etcdtui.services.writing.etcdctl import watch_command
from etcdtui.ui import limits
from etcdtui.ui.bindings import KEYS, LEASES, WATCH
from etcdtui.ui.frame import copying
from etcdtui.ui.frame.host import Host, VisitHistory
from etcdtui.ui.modals.ask import AskDialog
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.screens.watch.change import ChangePane
from etcdtui.ui.screens.watch.churn import ChurnView
from etcdtui.ui.screens.watch.face import WatchFace
from etcdtui.ui.screens.watch.saving import Saving
from etcdtui.ui.screens.watch.triggering import Triggering
from etcdtui.ui.screens.watch.watches import Watched, WatchList, range_text
from etcdtui.ui.spawn import every, spawn
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.lines import LineView
from etcdtui.ui.widgets.panehead import Pane
from etcdtui.ui.widgets.tail import TailTitles, TailView

TICK = 0.1
"""Seconds between two looks at the feeds."""
PAINT_EVERY = 0.25
"""Seconds between two pictures of what pours: more would be no easier to read, and 8 kB/s of a thin line."""
MOST_WATCHES = 16
SHORT = 30
"""Rows of the terminal below which the change opens over the list instead of under it."""
ONLINE = frozenset({"new", "saved_watches", "watch.go_to_key", "watch.go_to_lease", "history"})
"""Actions that want a cluster."""


class WatchScreen(WatchFace):
    """Tails of keys and prefixes; they go on while another screen is shown."""

    screen_name: ClassVar[str] = WATCH
    number: ClassVar[int] = 2
    label: ClassVar[str] = "Watch"
    about: ClassVar[str] = (
        "Every change of a key or prefix as it happens, with what changed in it; gaps are drawn, never hidden.\n"
        "NEW is a first version; DEL~ a deletion whose lease is gone too, so probably an expiry."
    )
    filter_fields: ClassVar[Mapping[str, Field]] = FIELDS
    DEFAULT_CSS = """
    WatchScreen #watch-list { }
    WatchScreen #watch-detail { height: 40%; display: none; }
    WatchScreen.-detail #watch-detail { display: block; }
    WatchScreen #tail-pane { height: 1fr; }
    WatchScreen.-over.-detail #tail-pane { display: none; }
    WatchScreen.-over.-detail #watch-detail { height: 1fr; }
    WatchScreen.-churn #tail-pane { display: none; }
    WatchScreen.-churn #watch-detail { display: none; }
    WatchScreen.-churn #churn { display: block; }
    """

    def __init__(self, session: Session, host: Host) -> None:
        super().__init__(session, host)
        profile = session.profile
        self.veil = Veil(profile.mask)
        self.decoders = ValueDecoders(profile.decoders, profile.mask.fields)
        self.list = WatchList(saved=bool(profile.watches))
        self.tail = TailView(self.veil, id="tail")
        self.titles = TailTitles(self.tail)
        self.change = ChangePane(self.veil, self.decoders)
        self.churn = ChurnView()
        self.saving = Saving(self)
        self.triggering = Triggering(self)
        self._search = ""
        self._numbers = 0
        self._zoomed = False
        self._painted: tuple[object, ...] = ()
        self._painted_at = 0.0
        self._looking_up = False
        self._churn_at = 0.0

    def compose_body(self) -> ComposeResult:
        yield self.list
        with Vertical(id="tail-pane"):
            yield self.titles
            yield self.tail
        yield self.churn
        yield Pane("the change", self.change, id="watch-detail")

    def on_mount(self) -> None:
        every(self, TICK, self._tick)
        self.tail.focus()
        self._fit()
        self._show_status()
        if isinstance(self.session, ReplaySession):
            self._show_new(self.session.replay)

    def on_resize(self, event: events.Resize) -> None:
        self._fit()

    def _fit(self) -> None:
        self.set_class(self._zoomed or self.size.height < SHORT, "-over")

    def health_changed(self, health: ClusterHealth) -> None:
        self.list.leaderless = health.state is State.NO_LEADER

    # --- watches -------------------------------------------------------------------------------------------------

    @property
    def watches(self) -> list[Watched]:
        return self.list.watches

    @property
    def current(self) -> Watched | None:
        return self.watches[min(self.list.cursor, len(self.watches) - 1)] if self.watches else None

    @property
    def filter_words(self) -> str:
        return self.current.filter_words if self.current else ""

    @property
    def entry(self) -> Entry | None:
        """The entry under the cursor."""
        return self.tail.current

    def show_place(self, place: bytes) -> None:
        """Watch a key; a prefix ends in ``/`` or is what another screen calls a folder."""
        folder = not place or any(place.endswith(s.encode()) for s in self.session.profile.separators if s)
        self.add_watch(WatchSpec(*(ranges.prefix_range(place) if folder else (place, b""))))

    def add_watch(self, spec: WatchSpec, name: str = "") -> None:
        """Begin to tail, or go to the tail of the same range that there is; a costly one is asked for first."""
        for index, known in enumerate(self.watches):
            live = known.live
            if live is not None and live.spec == spec and live.state is not FeedState.ENDED:
                self.list.cursor = index
                return
        if len(self.watches) >= MOST_WATCHES:
            self.flash(f"at most {MOST_WATCHES} watches can be open; d ends one", "warn")
            return
        behind = self.session.health.revision - spec.start_revision
        if spec.start_revision and behind > COSTLY:
            lines = [
                line(f"{replay_words(behind)}."),
                line("H on a key, or History of a prefix, looks back at a fraction of the cost."),
            ]
            title = Text.assemble("watch ", safe(range_text(spec), limit=40), f" from rev {spec.start_revision}")

            def answered(key: str | None) -> None:
                if key == "w":
                    self._begin(spec, name)

            self.app.push_screen(AskDialog(title, lines, [("w", "watch all the same")]), answered)
            return
        self._begin(spec, name)

    def _begin(self, spec: WatchSpec, name: str) -> None:
        limit = self.session.profile.watch_spill
        spill = Spill(state_folder(), limit, self.veil) if limit else None
        self._show_new(feed_of(self.session, spec, name=name, spill=spill))

    def _show_new(self, feed: WatchFeed | Replay) -> None:
        self._numbers += 1
        watched = Watched(self._numbers, feed)
        self.watches.append(watched)
        self.triggering.attach(watched)
        spawn(self, feed.run, f"watch-{self._numbers}")
        self.list.model_changed()
        self.list.cursor = len(self.watches) - 1
        self._show_current()

    def on_line_view_moved(self, event: LineView.Moved) -> None:
        if event.view is self.list:
            self._show_current()
        elif event.view is self.tail:
            self._hide_revealed()
            self._show_change()

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        if event.view is self.tail:
            self.toggle_class("-detail")
            self._show_change()
        elif event.view is self.list:
            self.tail.focus()
        elif event.view is self.churn and self.churn.current is not None:
            busy = self.churn.current
            self.action_show_churn()
            self._apply_filter(f'"{busy.name.decode("utf-8", "backslashreplace")}"')

    def _show_current(self) -> None:
        current = self.current
        feed = current.feed if current else None
        if self.tail.feed is not feed:
            self.tail.set_filter(current.wanted if current else None)
            self.tail.show_feed(feed)
            self.tail.frozen = current is not None and current.paused
            self.titles.refresh()
            if self.has_class("-churn"):
                self._show_churn()
        self._show_change()
        self._show_status()
        self.actions_changed()

    # --- what is new ---------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        now = time.monotonic()
        if not self.is_current or now - self._painted_at < PAINT_EVERY - TICK / 2:
            return
        if self.tail.take_news():
            self.titles.look()
            self._show_change()
        if not self._looking_up and (open_rows := self.tail.open_rows()):
            self._looking_up = True
            spawn(self, partial(self._look_up, open_rows), "look-up")
        if self.has_class("-churn") and now - self._churn_at >= 1.0:
            self._churn_at = now
            self.churn.look(self._now())
        facts = (self.list.facts(), self.tail.waiting, self.tail.unseen, self.tail.follow, self.saving.facts())
        if facts != self._painted:
            rows = not self._painted or facts[0] != self._painted[0]
            self._painted, self._painted_at = facts, now
            if rows:
                self.list.model_changed()
            self._show_status()

    async def _look_up(self, entries: list[Seen]) -> None:
        current = self.current
        try:
            if current is not None:
                await current.feed.look_up(entries)
        finally:
            self._looking_up = False
        self.tail.entry_settled()
        self._show_change()

    def _show_status(self) -> None:
        current = self.current
        if current is None:
            self.set_status(Text("no watch"))
            return
        feed, tail = current.feed, self.tail
        live, narrow = current.live, self.size.width < 100
        have = format_count(feed.next - feed.first)
        if live is not None:
            have = format_count(len(live.ring)) + f"/{format_count(RING_EVENTS)}"
        parts = [Text(f"#{current.number} {have}" if narrow else f"watch #{current.number}  buffer {have}")]
        if live is not None and live.spill is not None and live.spill.size:
            problem = f" ({live.spill.problem})" if live.spill.problem else ""
            parts.append(safe(f"{format_size(live.spill.size)} on disk{problem}", limit=limits.SHORT_NAME))
        if feed.dropped:
            parts.append(Text(f"{format_count(feed.dropped)} older dropped", tail.tone("warn")))
        if current.filter_words:
            found = f" ({format_count(tail.row_count)})"
            looking = " looking.." if tail.waiting and not current.paused else ""
            words = safe(current.filter_words, limit=limits.SHORT_NAME)
            parts.append(Text.assemble("" if narrow else "filter: ", words, found, looking))
        if current.paused:
            parts.append(Text(f"paused ({format_count(current.waiting)})", tail.tone("warn")))
        elif tail.follow:
            parts.append(Text("follow ON"))
        elif tail.unseen:
            parts.append(Text(f"+{format_count(tail.unseen)} new (G)", tail.tone("accent")))
        else:
            parts.append(Text("follow off (G)"))
        if live is not None:
            parts.append(Text(lag_words(live), tail.tone("warn") if live.catching_up else ""))
        parts.append(Text(format_rate(feed.rate())))
        parts.append(self.saving.status(current))
        self.set_status(*parts)

    def _show_change(self) -> None:
        if not self.has_class("-detail"):
            return
        entry = self.tail.current
        if self.change.show_entry(entry) and isinstance(entry, Seen) and self.change.decodes:
            spawn(self, partial(self.change.show_decoded, entry), "decode", exclusive=True)

    def _hide_revealed(self) -> None:
        if self.tail.revealed >= 0:
            self.tail.revealed = -1
            self.change.revealed = False
            self.tail.model_changed()

    # --- actions: watches ----------------------------------------------------------------------------------------

    def go_back(self) -> bool:
        for name in ("-churn", "-detail"):
            if self.has_class(name):
                self.remove_class(name)
                self.tail.focus()
                return True
        if self.filter_words:
            self._apply_filter("")
            return True
        return False

    def close_view(self) -> bool:
        return self.go_back() if self.has_class("-churn") or self.has_class("-detail") else False

    def why_not(self, action_id: str) -> str:
        wants_watch = (
            "watch.stop",
            "watch.put_mark",
            "pause",
            "save",
            "watch.rename",
            "watch.show_churn",
            "find_text",
            "watch.keep",
            "trigger",
            "refresh",
        )
        if action_id in wants_watch and self.current is None:
            return "there is no watch; n begins one"
        if action_id in ("watch.go_to_key", "watch.go_to_lease", "history", "reveal") and not isinstance(
            self.entry, Seen
        ):
            return "there is no event under the cursor"
        if action_id == "watch.go_to_lease" and isinstance(self.entry, Seen) and not self.entry.lease:
            return "the key of this event has no lease"
        if action_id == "next_view" and not self.has_class("-detail"):
            return "enter opens the change first"
        recorded = self.current is not None and self.current.live is None
        if recorded and action_id in ("watch.put_mark", "pause", "watch.keep", "watch.stop", "trigger"):
            return "this is a recording"
        if action_id in ONLINE and isinstance(self.session, ReplaySession):
            return "a recording has no cluster"
        return super().why_not(action_id)

    def action_new(self) -> None:
        def begin(typed: str | None) -> None:
            if typed:
                self._begin_typed(typed)

        known = self._saved()
        explain = Text("a key; a prefix as /app/ or /app*; * is everything; then a revision to start at, =NAME", "dim")
        if known:
            names = ", ".join(one.name for one in known[:6])
            explain = Text.assemble(explain, "\n", ("saved, by name: ", "dim"), safe(names, limit=200))
        self.app.push_screen(PromptDialog(Text("watch"), explain), begin)

    def _begin_typed(self, typed: str) -> None:
        """``/app/ 1200 =deploys``: a range or the name of a saved watch, a revision, a name."""
        words = typed.split()
        name = words.pop()[1:] if len(words) > 1 and words[-1].startswith("=") else ""
        start = int(words.pop()) if len(words) > 1 and words[-1].isascii() and words[-1].isdigit() else 0
        text = " ".join(words)
        kept = next((one for one in self._saved() if one.name == text), None)
        try:
            key, end = (kept.spec.key, kept.spec.range_end) if kept else typed_range(text)
        except KeySyntaxError as error:
            self.flash(str(error), "warn")
            return
        if start >= 2**63:
            self.flash("there is no such revision", "warn")
            return
        self.add_watch(WatchSpec(key, end, start), name or (kept.name if kept else ""))

    def _saved(self) -> list[saved.Saved]:
        profile = self.session.profile
        found, problems = saved.saved_watches(profile.name, profile.watches, state_folder())
        if problems:
            self.flash("; ".join(problems), "warn")
        return found

    def action_saved_watches(self) -> None:
        """Pick one of the saved watches."""
        known = self._saved()
        if not known:
            self.flash("no watch is saved: b saves this one; the profile's `watches` are always listed", "warn")
            return
        items = [
            Item(one.name, safe(one.name, limit=30), safe(range_text(one.spec), limit=60), group=where)
            for one in known
            for where in ("of the profile" if one.fixed else "saved",)
        ]

        def picked(name: str | None) -> None:
            one = next((one for one in known if one.name == name), None)
            if one is not None:
                self.add_watch(one.spec, one.name)

        self.app.push_screen(PickerDialog(Text("saved watches"), items), picked)

    def action_keep(self) -> None:
        """Save this watch under a name, or forget it."""
        current = self.current
        assert current is not None
        spec = WatchSpec(current.feed.spec.key, current.feed.spec.range_end)
        known = next((one for one in self._saved() if one.spec == spec), None)
        if known is not None and known.fixed:
            self.flash(
                Text.assemble("the profile's watch ", safe(known.name, limit=60), ": change it in the config file")
            )
            return
        profile = self.session.profile.name
        if known is not None:
            self._to_disk(partial(saved.forget, profile, known.name, state_folder()))
            self.flash(Text.assemble("no longer saved: ", safe(known.name, limit=60)))
            return

        def named(name: str | None) -> None:
            if name and name.strip():
                current.feed.name = name.strip()
                self._to_disk(partial(saved.keep, profile, name.strip(), spec, state_folder()))
                self.flash(Text.assemble("saved, W opens it: ", safe(name.strip(), limit=60)))

        value = current.feed.name or spec.key.rstrip(b"/").rsplit(b"/", 1)[-1].decode("utf-8", "replace")
        self.app.push_screen(PromptDialog(Text("save this watch as"), value=value), named)

    def _to_disk(self, work: partial[None]) -> None:
        try:
            work()
        except OSError as error:
            self.flash(f"not saved: {error.strerror}", "bad")

    def action_rename(self) -> None:
        """Give the watch a name."""
        current = self.current
        assert current is not None

        def named(name: str | None) -> None:
            if name is not None:
                current.feed.name = name.strip()

        self.app.push_screen(PromptDialog(Text("name of this watch"), value=current.feed.name), named)

    def action_stop(self) -> None:
        current = self.current
        if current is not None:
            self.saving.stop(current)
            self.workers.cancel_group(self, f"watch-{current.number}")
            self.watches.remove(current)
            self.list.model_changed()
            self._show_current()

    def action_refresh(self) -> None:
        """Try again now; one that ended begins anew; one that is far behind may skip ahead."""
        current = self.current
        assert current is not None
        feed = current.live
        if feed is None:
            spawn(self, current.feed.run, f"watch-{current.number}")
        elif feed.state in (FeedState.LOST, FeedState.REFUSED):
            feed.retry_now()
        elif feed.state is FeedState.ENDED:
            self.action_stop()
            self._begin(WatchSpec(feed.spec.key, feed.spec.range_end, feed.complete + 1), feed.name)
        elif feed.catching_up:
            lines = [
                line(f"{lag_words(feed)}. Skipping ahead shows what happens now; the revisions between are a gap.")
            ]

            def answered(key: str | None) -> None:
                if key == "s":
                    spawn(self, feed.skip_ahead, "skip")

            self.app.push_screen(AskDialog(Text("catching up"), lines, [("s", "skip ahead")]), answered)
        else:
            feed.ask()
            self.flash("up to date" if feed.is_well and not feed.lag else "asked")

    # --- actions: the tail ---------------------------------------------------------------------------------------

    def action_pause(self) -> None:
        current = self.current
        assert current is not None
        feed = current.live
        assert feed is not None
        if current.paused:
            feed.go_on()
            self.tail.frozen = False
        else:
            feed.pause()
            self.tail.take_news()
            self.tail.frozen = True
        self.tail.take_news()
        self._show_status()

    def action_put_mark(self) -> None:
        def put(text: str | None) -> None:
            live = self.current.live if self.current is not None else None
            if text is not None and live is not None:
                live.mark(text)

        self.app.push_screen(PromptDialog(Text("mark line"), Text("what happens now", "dim")), put)

    def action_filter(self) -> None:
        def apply(words: str | None) -> None:
            if words is not None:
                self._apply_filter(words)

        self.app.push_screen(PromptDialog(Text("filter"), Text(EXPLAINED, "dim"), value=self.filter_words), apply)

    def _apply_filter(self, words: str) -> None:
        current = self.current
        if current is None:
            return
        try:
            current.wanted = wanted(words, time.time)
        except FilterError as error:
            self.flash(str(error), "warn")
            return
        current.filter_words = words.strip()
        self.tail.set_filter(current.wanted)
        self._show_status()

    def action_find_text(self) -> None:
        """Search: go to the match before the cursor; ``<`` and ``>`` go on."""

        def found(words: str | None) -> None:
            if words is not None:
                self._search = words.strip()
                self._jump(back=True)

        explain = Text(f"goes to the match before the cursor, < and > go on; {EXPLAINED}", "dim")
        self.app.push_screen(PromptDialog(Text("search"), explain, value=self._search), found)

    def action_previous_hit(self) -> None:
        self._jump(back=True)

    def action_next_hit(self) -> None:
        self._jump(back=False)

    def _jump(self, *, back: bool) -> None:
        """To the next match of the search; without a search to the next mark or gap."""
        try:
            test = wanted(self._search, time.time)
        except FilterError as error:
            self.flash(str(error), "warn")
            return
        searched = self._search != ""

        def hit(entry: Entry) -> bool:
            if test is None or not isinstance(entry, Seen):
                return isinstance(entry, Mark | Gap) and not searched
            return test(entry)

        if not self.tail.find(hit, back=back):
            what = "match" if searched else "mark or gap"
            self.flash(f"no {what} {'before' if back else 'after'} this line", "warn")

    def action_show_churn(self) -> None:
        """The churn view, on or off."""
        if self.has_class("-churn"):
            self.remove_class("-churn")
            self._stop_churn()
            self.tail.focus()
            return
        self.add_class("-churn")
        self._show_churn()
        self.churn.focus()

    def _show_churn(self) -> None:
        self._stop_churn()
        current = self.current
        if current is None:
            self.churn.show_churn(None)
            return
        churn = Churn(current.feed.spec.key, self.session.separators)
        churn.came(list(kept(current.feed)))
        current.feed.listeners.append(churn)
        self.churn.show_churn(churn)
        self.churn.look(self._now())

    def _now(self) -> float:
        """The time that the churn ends at: that of a recording's last line."""
        feed = self.tail.feed
        last = feed.get(feed.next - 1) if isinstance(feed, Replay) else None
        return last.seen if last is not None else time.time()

    def _stop_churn(self) -> None:
        for one in self.watches:
            if self.churn.churn in one.feed.listeners:
                one.feed.listeners.remove(self.churn.churn)

    def action_zoom(self) -> None:
        """The change over the whole screen, or beside the tail again."""
        self._zoomed = not self._zoomed
        self._fit()

    # --- actions: the event --------------------------------------------------------------------------------------

    def action_reveal(self) -> None:
        """Show what is masked, of this event, until the cursor moves on."""
        entry = self.entry
        if not isinstance(entry, Seen) or not self.change.is_masked(entry):
            self.flash("nothing of this event is masked")
            return
        showing = self.tail.revealed < 0
        self.tail.revealed = self.tail.current_sequence if showing else -1
        self.change.revealed = showing
        self.tail.model_changed()
        self._show_change()

    def action_next_view(self) -> None:
        self.change.next_view()
        self._show_change()

    def action_go_to_key(self) -> None:
        if isinstance(self.entry, Seen):
            self.post_message(self.GoTo(KEYS, self.entry.kv.key))

    def action_go_to_lease(self) -> None:
        if isinstance(self.entry, Seen):
            self.post_message(self.GoTo(LEASES, f"{self.entry.lease:x}".encode()))

    def action_history(self) -> None:
        if isinstance(self.entry, Seen):
            self.host.visit(self, VisitHistory(self.entry.kv.key))

    def action_copy(self) -> None:
        """Key, value, line of a recording, command; of what is masked nothing leaves until it is revealed."""
        entry, current = self.entry, self.current
        namespace = self.session.guard.policy.namespace
        if current is None:
            return
        spec = current.feed.spec
        if not isinstance(entry, Seen):
            command = watch_command(spec.key, spec.range_end, namespace=namespace)
            copying.offer(self, [copying.whole("c", "as etcdctl watch", command)])
            return
        revealed = self.tail.revealed == self.tail.current_sequence
        hidden = not revealed and self.veil.cover(entry.kv.key, entry.kv.value)[1]
        kv = entry.before if entry.deleted else entry.kv
        shown = None if kv is None else KeyValue(entry.kv.key, *(getattr(kv, f) for f in KeyValue.__match_args__[1:]))
        copies = copying.choices(shown, entry.kv.key, False, None, "", hidden, namespace=namespace)
        copies = [copy for copy in copies if copy.id not in ("d", "j")]
        row = to_json(entry, OPEN if revealed else self.veil)
        copies.append(copying.whole("l", "the line of a recording", row))
        watch = watch_command(entry.kv.key, b"", namespace=namespace)
        copies.append(copying.whole("w", "as etcdctl watch of this key", watch))
        copying.offer(self, copies)

    def action_save(self) -> None:
        self.saving.ask()

    def action_trigger(self) -> None:
        self.triggering.ask()

    def on_unmount(self) -> None:
        """The end of the screen ends what it saves, with all that has come."""
        for one in self.watches:
            self.saving.stop(one)
