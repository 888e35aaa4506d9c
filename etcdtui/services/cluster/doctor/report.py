"""A report of all findings: as a value, as text, and as the JSON that scripts read."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

from etcdtui.core.safe_text import safe_text
from etcdtui.core.value import Value
from etcdtui.services.cluster.doctor.finding import Finding, Severity

LIMIT = 2000
STATUS_WORDS = {Severity.OK: "ok", Severity.INFO: "ok", Severity.WARN: "warning", Severity.CRIT: "critical"}
UNKNOWN = "unknown"
EXIT = {"ok": 0, "warning": 1, "critical": 2, UNKNOWN: 3}
CORE = frozenset({"quorum", "leader"})
"""Checks without which nothing can be said of the cluster."""


class Report(Value):
    """One look. ``checked_at`` in Unix seconds, ``took`` in seconds; ``cluster_id`` and ``revision`` 0 when unknown."""

    findings: tuple[Finding, ...]
    cluster_id: int = 0
    revision: int = 0
    checked_at: float = 0.0
    took: float = 0.0
    profile: str = ""

    @property
    def status(self) -> str:
        """``ok``, ``warning`` or ``critical`` by the worst finding; ``unknown`` when the most important are skipped."""
        worst = max((f.severity for f in self.findings), default=Severity.SKIP)
        if worst is Severity.CRIT:
            return "critical"
        if worst is Severity.SKIP or any(f.id in CORE and f.severity is Severity.SKIP for f in self.findings):
            return UNKNOWN
        return STATUS_WORDS[worst]

    @property
    def exit_status(self) -> int:
        return EXIT[self.status]

    @property
    def needing(self) -> tuple[Finding, ...]:
        """What needs somebody: warnings and worse."""
        return tuple(f for f in self.findings if f.severity >= Severity.WARN)

    def sorted(self) -> tuple[Finding, ...]:
        """The worst first, equals in table order, skipped ones last."""
        return tuple(sorted(self.findings, key=lambda f: -f.severity))

    def finding(self, check_id: str) -> Finding | None:
        return next((f for f in self.findings if f.id == check_id), None)


def failed_report(why: str, at: float, profile: str) -> Report:
    """Nothing could be looked at."""
    finding = Finding(
        "connect", "connect", Severity.SKIP, why, (), "a connection to the cluster", "", "etcdtui",
        "Nothing is known of the cluster: it may be well and out of reach from here.",
        "Look at the endpoints, the network and the credentials of the profile.", (), Severity.SKIP,
    )  # fmt: skip
    return Report((finding,), checked_at=at, profile=profile)


def report_json(report: Report) -> str:
    """One object: ``status``, ``cluster_id`` (hex), ``revision``, ``checked_at`` (RFC 3339, UTC), ``findings``."""
    return json.dumps(
        {
            "status": report.status,
            "cluster_id": f"{report.cluster_id:x}" if report.cluster_id else "",
            "revision": report.revision,
            "checked_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(report.checked_at)),
            "findings": [
                {
                    "id": f.id,
                    "severity": f.severity.name,
                    "title": f.title,
                    "evidence": "; ".join(f.evidence),
                    "formula": f.formula,
                    "threshold": f.threshold,
                    "source": f.source,
                    "meaning": f.meaning,
                    "todo": f.todo,
                    "etcdctl": list(f.etcdctl),
                }
                for f in report.sorted()
            ],
        },
        ensure_ascii=True,
    )


def report_text(report: Report) -> str:
    """For people: what needs them in full, the rest a line each."""
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(report.checked_at))
    where = f", cluster {report.cluster_id:x}, revision {report.revision}" if report.cluster_id else ""
    lines = [
        f"etcdtui doctor: {report.profile}{where}, checked {clock} in {report.took:.1f} s: {report.status.upper()}"
    ]
    for finding in report.sorted():
        lines.append(f"{finding.severity.name:<5} {finding.label:<9} {finding.title}")
        if finding.severity >= Severity.WARN or (report.status == UNKNOWN and finding.id in CORE | {"connect"}):
            lines += [f"      {text}" for text in details(finding)]
    return "\n".join(safe_text(text, limit=LIMIT).text for text in lines) + "\n"


def details(finding: Finding) -> Iterable[str]:
    """Evidence, meaning, what to do and the commands of a finding, a line each."""
    yield from finding.evidence
    if finding.meaning:
        yield f"means: {finding.meaning}"
    if finding.threshold:
        yield f"rule:  {finding.formula}; {finding.threshold} ({finding.source})"
    if finding.todo:
        yield f"do:    {finding.todo}"
    for line in finding.etcdctl:
        yield f"       {line}"
