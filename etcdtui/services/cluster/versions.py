"""Versions of etcd: their order, and what is known against some of them (etcd's changelogs and advisories)."""

from __future__ import annotations

from etcdtui.core.value import Value


def version_order(version: str) -> tuple[int, ...]:
    """For comparing versions by their numbers: 3.5.6 comes before 3.5.16."""
    return tuple(int(number) if number.isdigit() else 0 for number in version.split("-")[0].split("."))


SAFE_DEFRAG: tuple[tuple[tuple[int, int], str, str], ...] = (
    ((3, 4), "3.4.38", "a defragmentation while the member applies a snapshot can corrupt it"),
    ((3, 5), "3.5.6", "a crash during a defragmentation can leave revisions inconsistent"),
    ((3, 5), "3.5.23", "a defragmentation while the member applies a snapshot can corrupt it"),
    ((3, 6), "3.6.5", "a defragmentation while the member applies a snapshot can corrupt it"),
)
"""Branch, the first version that is safe, and what can happen before it (etcd's changelogs)."""


def unsafe_defrag(version: str) -> tuple[str, ...]:
    """What defragmenting can do on this version, as sentences; empty when it is safe."""
    order = version_order(version)
    found = []
    for branch, fixed, words in SAFE_DEFRAG:
        if order[:2] == branch and order < version_order(fixed):
            found.append(f"before {fixed}: {words}")
    if order[:2] < (3, 4) and order:
        found.append("etcd before 3.4 is not maintained")
    return tuple(found)


Fixed = dict[tuple[int, int], str]
AUTH_BYPASS: Fixed = {(3, 4): "3.4.42", (3, 5): "3.5.28", (3, 6): "3.6.9"}
WATCH_LEAK: Fixed = {(3, 5): "3.5.33", (3, 6): "3.6.14", (3, 7): "3.7.1"}
"""By branch, the first version without the fault; with authentication on only."""
INCONSISTENT = ((3, 5, 0), (3, 5, 2))


class Fault(Value):
    """One thing known against a version, as a sentence."""

    words: str
    critical: bool = False


def faults_of(version: str, auth: bool | None) -> tuple[Fault, ...]:
    """What is known against a version; ``auth`` says whether authentication is on, ``None``: it is not known."""
    order = version_order(version)
    found = []
    if INCONSISTENT[0] <= order[:3] <= INCONSISTENT[1]:
        found.append(
            Fault("3.5.0 to 3.5.2 can lose data of a member that is killed: upgrade to 3.5.6 or later", critical=True)
        )
    if auth is not False:
        condition = "" if auth else "if authentication is on, "
        for fixed, words in (
            (AUTH_BYPASS, "authorization can be bypassed (CVE-2026-33413)"),
            (WATCH_LEAK, "watches can leak what a user may not read (GHSA-xg4h)"),
        ):
            known = fixed.get((order[0], order[1]) if len(order) > 1 else (0, 0))
            if known and order < version_order(known):
                found.append(Fault(f"{condition}{words}: fixed in {known}"))
    return tuple(found)
