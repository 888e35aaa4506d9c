"""The lines of a tail: only what is visible is made and painted, whatever arrives."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable

from rich.text import Text
from textual.geometry import Size

from etcdtui.core.units import format_size
from etcdtui.services.tail import changes
from etcdtui.services.tail.entries import Entry, Gap, Mark, Seen
from etcdtui.services.tail.filters import Wanted
from etcdtui.services.tail.log import Log
from etcdtui.services.tail.veil import Veil
from etcdtui.services.values.valuediff import NOTHING
from etcdtui.ui import limits
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.lines import LineView
from etcdtui.ui.widgets.toned import Toned

ROWS_KEPT = 512
"""Lines made and kept, by their entry: a tail that scrolls paints the same ones again."""
LOOK_SECONDS = 0.02
"""How long the filter may look at entries in one go."""
UNDER = "KEY (under )"
KEY_STEP = 8
"""By how many cells the column of keys grows: it must not move at each event."""
KEYS_LOOKED_AT = 200
"""How many of the newest entries are looked at for the longest key."""
_OP_TONES = {"NEW": "added", "PUT": "changed", "DEL": "removed", "DEL~": "warn"}


class TailView(LineView):
    """Rows of a log that pass the filter. ``take_news`` once in a while.

    At the last row it follows; anywhere else it stays where it is, and while ``frozen`` it shows nothing new.
    """

    DEFAULT_CSS = "TailView { height: 1fr; }"

    def __init__(self, veil: Veil, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.feed: Log | None = None
        self.follow = True
        self.frozen = False
        self.revealed = -1
        """The number of the entry that is shown without its mask."""
        self._veil = veil
        self._wanted: Wanted | None = None
        self._rows: deque[int] = deque()
        self._start = self._end = 0
        self._made: dict[tuple[int, int], Text] = {}
        self._seen_end = 0
        self._digits = 5
        self._key_cells = KEY_STEP
        self._looked_at = 0

    # --- the model -----------------------------------------------------------------------------------------------

    @property
    def row_count(self) -> int:
        return self._end - self._start if self._wanted is None else len(self._rows)

    def sequence(self, index: int) -> int:
        """The number of the entry on a row."""
        return self._start + index if self._wanted is None else self._rows[index]

    def row_key(self, index: int) -> Hashable | None:
        return self.sequence(index) if index < self.row_count else None

    def index_of(self, key: Hashable) -> int | None:
        """The row of that entry, or of the next one that is shown; ``None`` when nothing comes after it."""
        if not isinstance(key, int):
            return None
        if self._wanted is None:
            return max(0, key - self._start) if key < self._end else None
        low, high = 0, len(self._rows)
        while low < high:
            middle = (low + high) // 2
            if self._rows[middle] < key:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self._rows) else None

    @property
    def waiting(self) -> int:
        """Entries that are there and not looked at yet: because of a pause, or a filter that is still looking."""
        return self.feed.next - self._end if self.feed else 0

    @property
    def unseen(self) -> int:
        """Entries that came after the last one that was on the screen."""
        return max(0, self.feed.next - self._seen_end) if self.feed else 0

    @property
    def current(self) -> Entry | None:
        if self.feed is None or not self.row_count:
            return None
        return self.feed.get(self.sequence(min(self.cursor, self.row_count - 1)))

    @property
    def current_sequence(self) -> int:
        return self.sequence(min(self.cursor, self.row_count - 1)) if self.row_count else -1

    def show_feed(self, log: Log | None) -> None:
        self.feed = log
        self._key_cells, self._looked_at = KEY_STEP, 0
        self.follow, self.frozen, self.revealed = True, False, -1
        self._start_over()

    def set_filter(self, wanted: Wanted | None) -> None:
        self._wanted = wanted
        self._start_over()

    def take_news(self) -> bool:
        """Look at what has come since; True when what can be seen has changed."""
        log = self.feed
        if log is None:
            return False
        before = self.row_count
        gone = self._take(log)
        added = self.row_count - before + gone
        if not gone and not added:
            return False
        return self._follow() if self.follow else self._stay(gone)

    def entry_settled(self) -> None:
        """Something that was still open about entries is known: the lines of those are made again."""
        self.model_changed()

    def open_rows(self) -> list[Seen]:
        """Entries on the screen of which it is not known yet what their keys held before."""
        log = self.feed
        if log is None:
            return []
        shown = (log.get(self.sequence(index)) for index in self.visible_rows())
        return [entry for entry in shown if isinstance(entry, Seen) and entry.open]

    def find(self, wanted: Wanted, *, back: bool) -> bool:
        """Go to the next row, or with ``back`` the one before, whose entry is wanted; False when there is none."""
        log = self.feed
        rows = range(self.cursor - 1, -1, -1) if back else range(self.cursor + 1, self.row_count)
        for index in rows:
            entry = log.get(self.sequence(index)) if log else None
            if entry is not None and wanted(entry):
                self.cursor = index
                self.follow = index >= self.row_count - 1
                return True
        return False

    def move_cursor(self, rows: int) -> None:
        super().move_cursor(rows)
        self.follow = self.cursor >= self.row_count - 1

    def _take(self, log: Log) -> int:
        """Brings the rows up to date; how many went at the top."""
        first = log.first
        end = self._end if self.frozen else log.next
        if self._wanted is None:
            gone = min(max(0, first - self._start), self.row_count)
            self._start = max(self._start, first)
            self._end = max(end, self._start)
            return gone
        gone = 0
        while self._rows and self._rows[0] < first:
            self._rows.popleft()
            gone += 1
        self._start = max(self._start, first)
        self._end = max(self._end, first)
        until = time.monotonic() + LOOK_SECONDS
        while self._end < end:
            entry = log.get(self._end)
            if entry is not None and self._wanted(entry):
                self._rows.append(self._end)
            self._end += 1
            if self._end % 64 == 0 and time.monotonic() > until:
                break
        return gone

    def _follow(self) -> bool:
        self.model_changed()
        self.cursor = self.row_count - 1
        self._seen_end = self._end
        return True

    def _stay(self, gone: int) -> bool:
        """The rows that can be seen stay; only where they end up on the screen may be another."""
        bottom = self.scroll_offset.y + self.page_rows()
        if not gone and bottom <= self.virtual_size.height:
            self.virtual_size = Size(self.virtual_size.width, self.row_count)  # the scroll bar
            return False
        self.model_changed()
        return True

    def _start_over(self) -> None:
        self._rows.clear()
        self._made.clear()
        self._start = self._end = self.feed.first if self.feed else 0
        self._seen_end = self.feed.next if self.feed else 0
        if not self.take_news():
            self.model_changed()

    def model_changed(self) -> None:
        """As everywhere; and the keys get the room that the longest one wants, the change all that is left."""
        log, until = self.feed, self._end
        if log is not None and until > self._looked_at:
            new = (log.get(at) for at in range(max(self._looked_at, until - KEYS_LOOKED_AT), until))
            longest = max((len(entry.kv.key) for entry in new if isinstance(entry, Seen)), default=0)
            wanted = (longest // KEY_STEP + 1) * KEY_STEP
            if wanted > self._key_cells:
                self._key_cells = wanted
                self._made.clear()
        self._looked_at = until
        super().model_changed()

    # --- painting ------------------------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        self._made.clear()
        super().notify_style_update()

    def render_row(self, index: int, width: int) -> Text:
        sequence = self.sequence(index)
        made = self._made.get((sequence, width))
        if made is not None and sequence != self.revealed:
            return made
        entry = self.feed.get(sequence) if self.feed else None
        if isinstance(entry, Seen):
            made = self._event_row(entry, width, revealed=sequence == self.revealed)
            if entry.open or entry.unsettled or sequence == self.revealed:
                return made
        else:
            made = self._line(entry, width)
        if len(self._made) >= ROWS_KEPT:
            self._made.clear()
        self._made[sequence, width] = made
        return made

    def _line(self, entry: Mark | Gap | None, width: int) -> Text:
        """A mark or a gap, drawn across."""
        if entry is None:
            return Text("", no_wrap=True)
        clock = time.strftime("%H:%M:%S", time.localtime(entry.seen))
        if isinstance(entry, Mark):
            words, tone = f"{entry.words}  {clock}", "accent"
        else:
            words, tone = f"GAP {clock}  {entry.reason}", "bad" if entry.is_loss else "warn"
        line = safe(f" {words} ", limit=width).plain.center(width, "-")
        return Text(line, self.tone(tone), no_wrap=True)

    def titles(self) -> Text:
        """What stands over the columns of the rows as they are now."""
        width = self._line_width
        spec = self.feed.spec if self.feed else None
        cut = width < limits.WIDE and spec is not None and spec.is_prefix and spec.key != b"\0"
        key = Text.assemble("KEY (under ", safe(spec.key, limit=limits.LINE), ")") if cut and spec else Text("KEY")
        key.truncate(self._key_width(width), overflow="ellipsis", pad=True)
        line = Text.assemble(f" {'SEEN':<8} {'REV':<{self._rev_width(width)}} {'OP':<4} ", key, no_wrap=True, end="")
        if width >= limits.WIDE:
            line.append(f" {'SIZE':>8} {'':6}")
        line.append(" CHANGE")
        line.truncate(width, overflow="ellipsis")
        return line

    def _rev_width(self, width: int) -> int:
        """Cells of the revision and of how many events it has."""
        last = self.feed.get(self._end - 1) if self.feed else None
        digits = len(str(last.revision)) if isinstance(last, Seen) else 0
        self._digits = max(self._digits, digits)
        return self._digits + (5 if width >= limits.WIDE else 3)

    def _key_width(self, width: int) -> int:
        fixed = 9 + self._rev_width(width) + 6 + (17 if width >= limits.WIDE else 1)
        spec = self.feed.spec if self.feed else None
        title = len(UNDER) + len(spec.key) if spec is not None and width < limits.WIDE else 0
        return max(14, min((width - fixed) * 9 // 20, max(self._key_cells, title)))

    def _event_row(self, entry: Seen, width: int, *, revealed: bool) -> Text:
        kv, before = entry.kv, entry.before
        clock = time.strftime("%H:%M:%S", time.localtime(entry.seen))
        wide = width >= limits.WIDE
        spec = self.feed.spec if self.feed else None
        key = kv.key
        if not wide and spec is not None and spec.is_prefix and key != spec.key:
            key = key.removeprefix(spec.key)
        shown = safe(key, self.tone("key"), limit=limits.LINE)
        shown.truncate(self._key_width(width), overflow="ellipsis", pad=True)
        revision, edge = str(kv.mod_revision), " "
        if entry.group > 1:
            edge = "┌" if entry.place == 0 else "└" if entry.place == entry.group - 1 else "│"
            revision += f" x{entry.group}" if entry.place == 0 else ""
        line = Text.assemble(
            (edge, self.tone("accent")),
            f"{clock} ",
            (f"{revision:<{self._rev_width(width)}} ", self.tone("muted")),
            (f"{entry.op:<4} ", self.tone(_OP_TONES.get(entry.op, "muted"))),
            shown,
            no_wrap=True,
            end="",
        )
        if wide:
            held = before.value if entry.deleted and before is not None else kv.value
            size = format_size(len(held)) if held or not entry.deleted else ""
            line.append(f" {size:>8} {_delta(entry):<6}", self.tone("muted"))
        line.append(" ").append_text(self._change(entry, revealed))
        line.truncate(width, overflow="ellipsis")
        return line

    def _change(self, entry: Seen, revealed: bool) -> Text:
        cover = self._veil.hiding(entry.kv.key)
        if cover.whole and not revealed:
            words = changes.summary(entry, cover)
            return safe(words, self.tone("masked"), limit=limits.LINE)
        words = changes.summary(entry, NOTHING if revealed else cover)
        if entry.open:
            return Text("..", self.tone("muted"))
        return safe(words, limit=limits.LINE)


def _delta(entry: Seen) -> str:
    """By how much a value grew or shrank."""
    if entry.deleted or entry.before is None:
        return ""
    more = len(entry.kv.value) - len(entry.before.value)
    if not more:
        return ""
    size = format_size(abs(more)).replace(" B", "").replace(" ", "")
    return f"{'+' if more > 0 else '-'}{size}"


class TailTitles(Toned):
    """The line over a tail, once there is a watch."""

    DEFAULT_CSS = "TailTitles { height: 1; width: 1fr; }"

    def __init__(self, tail: TailView) -> None:
        super().__init__()
        self.tail = tail
        self._shown: Text | None = None

    def on_mount(self) -> None:
        self.watch(self.tail, "show_vertical_scrollbar", self._again, init=False)

    def _again(self) -> None:
        self.refresh()

    def look(self) -> None:
        """Paint again where the columns have moved."""
        if self.tail.feed is not None and self.tail.titles() != self._shown:
            self.refresh()

    def render(self) -> Text:
        if self.tail.feed is None:
            return Text()
        line = self.tail.titles()
        self._shown = line.copy()
        line.stylize(self.tone("head"))
        return line
