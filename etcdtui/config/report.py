"""Collects everything wrong with a configuration before saying any of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from etcdtui.config.schema import Problem
from etcdtui.core.safe_text import safe_text

MAX_PROBLEMS = 100
NAME_SHOWN = 60


def shown(text: str) -> str:
    """A name from the file as it may be printed."""
    return safe_text(text, limit=NAME_SHOWN).text


def nearest(name: str, known: Iterable[str]) -> str:
    """`` (nearest known name: x)``, or the known names when none is near."""
    names = sorted(known)
    close = difflib.get_close_matches(name[:NAME_SHOWN], names, n=1, cutoff=0.6)
    if close:
        return f" (nearest known name: {close[0]})"
    return f" (known: {', '.join(names)})" if names else ""


class Report:
    """Problems and notices of one file; ``profile`` is the one being read, empty outside of profiles."""

    def __init__(self, file: str, problems: list[Problem], notices: list[str], *, included: bool = False) -> None:
        self.file = file
        self.included = included
        self.profile = ""
        self.problems = problems
        self.notices = notices

    def add(self, line: int, text: str) -> None:
        """Note a problem; beyond ``MAX_PROBLEMS`` only the first of each profile still counts, as its verdict."""
        if len(self.problems) >= MAX_PROBLEMS and any(p.profile == self.profile for p in self.problems):
            return
        self.problems.append(Problem(self.file, line, text, self.profile, self.included))

    def unknown(self, line: int, what: str, name: str, known: Iterable[str]) -> None:
        """Note a name that means nothing, with the nearest that does."""
        hint = nearest(name, known) if len(self.problems) < MAX_PROBLEMS else ""
        self.add(line, f"{what} {shown(name)!r} is unknown{hint}")

    def notice(self, line: int, text: str) -> None:
        self.notices.append(f"{self.file}:{line}: {text}")
