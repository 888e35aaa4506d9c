"""All checks, in the order in which people look; and how a severity settles over several looks."""

from __future__ import annotations

from collections.abc import Mapping

from etcdtui.services.cluster.doctor import checks_care, checks_members, checks_speed, checks_storage
from etcdtui.services.cluster.doctor.finding import Check, Finding, Severity, Verdict
from etcdtui.services.cluster.doctor.inputs import Inputs

CHECKS: tuple[Check, ...] = (
    *checks_members.CHECKS,
    *checks_storage.CHECKS,
    *checks_speed.CHECKS,
    *checks_care.CHECKS,
)
WARN_SAMPLES, CRIT_SAMPLES = 2, 3
"""Samples in a row for which a threshold must hold."""


class Streaks:
    """The last severities of each check, one a reading of its input."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, tuple[Severity, ...]]] = {}

    def settle(self, check: Check, verdict: Verdict, rounds: Mapping[str, int]) -> Severity:
        """What has held for long enough: two samples for a warning, three for a critical one.

        Facts do not waver and count at once; so does what the verdict says must not wait.
        """
        number = rounds.get(check.reads, 0)
        last, before = self._seen.get(check.id, (-1, ()))
        seen = (*(before if number != last else before[:-1]), verdict.severity)[-CRIT_SAMPLES:]
        self._seen[check.id] = (number, seen)
        if check.fact or verdict.at_once or verdict.severity < Severity.WARN:
            return verdict.severity
        if len(seen) >= CRIT_SAMPLES and all(severity is Severity.CRIT for severity in seen):
            return Severity.CRIT
        if len(seen) >= WARN_SAMPLES and all(severity >= Severity.WARN for severity in seen[-WARN_SAMPLES:]):
            return Severity.WARN
        return Severity.OK


def examine(inputs: Inputs, streaks: Streaks) -> tuple[Finding, ...]:
    """Every check on one look, in table order."""
    return tuple(_finding(check, check.judge(inputs), inputs, streaks) for check in CHECKS)


def _finding(check: Check, verdict: Verdict, inputs: Inputs, streaks: Streaks) -> Finding:
    severity = streaks.settle(check, verdict, inputs.rounds)
    title = verdict.line
    if severity < verdict.severity:
        title = f"{title} (must hold for more samples)"
    return Finding(
        id=check.id,
        label=check.label,
        severity=severity,
        title=title,
        evidence=verdict.evidence,
        formula=check.formula,
        threshold=check.threshold,
        source=check.source,
        meaning=verdict.meaning or check.meaning,
        todo=verdict.todo,
        etcdctl=verdict.etcdctl,
        seen=verdict.severity,
    )
