"""Paths found by any part of them, in the language that people know from fzf.

Words are joined by AND. A word is a run of letters that may have others between them, ``'word`` one that has not,
``^word`` the start, ``word$`` the end, ``!word`` what must not be there; an upper-case letter makes a word exact. The
cost of a word is linear in the path.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

Score: TypeAlias = tuple[int, int, int]
"""How far a path is from what was meant: where the words are in it, how much lies between their letters, its length."""

LAST_START, LAST, START, INSIDE, SCATTERED = range(5)
"""Where a word is: it begins the last part, is in the last part, begins another part, is anywhere, is no one piece."""
PARTS = b"/:.-_ "
"""What parts of a name lie between."""

_Place = tuple[int, int]
_Test = Callable[[bytes, bytes], _Place | None]
"""Given a path and the same in lower case: where the word is, and over how many bytes more than it has."""


class Pattern:
    """What somebody typed, ready to be asked of many paths."""

    def __init__(self, typed: bytes) -> None:
        words = [word for word in typed.split(b" ") if word]
        self._tests = [_test(word) for word in words if not (word.startswith(b"!") and len(word) > 1)]
        self._none = [_test(b"'" + word[1:]) for word in words if word.startswith(b"!") and len(word) > 1]

    def score(self, path: bytes) -> Score | None:
        """The smaller the nearer; ``None`` when a word is missing."""
        lowered = path.lower()
        where = between = 0
        for test in self._tests:
            place = test(path, lowered)
            if place is None:
                return None
            where += place[0]
            between += place[1]
        if any(test(path, lowered) is not None for test in self._none):
            return None
        return where, between, len(path)


def _test(word: bytes) -> _Test:
    exact = word != word.lower()
    if word.startswith(b"'") and len(word) > 1:
        return _piece(word[1:], exact, scattered=False)
    if word.startswith(b"^") and len(word) > 1:
        start = word[1:]
        return lambda path, lowered: (START, 0) if (path if exact else lowered).startswith(start) else None
    if word.endswith(b"$") and len(word) > 1:
        end = word[:-1]
        return lambda path, lowered: (LAST, 0) if (path if exact else lowered).endswith(end) else None
    return _piece(word, exact, scattered=True)


def _piece(word: bytes, exact: bool, *, scattered: bool) -> _Test:
    letters = [re.escape(word[at : at + 1]) for at in range(len(word))]
    spread = re.compile(b"".join(b"[^%b]*%b" % (letter, letter) for letter in letters), re.DOTALL)
    size = len(word)

    def test(path: bytes, lowered: bytes) -> _Place | None:
        data = path if exact else lowered
        last = data.rfind(b"/", 0, len(data) - 1) + 1
        at = data.find(word, last)
        if at >= 0:
            return (LAST_START if at == last else LAST), 0
        at = data.find(word)
        if at >= 0:
            return (START if at == 0 or data[at - 1] in PARTS else INSIDE), 0
        found = spread.match(data) if scattered else None
        if found is None:
            return None
        return SCATTERED, found.end() - data.find(word[:1]) - size

    return test
