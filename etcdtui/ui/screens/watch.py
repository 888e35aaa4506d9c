"""Watch: several tails at once, one line an event, with what changed in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical

from etcdtui.core import ranges
from etcdtui.core.keypath import KeySyntaxError, escape_key
from etcdtui.core.plan import PlanLine
from etcdtui.core.search import Field, FilterError, KeyGlob, compile_filter
from etcdtui.core.typed_range import typed_range
from etcdtui.core.units import format_count
from etcdtui.services.session.session import Session
from etcdtui.services.tail.watching import FeedState, Seen, WatchFeed, WatchSpec
from etcdtui.services.values import changes
from etcdtui.services.writing.etcdctl import watch_command
from etcdtui.services.writing.files import create_private
from etcdtui.ui.bindings import WATCH
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.frame.host import Host
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.spawn import every, spawn
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.detail import DetailLines
from etcdtui.ui.widgets.lines import LineView
from etcdtui.ui.widgets.tail import TailTitles, TailView

TICK = 0.1
"""Seconds between two looks at the feed."""
PAINT_EVERY = 0.25
"""Seconds between two pictures of what pours: more would be no easier to read, and 8 kB/s of a thin line."""
MOST_WATCHES = 16
KEY_LIMIT = 60
DETAIL_LIMIT = 4000
SHORT = 30
"""Rows of the terminal below which the change opens over the list instead of under it."""


class WatchList(LineView):
    """One row for each watch."""

    DEFAULT_CSS = "WatchList { height: auto; max-height: 5; }"

    def __init__(self) -> None:
        super().__init__(id="watch-list")
        self.feeds: list[tuple[int, WatchFeed]] = []

    @property
    def row_count(self) -> int:
        return len(self.feeds) or 1

    def render_row(self, index: int, width: int) -> Text:
        if not self.feeds:
            return Text(" No watch yet. `w` on a key, or `n`.", self.tone("muted"), no_wrap=True)
        number, feed = self.feeds[index]
        spec = feed.spec
        name = safe(spec.key, self.tone("key"), limit=KEY_LIMIT) if spec.key != b"\0" else Text("everything")
        star = "*" if spec.is_prefix and not spec.key.endswith(b"/") and spec.key != b"\0" else ""
        origin = f"from {spec.start_revision}" if spec.start_revision else "from now"
        if feed.state is FeedState.LIVE:
            state = Text(f"synced {feed.revision}" if feed.revision else "live", self.tone("good"))
        elif feed.state is FeedState.CREATING:
            state = Text("creating..", self.tone("muted"))
        else:
            state = safe(f"{feed.state.value}: {feed.words}", self.tone("bad"), limit=120)
        line = Text.assemble(
            f" #{number} ", name, star, f"  {origin}  ", state, f"  {feed.events} ev  {feed.rate():.1f}/s", no_wrap=True
        )
        line.truncate(width, overflow="ellipsis")
        return line


class WatchScreen(ClusterScreen):
    """Tails of keys and prefixes; they go on while another screen is shown."""

    screen_name: ClassVar[str] = WATCH
    number: ClassVar[int] = 2
    label: ClassVar[str] = "Watch"
    about: ClassVar[str] = (
        "Every change of a key or prefix as it happens, with what changed in it; gaps are drawn, never hidden.\n"
        "NEW is a first version; DEL~ a deletion whose lease is gone too, so probably an expiry."
    )
    filter_fields: ClassVar[Mapping[str, Field]] = {
        "op": Field.NAME,
        "key": Field.NAME,
        "size": Field.SIZE,
        "rev": Field.NUMBER,
        "ver": Field.NUMBER,
        "lease": Field.FLAG,
    }
    DEFAULT_CSS = """
    WatchScreen #watch-list { border-bottom: solid $panel; }
    WatchScreen #watch-detail { height: 40%; border-top: solid $panel; display: none; }
    WatchScreen.-detail #watch-detail { display: block; }
    WatchScreen.-over.-detail #tail, WatchScreen.-over.-detail TailTitles { display: none; }
    WatchScreen.-over.-detail #watch-detail { height: 1fr; }
    """

    def __init__(self, session: Session, host: Host) -> None:
        super().__init__(session, host)
        self._globs = [KeyGlob(pattern) for pattern in session.profile.mask.keys]
        self._hidden = frozenset(name.lower() for name in session.profile.mask.fields)
        self.list = WatchList()
        self.tail = TailView(self._is_masked, self._hidden, id="tail")
        self.titles = TailTitles(self.tail)
        self.detail = DetailLines()
        self.filter_words = ""
        self._numbers = 0
        self._painted: tuple[object, ...] = ()
        self._painted_at = 0.0

    def _is_masked(self, key: bytes) -> bool:
        return any(glob.matches(key) for glob in self._globs)

    def compose_body(self) -> ComposeResult:
        yield self.list
        yield self.titles
        yield self.tail
        with Vertical(id="watch-detail"):
            yield self.detail

    def on_mount(self) -> None:
        every(self, TICK, self._tick)
        self.tail.focus()
        self._fit()

    def on_resize(self, event: events.Resize) -> None:
        self._fit()

    def _fit(self) -> None:
        self.set_class(self.size.height < SHORT, "-over")

    # --- watches -----------------------------------------------------------------------------------------

    def show_place(self, place: bytes) -> None:
        """Watch a key; a prefix ends in ``/`` or is what another screen calls a folder."""
        folder = not place or any(place.endswith(s.encode()) for s in self.session.profile.separators if s)
        self.add_watch(WatchSpec(*(ranges.prefix_range(place) if folder else (place, b""))))

    def add_watch(self, spec: WatchSpec) -> None:
        """Begin to tail, or go to the tail of the same range that there is."""
        for index, (_, known) in enumerate(self.list.feeds):
            if known.spec == spec and known.state is not FeedState.ENDED:
                self.list.cursor = index
                return
        if len(self.list.feeds) >= MOST_WATCHES:
            self.flash(f"{MOST_WATCHES} watches are the most; d drops one", "warn")
            return
        feed = WatchFeed(self.session.client, spec)
        self._numbers += 1
        self.list.feeds.append((self._numbers, feed))
        spawn(self, feed.run, f"watch-{self._numbers}")
        self.list.model_changed()
        self.list.cursor = len(self.list.feeds) - 1
        self._show_current()

    @property
    def current(self) -> tuple[int, WatchFeed] | None:
        return self.list.feeds[min(self.list.cursor, len(self.list.feeds) - 1)] if self.list.feeds else None

    def on_line_view_moved(self, event: LineView.Moved) -> None:
        if event.view is self.list:
            self._show_current()
        elif event.view is self.tail:
            self._show_detail()

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        if event.view is self.tail:
            self.toggle_class("-detail")
            self._show_detail()
        elif event.view is self.list:
            self.tail.focus()

    def _show_current(self) -> None:
        current = self.current
        feed = current[1] if current else None
        if self.tail.feed is not feed:
            self.tail.show_feed(feed)
            self.titles.refresh()
        self._show_detail()
        self._show_status()

    def _tick(self) -> None:
        now = time.monotonic()
        if not self.is_current or now - self._painted_at < PAINT_EVERY - TICK / 2:
            return
        if self.tail.take_news():
            self._show_detail()
        facts = tuple((f.state, f.words, f.events, round(f.rate(), 1), f.revision) for _, f in self.list.feeds)
        if (facts, self.tail.waiting) != self._painted:
            self._painted, self._painted_at = (facts, self.tail.waiting), now
            self.list.model_changed()
            self._show_status()

    def _show_status(self) -> None:
        current = self.current
        if current is None:
            self.set_status(Text("no watch"))
            return
        number, feed = current
        ring = feed.ring
        parts = [Text(f"watch #{number}  buffer {format_count(len(ring))}/10,000")]
        if ring.dropped:
            parts.append(Text(f"{format_count(ring.dropped)} older ones dropped", self.tail.tone("warn")))
        if self.filter_words:
            parts.append(Text.assemble("filter: ", safe(self.filter_words, limit=40)))
        if self.tail.paused:
            parts.append(Text(f"paused ({self.tail.waiting})", self.tail.tone("warn")))
        else:
            parts.append(Text(f"follow {'ON' if self.tail.follow else 'off (G resumes)'}"))
        lag = max(0, self.session.health.revision - feed.revision) if feed.revision else 0
        if feed.state is FeedState.LIVE and feed.spec.key == b"\0":
            parts.append(Text(f"lag {lag} rev", "dim"))
        self.set_status(*parts)

    def _show_detail(self) -> None:
        if not self.has_class("-detail"):
            return
        entry = self.tail.current
        if not isinstance(entry, Seen):
            self.detail.show([])
            return
        key = entry.event.kv.key
        lines = [Text.assemble(" change: ", safe(key, self.detail.tone("key"), limit=400))]
        if self._is_masked(key):
            lines.append(Text(" (masked)", self.detail.tone("masked")))
        else:
            found = changes.details(entry.event, self._hidden, group=entry.group)
            lines += [self._plan_line(line) for line in found[:DETAIL_LIMIT]]
        self.detail.show(lines)

    def _plan_line(self, line: PlanLine) -> Text:
        tones = {"add": "added", "remove": "removed", "warn": "warn", "dim": "muted", "head": "head"}
        style = self.detail.tone(tones[line.tone]) if line.tone in tones else ""
        return Text.assemble(" ", *(safe(part, style, limit=2000) for part in line.parts))

    # --- actions -----------------------------------------------------------------------------------------

    def go_back(self) -> bool:
        if self.has_class("-detail"):
            self.remove_class("-detail")
            return True
        if self.filter_words:
            self._apply_filter("")
            return True
        return False

    def why_not(self, action_id: str) -> str:
        if action_id in ("delete", "move", "pause", "save") and self.current is None:
            return "there is no watch; n begins one"
        return super().why_not(action_id)

    def action_new(self) -> None:
        def begin(typed: str | None) -> None:
            if not typed:
                return
            words = typed.split()
            try:
                start = int(words.pop()) if len(words) > 1 and words[-1].isdigit() else 0
                key, end = typed_range(" ".join(words))
            except KeySyntaxError as error:
                self.flash(str(error), "warn")
                return
            self.add_watch(WatchSpec(key, end, start))

        explain = Text("a key; a prefix as /app/ or /app*; * is everything; a revision after it starts there", "dim")
        self.app.push_screen(PromptDialog(Text("watch"), explain), begin)

    def action_delete(self) -> None:
        current = self.current
        if current is not None:
            self.workers.cancel_group(self, f"watch-{current[0]}")
            self.list.feeds.remove(current)
            self.list.model_changed()
            self._show_current()

    def action_pause(self) -> None:
        self.tail.paused = not self.tail.paused
        self.tail.take_news()
        self._show_status()

    def action_move(self) -> None:
        def put(text: str | None) -> None:
            current = self.current
            if text is not None and current is not None:
                current[1].mark(text)

        self.app.push_screen(PromptDialog(Text("mark line"), Text("what happens now", "dim")), put)

    def action_filter(self) -> None:
        def apply(words: str | None) -> None:
            if words is not None:
                self._apply_filter(words)

        explain = Text("words, !not, ^/regex/, op:DEL, key:app, size:>10k, rev:>100", "dim")
        self.app.push_screen(PromptDialog(Text("filter"), explain, value=self.filter_words), apply)

    def _apply_filter(self, words: str) -> None:
        try:
            predicate = compile_filter(words, self.filter_fields)
        except FilterError as error:
            self.flash(str(error), "warn")
            return
        self.filter_words = words.strip()

        def wanted(seen: Seen, op: str) -> bool:
            kv = seen.event.kv
            text = kv.key.decode("utf-8", "backslashreplace")
            return predicate(
                {
                    "text": f"{op} {text}",
                    "op": op,
                    "key": text,
                    "size": len(kv.value),
                    "rev": kv.mod_revision,
                    "ver": kv.version,
                    "lease": bool(kv.lease),
                }
            )

        self.tail.set_filter(wanted if self.filter_words else None)
        self._show_status()

    def action_copy(self) -> None:
        entry = self.tail.current
        current = self.current
        if isinstance(entry, Seen):
            self.app.copy_to_clipboard(escape_key(entry.event.kv.key))
            self.flash("copied: the key", "good")
        elif current is not None:
            spec = current[1].spec
            namespace = self.session.guard.policy.namespace
            self.app.copy_to_clipboard(watch_command(spec.key, spec.range_end, namespace=namespace))
            self.flash("copied: as etcdctl", "good")

    def action_save(self) -> None:
        def chosen(name: str | None) -> None:
            if name:
                spawn(self, partial(self._save, Path(name)), "save", exclusive=True)

        name = f"watch-{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
        explain = Text("JSON Lines with the values, readable by you only", "dim")
        self.app.push_screen(PromptDialog(Text("save the events to"), explain, value=name), chosen)

    async def _save(self, path: Path) -> None:
        current = self.current
        if current is None:
            return
        seen = [entry for entry in current[1].ring if isinstance(entry, Seen)]

        def write() -> None:
            text = "".join(changes.as_json_line(entry.event, entry.seen) + "\n" for entry in seen)
            create_private(path.expanduser(), text.encode())

        try:
            await asyncio.to_thread(write)
        except FileExistsError:
            self.flash("that file exists; choose another name", "warn")
        except OSError as error:
            self.flash(f"not saved: {error.strerror}", "bad")
        else:
            self.flash(f"{len(seen)} events saved", "good")
