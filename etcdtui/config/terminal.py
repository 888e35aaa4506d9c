"""Says why this process cannot draw on its terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping

STREAMS = ((0, "standard input"), (1, "standard output"), (2, "standard error"))
POOR_TERMINALS = frozenset({"dumb", "unknown", "network"})


def terminal_problem(environ: Mapping[str, str]) -> str:
    """One sentence, or an empty string when a full-screen program can run here."""
    for fd, name in STREAMS:
        try:
            is_terminal = os.isatty(fd)
        except OSError:
            is_terminal = False
        if not is_terminal:
            return f"{name} is not a terminal; etcdtui draws on a terminal (without one: --check, --list-profiles)"
    term = environ.get("TERM", "")
    if term in POOR_TERMINALS:
        return f"TERM={term} cannot draw a full screen; set TERM to what your terminal is, such as xterm-256color"
    return ""
