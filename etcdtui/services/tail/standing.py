"""How a tail stands, in words that are true: creating is no watching, and a number is what is known."""

from __future__ import annotations

from typing import Literal

from etcdtui.core.units import format_count, format_ttl
from etcdtui.core.value import Value
from etcdtui.services.tail.feed import FeedState, WatchFeed
from etcdtui.services.tail.replay import Replay

Tone = Literal["good", "warn", "bad", "muted"]


class Standing(Value):
    """``words`` for the row of the watch, ``lag`` for beside it; both are foreign text, to be made safe."""

    tone: Tone
    words: str
    lag: str = ""


def standing(feed: WatchFeed | Replay, *, leaderless: bool = False) -> Standing:
    """How ``feed`` stands; ``leaderless`` when somebody else has seen that the cluster has no leader."""
    if isinstance(feed, Replay):
        return Standing("bad" if feed.problem else "muted", feed.words)
    state, lag = feed.state, lag_words(feed)
    if state is FeedState.CREATING:
        return Standing("muted", _begins(feed, "creating.."), lag)
    if state is FeedState.LIVE:
        if feed.leaderless or leaderless:
            return Standing("bad", f"no leader: nothing comes after rev {feed.complete}", lag)
        if feed.silent:
            return Standing("warn", f"no answer since rev {feed.complete}", lag)
        if feed.catching_up:
            return Standing("warn", _catching_up(feed), lag)
        return Standing("good", f"synced {feed.complete}" if feed.complete else "synced", lag)
    if state is FeedState.HELD:
        return Standing("warn", f"held at rev {feed.complete}: the server keeps the rest", lag)
    if state is FeedState.LOST:
        why = f": {feed.error.message}" if feed.error is not None else ""
        return Standing("bad", f"lost at rev {feed.complete}, {retry_words(feed)}{why}", lag)
    if state is FeedState.REFUSED:
        instead = f"; try {feed.allowed}" if feed.allowed else ""
        error = feed.error.message if feed.error is not None else "refused"
        return Standing("bad", f"{_bare(error)} for this range{instead} ({retry_words(feed)})", lag)
    return Standing("bad", f"ended: {feed.error.message if feed.error is not None else 'closed'}", lag)


def lag_words(feed: WatchFeed) -> str:
    """How many revisions of the store have not been looked through."""
    lag = feed.lag
    return "lag ?" if lag is None else f"lag {format_count(lag)} rev"


def retry_words(feed: WatchFeed) -> str:
    seconds = feed.retry_in()
    when = f"in {format_ttl(max(1, round(seconds)))}" if seconds >= 0.5 else "now"
    return f"retry {feed.attempt()} {when}"


def _begins(feed: WatchFeed, words: str) -> str:
    start = feed.spec.start_revision
    return f"{words} from rev {start}" if start else words


def _catching_up(feed: WatchFeed) -> str:
    first, at, head = feed.began or feed.complete, feed.complete, feed.head
    share = f" ({(at - first) / (head - first):.0%})" if head > first and feed.spec.start_revision else ""
    return f"catching up from rev {feed.spec.start_revision or first}: at {at} of {head}{share}"


def _bare(message: str) -> str:
    """``etcdserver: permission denied`` without who says it."""
    return message.removeprefix("etcdserver: ")
