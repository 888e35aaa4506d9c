"""The watches there are, one row each: what, how it stands, how far, how much."""

from __future__ import annotations

from dataclasses import field

from rich.text import Text

from etcdtui.core.units import format_count, format_rate
from etcdtui.core.value import record
from etcdtui.services.tail.feed import FeedState, WatchFeed
from etcdtui.services.tail.filters import Wanted
from etcdtui.services.tail.recording import Recording
from etcdtui.services.tail.replay import Replay
from etcdtui.services.tail.saved import text_of
from etcdtui.services.tail.source import WatchSpec
from etcdtui.services.tail.standing import standing
from etcdtui.services.tail.triggers import Trigger
from etcdtui.ui import limits
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.lines import LineView


@record(frozen=False, eq=False)
class Watched:
    """A watch on the screen: its feed, and how a person looks at it."""

    number: int
    feed: WatchFeed | Replay
    filter_words: str = ""
    wanted: Wanted | None = None
    recording: Recording | None = None
    triggers: list[Trigger] = field(default_factory=list)

    @property
    def live(self) -> WatchFeed | None:
        """The feed, unless it is a recording."""
        return self.feed if isinstance(self.feed, WatchFeed) else None

    @property
    def paused(self) -> bool:
        return self.live is not None and self.live.paused_at is not None

    @property
    def waiting(self) -> int:
        """Entries that came while paused."""
        since = self.live.paused_at if self.live is not None else None
        return self.feed.next - since if since is not None else 0

    @property
    def label(self) -> str:
        return self.feed.name or text_of(self.feed.spec)


def range_text(spec: WatchSpec) -> str:
    """What is watched, for a row."""
    return "everything" if (spec.key, spec.range_end) == (b"\0", b"\0") else text_of(spec)


class WatchList(LineView):
    """One row for each watch."""

    DEFAULT_CSS = "WatchList { height: auto; max-height: 5; }"

    def __init__(self, saved: bool) -> None:
        super().__init__(id="watch-list")
        self.watches: list[Watched] = []
        self.leaderless = False
        self._saved = saved

    @property
    def row_count(self) -> int:
        return len(self.watches) or 1

    def facts(self) -> tuple[object, ...]:
        """What the rows say: they are painted again when it is another."""
        return tuple(
            (
                standing(w.feed, leaderless=self.leaderless),
                w.feed.events,
                round(w.feed.rate(), 1),
                w.waiting,
                w.feed.name,
            )
            + ((w.recording.running, bool(w.recording.problem)) if w.recording else ())
            for w in self.watches
        )

    def render_row(self, index: int, width: int) -> Text:
        if not self.watches:
            more = "  `W` opens a saved one." if self._saved else ""
            return Text(f" No watch yet. `w` on a key, or `n`.{more}", self.tone("muted"), no_wrap=True)
        one = self.watches[index]
        feed, wide = one.feed, width >= limits.WIDE
        stands = standing(feed, leaderless=self.leaderless)
        parts = [Text.assemble(f"#{one.number} ", *self._named(one, wide))]
        live = one.live
        if wide and live is not None:
            start = live.spec.start_revision or (live.began if live.state is FeedState.LIVE else 0)
            parts.append(Text(f"from {start}" if start else "from now", self.tone("muted")))
        parts.append(safe(stands.words, self.tone(stands.tone), limit=limits.WORDS))
        if live is not None and live.state in (FeedState.LIVE, FeedState.HELD):
            parts.append(Text(stands.lag))
        events = f"{format_count(feed.events)} ev"
        parts.append(Text(f"{events}  {format_rate(feed.rate())}" if wide else f"{events} {format_rate(feed.rate())}"))
        if one.paused:
            parts.append(Text(f"paused ({format_count(one.waiting)})", self.tone("warn")))
        if one.recording is not None:
            failed = bool(one.recording.problem)
            parts.append(Text("NOT SAVED" if failed else "saving", self.tone("bad" if failed else "accent")))
        if live is not None and live.watchers > 1 and wide:
            parts.append(Text(f"{live.watchers} watchers", self.tone("muted")))
        line = Text("  ").join(parts)
        line = Text.assemble(" ", line, no_wrap=True)
        line.truncate(width, overflow="ellipsis")
        return line

    def _named(self, one: Watched, wide: bool) -> list[Text]:
        what = safe(range_text(one.feed.spec), self.tone("key"), limit=limits.NAME if wide else limits.TINY_NAME)
        if not one.feed.name:
            return [what]
        name = safe(one.feed.name, limit=limits.TINY_NAME)
        return [name, Text(" "), what] if wide else [name]
