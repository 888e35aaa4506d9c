"""Which processes run: from ``/proc`` where there is one, else from ``ps``."""

from __future__ import annotations

import subprocess
from pathlib import Path

PROC = Path("/proc")


def table() -> dict[int, tuple[int, str]]:
    """Parent and state letter of every process; one that is dead but not yet reaped has the state ``Z``."""
    if not (PROC / "self" / "stat").exists():
        lines = subprocess.run(["ps", "-axo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
        return {int(pid): (int(parent), state[0]) for pid, parent, state in map(str.split, lines.splitlines())}
    found = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(errors="replace")
            except OSError:
                continue
            state, parent = stat.rpartition(")")[2].split()[:2]
            found[int(entry.name)] = (int(parent), state)
    return found


def descendants(pid: int) -> set[int]:
    """All processes below ``pid``, without itself."""
    parents = {child: parent for child, (parent, _) in table().items()}
    found: set[int] = set()
    fresh = {pid}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that still run."""
    now = table()
    return {pid for pid in pids if pid in now and now[pid][1] != "Z"}
