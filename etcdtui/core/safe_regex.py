"""Regular expressions typed by a person and run over foreign text, with a bounded worst case.

Python's engine backtracks and cannot be interrupted. So a pattern that repeats a group which itself repeats or
chooses is refused, and the more open repetitions one has, the shorter the stretches of text that it may look at.
"""

from __future__ import annotations

import re

from etcdtui.core.value import Value

MAX_PATTERN = 200
MAX_OPEN_REPEATS = 4
_WINDOWS = (1 << 62, 4096, 512, 192, 96)
"""Longest stretch by number of open repetitions: keeps the worst case around ten million steps."""
_OPEN_REPEAT_FROM = 33
_REPEAT = re.compile(r"[*+?]|\{(\d*)(?:(,)(\d*))?\}")


class PatternError(ValueError):
    """The regular expression is refused; the message says why."""


class SafePattern(Value):
    """``window`` is the longest stretch, in characters or bytes, that one match attempt sees."""

    text: re.Pattern[str]
    data: re.Pattern[bytes]
    window: int

    def found(self, text: str) -> bool:
        return self.text.search(text[: self.window]) is not None

    def find(self, data: bytes) -> tuple[int, int] | None:
        """The first match; beyond ``window`` only within one line, and within the window's first bytes of it."""
        if len(data) <= self.window:
            match = self.data.search(data)
            return match.span() if match else None
        start = 0
        while start <= len(data):
            end = data.find(b"\n", start)
            end = len(data) if end < 0 else end
            match = self.data.search(data, start, min(end, start + self.window))
            if match:
                return match.span()
            start = end + 1
        return None


def compile_pattern(pattern: str, *, ignore_case: bool = False) -> SafePattern:
    """Compile, or raise ``PatternError`` with a sentence."""
    if len(pattern) > MAX_PATTERN:
        raise PatternError(f"The regular expression is longer than {MAX_PATTERN} characters.")
    repeats = _open_repeats(pattern)
    if repeats > MAX_OPEN_REPEATS:
        raise PatternError(f"The regular expression has more than {MAX_OPEN_REPEATS} open repetitions (*, +).")
    flags = re.IGNORECASE if ignore_case else 0
    try:
        return SafePattern(
            re.compile(pattern, flags), re.compile(pattern.encode("utf-8", "surrogateescape"), flags), _WINDOWS[repeats]
        )
    except (re.error, OverflowError, RecursionError, ValueError) as problem:
        raise PatternError(f"The regular expression is not valid: {problem}.") from None


def _open_repeats(pattern: str) -> int:
    """Count repetitions without a small bound; refuse nested ones and back references."""
    total = 0
    # For each open group: whether it repeats or chooses somewhere inside.
    groups: list[bool] = [False]
    closed_risky = False
    after_group = False
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            if pattern[at + 1 : at + 2].isdigit() and pattern[at + 1] != "0":
                raise PatternError("Back references are not supported: they can take for ever.")
            at, after_group = at + 2, False
            continue
        if char == "[":
            at, after_group = _class_end(pattern, at), False
            continue
        if char == "(":
            if pattern.startswith("(?P=", at) or pattern.startswith("(?(", at):
                raise PatternError("Back references are not supported: they can take for ever.")
            groups.append(False)
            at, after_group = at + (2 if pattern.startswith("(?", at) else 1), False
            continue
        if char == ")":
            closed_risky = groups.pop() if len(groups) > 1 else False
            groups[-1] = groups[-1] or closed_risky
            at, after_group = at + 1, True
            continue
        repeat = _REPEAT.match(pattern, at)
        if repeat and (repeat[0] in "*+?" or repeat[1] or repeat[3]):
            is_open, many = _kind(repeat)
            if many and after_group and closed_risky:
                raise PatternError("A repeated group may not itself repeat or choose: that can take for ever.")
            total += is_open
            groups[-1] = True
            at, after_group = repeat.end(), False
            continue
        groups[-1] = groups[-1] or char == "|"
        at, after_group = at + 1, False
    return total


def _kind(repeat: re.Match[str]) -> tuple[bool, bool]:
    """Whether a quantifier has no small bound, and whether it can repeat at all."""
    if repeat[0] in "*+":
        return True, True
    if repeat[0] == "?":
        return False, False
    most = int(repeat[3]) if repeat[3] else None if repeat[2] else int(repeat[1] or 0)
    return most is None or most >= _OPEN_REPEAT_FROM, most is None or most > 1


def _class_end(pattern: str, start: int) -> int:
    at = start + 1
    if pattern[at : at + 1] == "^":
        at += 1
    if pattern[at : at + 1] == "]":
        at += 1
    while at < len(pattern) and pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    return at + 1
