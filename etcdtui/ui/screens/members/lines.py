"""What Members says beside its table: the cluster in two lines or three, and everything about one member."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rich.style import Style
from rich.text import Text

from etcdtui.core.types import EndpointStatus
from etcdtui.core.units import format_count, format_latency, format_rate, format_size, format_ttl
from etcdtui.core.value import Value
from etcdtui.services.cluster.doctor.finding import Severity
from etcdtui.services.cluster.doctor.inputs import Inputs, MemberLook
from etcdtui.services.cluster.doctor.report import Report
from etcdtui.services.cluster.endpoint_health import State
from etcdtui.services.cluster.metrics import (
    COMMIT,
    COMMITTED,
    FAILED,
    FSYNC,
    LEADER_CHANGES,
    MAX_FDS,
    OPEN_FDS,
    PEER_RTT,
    PENDING,
    SLOW_APPLIES,
    WATCH_STREAMS,
    WATCHERS,
    Measured,
)
from etcdtui.services.cluster.samples import Samples, sparkline
from etcdtui.services.cluster.view import ClusterView, MemberRow
from etcdtui.ui import limits
from etcdtui.ui.errors import error_line
from etcdtui.ui.text import safe

Tone = Callable[[str], Style]
BESIDE = frozenset({"even", "versions", "bad-versions", "downgrade", "unstarted", "learner"})
"""Checks of Doctor's that are told above the table too, where they find something."""
STEPS, STEP = 24, 5.0
"""Characters of a sparkline, and the seconds of each."""
CHANGES_FOR = 900.0


class Told(Value):
    """What is known of the cluster beside each Status. ``since`` is when a leader was last known, Unix seconds."""

    view: ClusterView
    samples: Samples
    inputs: Inputs | None = None
    report: Report | None = None
    since: float = 0.0
    now: float = 0.0
    ascii_only: bool = False

    @property
    def is_old(self) -> bool:
        """There is no leader, or nobody answers: what the cluster said before is not what it is."""
        return self.view.health.state in (State.NO_LEADER, State.LOST)

    def look(self, row: MemberRow) -> MemberLook | None:
        looks = self.inputs.looks if self.inputs is not None else ()
        return next((look for look in looks if look.row.member.id == row.member.id), None)


def summary_lines(told: Told, tone: Tone) -> list[Text]:
    """Quorum and leader, then what the cluster says of itself, then what an operator has to know besides."""
    view, health = told.view, told.view.health
    if health.state is State.STILL:
        return _saved_lines(view, tone)
    quorum = view.quorum
    quorum_tone = "bad" if quorum.lost else "warn" if quorum.spare <= 0 else "good"
    term = max((row.status.raft_term for row in view.rows if row.status), default=0)
    dim = tone("dim") if told.is_old else ""
    first = Text.assemble(
        " ",
        (quorum.words(), tone(quorum_tone)),
        "   ",
        safe(_leader_words(told), tone("bad") if health.state is State.NO_LEADER else "", limit=limits.WORDS),
        (f"   revision {health.revision or '?'}   term {term or '?'}", dim),
    )
    lines = [first, _cluster_line(told, tone, dim)]
    findings = told.report.findings if told.report is not None and not told.is_old else ()
    known = [finding for finding in findings if finding.id in BESIDE and finding.severity >= Severity.INFO]
    if known:
        words = [
            safe(finding.title, tone("warn" if finding.severity >= Severity.WARN else "accent"), limit=limits.WORDS)
            for finding in known
        ]
        lines.append(Text.assemble(" NOTE ", Text("; ").join(words), ("   7 tells more", tone("dim"))))
    return lines


def _saved_lines(view: ClusterView, tone: Tone) -> list[Text]:
    """What a snapshot says of its cluster."""
    health, alarms = view.health, alarm_words(view)
    size = f"{format_size(health.db_size)}, {format_size(health.db_in_use)} in use"
    founded = f"   cluster {health.cluster_id:x}" if health.cluster_id else ""
    return [
        Text(f" as the file has them; nobody is asked   revision {health.revision}"),
        Text.assemble(
            " ALARMS ",
            safe(alarms, tone("muted" if alarms == "none" else "bad"), limit=limits.WORDS),
            safe(f"   VERSION {health.version or '?'}   SIZE {size}{founded}", limit=limits.WORDS),
        ),
    ]


def _leader_words(told: Told) -> str:
    health, samples = told.view.health, told.samples
    if health.state is State.LOST:
        return "leader not known"
    if health.state is State.NO_LEADER:
        return "NO LEADER"
    if not health.leader_id:  # Status is not told; metrics may be
        looks = told.inputs.looks if told.inputs is not None else ()
        leads = next((look.name for look in looks if look.metrics.value("etcd_server_is_leader")), "")
        return f"leader {leads} (by /metrics)" if leads else "leader not told"
    if samples.leader_since:
        return f"leader {health.leader_name} since {_clock(samples.leader_since)}"
    return f"leader {health.leader_name} for more than {format_ttl(samples.seconds)}"


def _cluster_line(told: Told, tone: Tone, dim: Style | str) -> Text:
    view, health, inputs = told.view, told.view.health, told.inputs
    alarms = alarm_words(view)
    told_by_http = {look.facts.server_version for look in (inputs.looks if inputs else ()) if look.facts is not None}
    versions = sorted({row.status.version for row in view.rows if row.status} or told_by_http - {""})
    cluster = _cluster_version(inputs)
    auth = "?" if inputs is None or inputs.auth is None else "on" if inputs.auth else "off"
    compacted = inputs.compacted() if inputs is not None else None
    kept = f" ({format_count(health.revision - max(0, compacted))} kept)" if compacted is not None else ""
    at = "?" if compacted is None else "never" if compacted <= 0 else f"at {compacted}"
    line = Text.assemble(
        " ALARMS ",
        safe(alarms, tone("muted" if alarms in ("none", "?") else "bad"), limit=limits.WORDS),
        "   VERSION ",
        safe(", ".join(versions) or "?", limit=limits.NAME),
        safe(f" (cluster {cluster})" if cluster else "", limit=limits.NAME),
        f"   AUTH {auth}",
        f"   LEARNERS {view.learners}" if view.learners else "",
        f"   COMPACTED {at}{kept}",
        f"   cluster {health.cluster_id:x}" if health.cluster_id else "",
    )
    if told.is_old:
        line.stylize(dim)
        return Text.assemble((f" as of {_clock(told.since)} ", tone("warn")), line) if told.since else line
    return line


def _cluster_version(inputs: Inputs | None) -> str:
    told = [look.metrics.latest.cluster_version for look in (inputs.looks if inputs else ()) if look.metrics.latest]
    told += [look.facts.cluster_version for look in (inputs.looks if inputs else ()) if look.facts is not None]
    return next((version for version in told if version), "")


def alarm_words(view: ClusterView) -> str:
    """``NOSPACE by m1``, ``none``, or ``?`` where they are not told."""
    if view.alarms is None:
        return ", ".join(view.health.alarms) or "?"
    named = []
    for alarm in view.alarms:
        row = view.row(alarm.member_id)
        named.append(f"{alarm.type.name} by {row.name if row else f'{alarm.member_id:x}'}")
    return ", ".join(named) or "none"


# --- one member ------------------------------------------------------------------------------------------


def member_lines(told: Told, row: MemberRow, tone: Tone) -> list[Text]:
    """Who it is, what it says, what was measured, and how that went in the last two minutes."""
    member = row.member
    lines = [
        Text.assemble(" ", safe(row.name, tone("key"), limit=limits.SHORT_NAME), f"   id {member.id:x}   {row.role}"),
        Text.assemble(
            " client  ", safe("  ".join(member.client_urls) or "-", limit=limits.WORDS),
            "   peer  ", safe("  ".join(member.peer_urls) or "-", limit=limits.WORDS),
        ),
    ]  # fmt: skip
    if row.endpoint not in member.client_urls:
        where = f"asked at {row.endpoint}" if row.endpoint else "no endpoint of the profile leads to it"
        if told.view.health.state is not State.STILL:
            lines.append(safe(f" {where}", limit=limits.WORDS))
    if row.problem is not None:
        lines.append(Text.assemble(" ", error_line(row.problem)))
    if row.status is not None:
        lines += _status_lines(row, row.status, tone)
    elif row.up and not row.busy:
        words = "Status is not told to this user on this version: what stands here comes from elsewhere"
        lines.append(Text(f" {words}", tone("warn")))
    lines += _metric_lines(told, row, tone)
    if row.status is not None:
        lines.append(_course(told, row, tone))
    return lines


def _status_lines(row: MemberRow, status: EndpointStatus, tone: Tone) -> list[Text]:
    free = max(0, status.db_size - status.db_size_in_use)
    quota = f"quota {format_size(row.quota)}" if row.quota else "quota not told (metrics or quota_bytes tell it)"
    lines = [
        Text(
            f" db {format_size(status.db_size)}, {format_size(status.db_size_in_use)} in use: "
            f"defrag frees at least {format_size(free)}   {quota}"
        ),
        Text.assemble(
            f" raft index {status.raft_index}  applied {status.raft_applied_index}  term {status.raft_term}"
            f"  revision {status.header.revision if status.header else '?'}",
            safe(f"  storage {status.storage_version}" if status.storage_version else "", limit=limits.SHORT_NAME),
        ),
    ]
    lines += [Text.assemble(" ", safe(text, tone("bad"), limit=limits.WORDS)) for text in status.errors]
    return lines


def _metric_lines(told: Told, row: MemberRow, tone: Tone) -> list[Text]:
    look = told.look(row)
    if told.view.health.state is State.STILL:
        return []
    if row.endpoint and not row.up:
        return [Text(" /metrics not asked: it does not answer", tone("dim"))]
    if look is None or told.inputs is None:
        return [Text(" /metrics not read yet", tone("dim"))]
    metrics = look.metrics
    if metrics.latest is None:
        return [Text.assemble((" /metrics ", tone("dim")), safe(metrics.why, tone("dim"), limit=limits.WORDS))]

    def count(name: str) -> str:
        value = metrics.value(name)
        return "?" if value is None else format_count(int(value))

    disk = Text(" fsync p99 ").append_text(p99_cell(metrics.p99(FSYNC), tone))
    disk.append("  commit p99 ").append_text(p99_cell(metrics.p99(COMMIT), tone)).append("  peer RTT p99")
    peers = {f"{other.member.id:x}": other.name for other in told.view.rows}
    known = [peer for peer in metrics.peers() if peer.lstrip("0") in peers]  # one that was removed is still told
    for peer in known:
        disk.append_text(safe(f" {peers[peer.lstrip('0')]} ", limit=limits.SHORT_NAME))
        disk.append_text(p99_cell(metrics.p99(PEER_RTT, peer), tone))
    disk.append("" if known else " -").append(f"  slow applies {count(SLOW_APPLIES)}")
    rate, failed = metrics.rate(COMMITTED), metrics.grown(FAILED)
    failing = f"{failed.value:.0f} in {format_ttl(failed.seconds)}" if failed and failed.value else "0"
    changes = told.samples.changes_within(CHANGES_FOR, told.now)
    return [
        disk,
        safe(
            f" proposals/s {format_rate(rate).removesuffix('/s') if rate is not None else '?'}"
            f"  pending {count(PENDING)}  failed {failing}"
            f"  leader changes {count(LEADER_CHANGES)} ({changes} seen in 15 min)"
        ),
        safe(
            f" watchers {count(WATCHERS)} on {count(WATCH_STREAMS)} streams  fds {count(OPEN_FDS)}/{count(MAX_FDS)}"
            + (f"  leases {format_count(told.inputs.leases.count)}" if told.inputs.leases is not None else "")
        ),
    ]


def p99_cell(measured: Measured | None, tone: Tone) -> Text:
    """``4.1 ms``; grey with a mark where it is of all the time since the member started, ``-`` where there is none."""
    if measured is None:
        return Text("?", tone("dim"))
    if measured.value is None:
        return Text("-", tone("dim"))
    if measured.since_start:
        return Text(f"~{format_latency(measured.value)}", tone("dim"))
    return Text(format_latency(measured.value))


def _course(told: Told, row: MemberRow, tone: Tone) -> Text:
    """Writes a second, size and round trip of the last two minutes, as this program saw them."""
    samples, member = told.samples, row.member.id
    rates = samples.revision_rates(STEPS, STEP)
    sizes = samples.of_member(member, lambda sample: sample.db, STEPS, STEP)
    trips = samples.of_member(member, lambda sample: sample.rtt, STEPS, STEP)
    line = Text(" ")
    for label, values, last in (
        ("writes/s", rates, lambda v: format_rate(v).removesuffix("/s")),
        ("db", sizes, lambda v: format_size(int(v))),
        ("RTT", trips, format_latency),
    ):
        known = [value for value in values if value is not None]
        line.append(f"{label} ").append(_spark(values, told.ascii_only), tone("accent"))
        line.append(f" {last(known[-1]) if known else '?'}  ")
    return line


def _spark(values: Sequence[float | None], ascii_only: bool) -> str:
    """Without the steps before anything was seen."""
    first = next((n for n, value in enumerate(values) if value is not None), len(values))
    return sparkline(values[first:], ascii_only=ascii_only)


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))
