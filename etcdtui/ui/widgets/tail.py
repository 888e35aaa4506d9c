"""The tail of one watch: only what is visible is painted, whatever arrives."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable

from rich.text import Text

from etcdtui.core.ring import Gap
from etcdtui.core.units import format_size
from etcdtui.services.tail.watching import MarkLine, Seen, WatchFeed
from etcdtui.services.values import changes
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.lines import LineView
from etcdtui.ui.widgets.toned import Toned

NARROW = 100
KEY_LIMIT = 300
CHANGE_LIMIT = 300
_OP_TONES = {"NEW": "added", "PUT": "changed", "DEL": "removed", "DEL~": "warn"}

Wanted = Callable[[Seen, str], bool]


def _key_width(width: int) -> int:
    """Cells of the key in rows of ``width`` cells."""
    return max(16, (width - (44 if width >= NARROW else 26)) // 2)


class TailView(LineView):
    """Rows of a feed that pass the filter. ``take_news`` once in a while; while ``paused`` it shows nothing new."""

    DEFAULT_CSS = "TailView { height: 1fr; }"

    def __init__(self, masked: Callable[[bytes], bool], hidden: frozenset[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.feed: WatchFeed | None = None
        self.paused = False
        self.follow = True
        self._masked = masked
        self._hidden = hidden
        self._wanted: Wanted | None = None
        self._rows: deque[int] = deque()
        self._read = 0
        self._first = 0

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def row_key(self, index: int) -> Hashable | None:
        return self._rows[index] if index < len(self._rows) else None

    def index_of(self, key: Hashable) -> int | None:
        """By bisection: sequence numbers rise."""
        low, high = 0, len(self._rows)
        while isinstance(key, int) and low < high:
            middle = (low + high) // 2
            if self._rows[middle] < key:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self._rows) else None

    @property
    def waiting(self) -> int:
        """Entries that came while paused."""
        return self.feed.ring.next - self._read if self.feed else 0

    @property
    def current(self) -> Seen | MarkLine | Gap | None:
        if self.feed is None or not self._rows:
            return None
        return self.feed.ring.get(self._rows[min(self.cursor, len(self._rows) - 1)])

    def show_feed(self, feed: WatchFeed | None) -> None:
        self.feed = feed
        self.paused, self.follow = False, True
        self._start_over()

    def set_filter(self, wanted: Wanted | None) -> None:
        self._wanted = wanted
        self._start_over()

    def take_news(self) -> bool:
        """Look at what the feed has got since; True when rows changed."""
        if self.feed is None or self.paused:
            return False
        ring = self.feed.ring
        if ring.next == self._read and ring.first == self._first:
            return False
        news = ring.since(self._read)
        for offset, entry in enumerate(news.items):
            if self._shows(entry):
                self._rows.append(news.start + offset)
        self._read, self._first = ring.next, ring.first
        while self._rows and self._rows[0] < ring.first:
            self._rows.popleft()
        self.model_changed()
        if self.follow:
            self.cursor = len(self._rows) - 1
        return True

    def move_cursor(self, rows: int) -> None:
        super().move_cursor(rows)
        self.follow = self.cursor >= self.row_count - 1

    def _start_over(self) -> None:
        self._rows.clear()
        self._read = self.feed.ring.first if self.feed else 0
        self._first = -1
        if not self.take_news():
            self.model_changed()

    def _shows(self, entry: Seen | MarkLine | Gap) -> bool:
        if self._wanted is None or not isinstance(entry, Seen) or self.feed is None:
            return True
        return self._wanted(entry, self.feed.op(entry))

    # --- painting ----------------------------------------------------------------------------------------

    def render_row(self, index: int, width: int) -> Text:
        entry = self.feed.ring.get(self._rows[index]) if self.feed else None
        if isinstance(entry, Seen):
            return self._event_row(entry, width)
        words = entry.text if isinstance(entry, MarkLine) else f"GAP  {entry.reason}" if isinstance(entry, Gap) else ""
        line = safe(f" {words} ", limit=width).plain.center(width, "-")
        return Text(line, self.tone("warn" if isinstance(entry, Gap) else "accent"), no_wrap=True)

    def titles(self) -> Text:
        """What stands over the columns of the rows as they are now."""
        width = self._line_width
        spec = self.feed.spec if self.feed else None
        cut = width < NARROW and spec is not None and spec.is_prefix and spec.key != b"\0"
        key = Text.assemble("KEY (under ", safe(spec.key, limit=KEY_LIMIT), ")") if cut and spec else Text("KEY")
        key.truncate(_key_width(width), overflow="ellipsis", pad=True)
        line = Text.assemble(f" {'SEEN':<8} {'REV':<9} {'OP':<5}", key, no_wrap=True, end="")
        if width >= NARROW:
            line.append(f" {'SIZE':>8}")
        line.append(" CHANGE")
        line.truncate(width, overflow="ellipsis")
        return line

    def _event_row(self, seen: Seen, width: int) -> Text:
        feed = self.feed
        kv = seen.event.kv
        op = feed.op(seen) if feed else ""
        clock = time.strftime("%H:%M:%S", time.localtime(seen.seen))
        narrow = width < NARROW
        key = kv.key
        if narrow and feed is not None and feed.spec.is_prefix and key != feed.spec.key:
            key = key.removeprefix(feed.spec.key)
        shown = safe(key, self.tone("key"), limit=KEY_LIMIT)
        shown.truncate(_key_width(width), overflow="ellipsis", pad=True)
        line = Text.assemble(
            f" {clock} ",
            (f"{kv.mod_revision:<9} ", self.tone("muted")),
            (f"{op:<5}", self.tone(_OP_TONES.get(op, "muted"))),
            shown,
            no_wrap=True,
            end="",
        )
        if not narrow:
            line.append(f" {format_size(len(kv.value)) if kv.value else '':>8}", self.tone("muted"))
        line.append(" ").append_text(self._change(seen))
        line.truncate(width, overflow="ellipsis")
        return line

    def _change(self, seen: Seen) -> Text:
        if self._masked(seen.event.kv.key):
            return Text("(masked)", self.tone("masked"))
        return safe(changes.summary(seen.event, self._hidden), limit=CHANGE_LIMIT)


class TailTitles(Toned):
    """The line over a tail, once there is a watch."""

    DEFAULT_CSS = "TailTitles { height: 1; width: 1fr; }"

    def __init__(self, tail: TailView) -> None:
        super().__init__()
        self.tail = tail

    def on_mount(self) -> None:
        self.watch(self.tail, "show_vertical_scrollbar", self._again, init=False)

    def _again(self) -> None:
        self.refresh()

    def render(self) -> Text:
        if self.tail.feed is None:
            return Text()
        line = self.tail.titles()
        line.stylize(self.tone("head"))
        return line
