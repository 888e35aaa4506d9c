"""The first line: which cluster, how it is, and whether it can be written to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from rich.style import Style
from rich.text import Text
from textual.reactive import reactive

from etcdtui.core.value import Value
from etcdtui.services.cluster.endpoint_health import WARN_QUOTA, ClusterHealth, State
from etcdtui.ui import limits
from etcdtui.ui.text import safe
from etcdtui.ui.theming import environment_style
from etcdtui.ui.widgets.toned import Toned


class TitleFacts(Value):
    """Everything the title line tells. ``left_open`` is the seconds until writes lock again, None when they do not.

    ``as_of`` is the revision that is shown instead of now. ``unchecked`` is TLS to a server whose certificate nobody
    checks. ``lead`` says where what is red is explained.
    """

    profile: str = ""
    color: str = ""
    health: ClusterHealth = field(default_factory=ClusterHealth)
    writable: bool = False
    left_open: float | None = None
    dry_run: bool = False
    plaintext: bool = False
    unchecked: bool = False
    identity: str = ""
    namespace: str = ""
    as_of: int = 0
    note: str = ""
    lead: str = ""

    @property
    def still(self) -> bool:
        """Whether this is a file, which its note names."""
        return self.health.state is State.STILL


class TitleLine(Toned):
    """Long words while they fit; narrower terminals get shorter ones, never another meaning."""

    DEFAULT_CSS = "TitleLine { height: 1; width: 1fr; background: $panel; }"

    facts: reactive[TitleFacts] = reactive(TitleFacts(), repaint=False)
    _words: Text | None = None

    def watch_facts(self) -> None:
        """Every health poll brings other facts, few of them other words."""
        words = self.render()
        if words != self._words:
            self._words = words
            self.refresh()

    def render(self) -> Text:
        width = self.size.width
        line = Text()
        for level in range(5):
            left, right = self._left(level), self._right(level)
            gap = width - left.cell_len - right.cell_len - 1
            line = Text.assemble(left, " " * max(1, gap), right)
            if gap >= 1:
                break
        line.no_wrap, line.end = True, ""
        line.truncate(width, overflow="crop")
        return line

    def _left(self, level: int) -> Text:
        """Name and health; level 0 is the widest."""
        facts = self.facts
        wide = level < 1
        name = safe(f"{facts.note} {facts.profile}" if facts.still else facts.profile, limit=limits.SHORT_NAME)
        parts = [Text.assemble((f" {name.plain} ", environment_style(facts.color, self.app.theme_variables)))]
        if facts.namespace:
            parts.append(safe(facts.namespace, self.tone("dim"), limit=limits.SHORT_NAME if level < 2 else 12))
        parts.extend(self._health_words(level))
        return Text("  " if wide else " ").join(part for part in parts if part)

    def _health_words(self, level: int) -> Iterator[Text]:
        health, short = self.facts.health, level >= 3
        if self.facts.note and not self.facts.still:
            yield safe(self.facts.note, self.tone("warn"), limit=limits.SHORT_NAME * 2)
        if health.state is State.CONNECTING:
            return
        if self.facts.still:
            yield from self._moment()
            for alarm in health.alarms:
                yield safe(f"ALARM {alarm}" if level < 1 else alarm, self.tone("bad"))
            return
        count = f"{health.members_up}/{health.members_total}"
        all_up = health.members_up == health.members_total
        yield Text(count if short else f"{count} up", self.tone("good" if all_up else "bad"))
        if health.mismatch:
            yield Text("OTHER CLUSTER", self.tone("bad"))
        if health.proxy:
            yield Text("PROXY", self.tone("warn"))
        if health.members_listed > health.members_total and level < 3:
            words = f"({health.members_listed} members)" if level < 2 else f"({health.members_listed})"
            yield Text(words, self.tone("dim"))
        if health.state is State.NO_LEADER:
            yield Text("NO LEADER", self.tone("bad"))
        elif health.state in (State.LOST, State.TLS):
            if not health.mismatch:
                yield Text("LOST", self.tone("bad"))
        elif health.state is State.DENIED:
            yield Text("DENIED", self.tone("warn"))
        elif health.state is State.LOGIN:
            yield Text("LOGIN WANTED", self.tone("bad"))
        elif health.state is State.RESTRICTED:
            yield Text("restricted", self.tone("dim"))
        elif health.leader_name:
            leader = safe(health.leader_name, limit=limits.SHORT_NAME)
            yield leader if short else Text.assemble(("leader ", self.tone("dim")), leader)
        yield from self._moment()
        if health.quota_used is not None:
            share = f"{health.quota_used:.0%}"
            high = health.quota_used >= WARN_QUOTA
            if level < 2 or high:
                yield Text(share if short else f"quota {share}", self.tone("warn") if high else Style())
        for alarm in health.alarms:
            yield safe(f"ALARM {alarm}" if level < 1 else alarm, self.tone("bad"))
        if health.no_spare_member:
            yield Text("NO SPARE MEMBER" if level < 4 else "NO SPARE", self.tone("bad"))
        red = health.alarms or health.no_spare_member or health.state is State.NO_LEADER
        if red and self.facts.lead and level < 2:
            yield Text(self.facts.lead, self.tone("dim"))

    def _moment(self) -> Iterator[Text]:
        """Which revision is shown."""
        if self.facts.as_of:
            yield Text(f"AS OF REV {self.facts.as_of}", self.tone("bad"))
        elif self.facts.health.revision:
            yield Text.assemble(("rev ", self.tone("dim")), str(self.facts.health.revision))

    def _right(self, level: int) -> Text:
        facts, wide = self.facts, level < 1
        refused = facts.writable and bool(facts.health.why_no_writes)
        mode = "NO WRITES" if refused else "WRITES ON" if facts.writable else "READ-ONLY"
        if facts.writable and facts.left_open is not None and not refused:
            mode += f" {int(facts.left_open) // 60}:{int(facts.left_open) % 60:02}"
        if facts.dry_run:
            mode += " DRY RUN"
        style = self.tone("writes_on" if facts.writable and not refused else "read_only")
        parts = [Text(f"[ {mode} ]" if wide else f"[{mode}]", style)]
        if facts.unchecked:
            parts.append(Text("TLS UNCHECKED", self.tone("bad")))
        elif level < 3 and not facts.note:
            parts.append(Text("PLAINTEXT" if facts.plaintext else "TLS", self.tone("dim")))
        if facts.identity and facts.identity != "-":
            parts.append(safe(facts.identity, limit=limits.SHORT_NAME if level < 2 else 12))
        return Text("  " if wide else " ").join(parts)
