"""Acting on an event: a bell, a notification, a pause, or a command of the profile, each at a measured rate.

A command is run without a shell. What it gets of the event is in its environment (``ETCDTUI_KEY``, ``ETCDTUI_REV``,
``ETCDTUI_TYPE``, ``ETCDTUI_WATCH``, ``ETCDTUI_EVENTS``: how many there were since the last time) and, only where the
profile asks for values, the event's line of a recording on its standard input. Masks hold for that too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from etcdtui.config.schema import WatchTrigger
from etcdtui.config.secrets import child_environment
from etcdtui.core.safe_text import safe_text
from etcdtui.core.units import counted
from etcdtui.services.tail.entries import Entry, Seen
from etcdtui.services.tail.filters import Wanted, wanted
from etcdtui.services.tail.records import to_json
from etcdtui.services.tail.veil import Veil

COMMAND_SECONDS = 30.0
"""How long a command may run; after that it is killed."""
KEY_CHARS = 80

Act = Callable[[WatchTrigger, Seen, int], Awaitable[None]]


class Trigger:
    """One rule on one tail. ``act`` is called with the event and how many there were since it was last called."""

    def __init__(self, rule: WatchTrigger, now: Callable[[], float]) -> None:
        self.rule = rule
        self.fired = 0
        self._wanted: Wanted | None = wanted(rule.filter, now)
        self._now = now
        self._last = float("-inf")
        self._since = 0

    def look(self, news: Sequence[Entry]) -> tuple[Seen, int] | None:
        """The event to act on now, if it is time to; raises nothing."""
        latest: Seen | None = None
        for entry in news:
            if isinstance(entry, Seen) and (self._wanted is None or self._wanted(entry)):
                self._since += 1
                latest = entry
        if latest is None or self._now() - self._last < self.rule.every:
            return None
        count, self._since, self._last = self._since, 0, self._now()
        self.fired += 1
        return latest, count


def words(rule: WatchTrigger, entry: Seen, count: int, watch: str) -> str:
    """What a notification says; without values."""
    key = safe_text(entry.kv.key, limit=KEY_CHARS).text
    more = f" and {counted(count - 1, 'more event')}" if count > 1 else ""
    name = f"{rule.name}: " if rule.name else ""
    return f"{name}{entry.op} {key} at rev {entry.revision}{more} (watch {watch})"


async def run_command(rule: WatchTrigger, entry: Seen, count: int, watch: str, veil: Veil) -> str:
    """Run the rule's command; a sentence when it failed, else nothing."""
    key = safe_text(entry.kv.key).text
    facts = {
        "ETCDTUI_KEY": key.replace("\0", ""),
        "ETCDTUI_REV": str(entry.revision),
        "ETCDTUI_TYPE": entry.op,
        "ETCDTUI_WATCH": watch.replace("\0", ""),
        "ETCDTUI_EVENTS": str(count),
    }
    try:
        process = await asyncio.create_subprocess_exec(
            *rule.run,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={**child_environment(), **facts},
            start_new_session=True,
        )
    except OSError as error:
        return f"{rule.run[0]}: {(error.strerror or 'it cannot be run').lower()}"
    given = (to_json(entry, veil) + "\n").encode() if rule.values else b""
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            await process.communicate(given)
    except TimeoutError:
        return f"{rule.run[0]}: killed after {COMMAND_SECONDS:g} s"
    finally:
        if process.returncode is None:
            process.kill()
    return f"{rule.run[0]}: exit code {process.returncode}" if process.returncode else ""
