"""What a check is and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from etcdtui.core.value import Value
from etcdtui.services.cluster.doctor.inputs import Inputs


class Severity(IntEnum):
    """By harm. ``SKIP`` means: not judged, for a reason that is told."""

    SKIP = 0
    OK = 1
    INFO = 2
    WARN = 3
    CRIT = 4


class Verdict(Value):
    """What one look says. ``line`` is the finding in one line; ``at_once`` holds without further samples."""

    severity: Severity
    line: str
    evidence: tuple[str, ...] = ()
    todo: str = ""
    etcdctl: tuple[str, ...] = ()
    at_once: bool = False
    meaning: str = ""


class Check(Value):
    """One rule: what it looks at, its threshold and who says so. ``judge`` is pure.

    ``reads`` names the input whose reading makes a new sample. ``fact`` marks what does not waver between two
    looks, such as a version: it is told at once, where a figure must hold for two samples to be yellow, three for red.
    """

    id: str
    label: str
    formula: str
    threshold: str
    source: str
    meaning: str
    reads: str
    judge: Callable[[Inputs], Verdict]
    fact: bool = False


class Finding(Value):
    """A check's result. ``severity`` is what has held for the samples it takes, ``seen`` what the last look says."""

    id: str
    label: str
    severity: Severity
    title: str
    evidence: tuple[str, ...]
    formula: str
    threshold: str
    source: str
    meaning: str
    todo: str
    etcdctl: tuple[str, ...]
    seen: Severity = Severity.OK

    @property
    def waits(self) -> bool:
        """True while the last look is worse than what has held for long enough."""
        return self.seen > self.severity and self.severity is not Severity.SKIP


def ok(line: str, *evidence: str) -> Verdict:
    return Verdict(Severity.OK, line, evidence)


def info(line: str, *evidence: str, todo: str = "", etcdctl: tuple[str, ...] = ()) -> Verdict:
    return Verdict(Severity.INFO, line, evidence, todo, etcdctl)


def skip(line: str, *evidence: str, todo: str = "") -> Verdict:
    return Verdict(Severity.SKIP, line, evidence, todo)


def graded(value: float, warn: float, crit: float) -> Severity:
    """Above ``warn`` is yellow, above ``crit`` red."""
    return Severity.CRIT if value > crit else Severity.WARN if value > warn else Severity.OK
