"""What a write is about to do, as data: shown in a review, judged by the guard, recorded by the audit.

A plan says in words what will happen (``lines``), how bad it is (``action_class``) and exactly what may be
sent for it (``scope``). Words are ours; keys and values inside lines are raw ``bytes`` until they are displayed.
"""

from __future__ import annotations

import re
from dataclasses import field
from enum import Enum, IntEnum
from functools import lru_cache
from typing import Literal

from etcdtui.core import ranges
from etcdtui.core.types import WriteIntent
from etcdtui.core.value import Value, record

Tone = Literal["plain", "add", "remove", "warn", "dim", "head"]
Range = tuple[bytes, bytes]


class ActionClass(IntEnum):
    """R1 reversible and one key, R2 several keys or one way, R3 the cluster, R4 can lose quorum, data or access."""

    R1 = 1
    R2 = 2
    R3 = 3
    R4 = 4


class ConfirmKind(Enum):
    """How a person agrees: ``ASK`` is a button that is not focused, ``TYPE`` the name of the thing destroyed."""

    NONE = "none"
    REVIEW = "review"
    ASK = "ask"
    TYPE = "type"


class Confirmation(Value):
    """``word`` is typed for ``TYPE``; ``phrase`` is a second line to type, followed by a revision, for the worst."""

    kind: ConfirmKind
    word: str = ""
    phrase: str = ""

    def accepts(self, typed: str, second: str = "") -> bool:
        if self.kind is not ConfirmKind.TYPE:
            return True
        if typed.strip() != self.word.strip() or not self.word.strip():
            return False
        if not self.phrase:
            return True
        return re.fullmatch(re.escape(self.phrase) + r"\s*\d+", second.strip()) is not None

    def mismatch(self, typed: str) -> str:
        """What is wrong with what was typed, in a sentence."""
        if typed.strip() != self.word.strip():
            return f"The name does not match: {self.word} has to be typed."
        return f'The second line does not match: it begins with "{self.phrase}" and ends with a revision.'


SNAPSHOT_PHRASE = "I have a snapshot: rev"


class _Reach(Value):
    """Ranges with the single keys apart, so that a plan of many keys is checked quickly."""

    keys: frozenset[bytes]
    wide: tuple[Range, ...]

    @classmethod
    def of(cls, given: tuple[Range, ...]) -> _Reach:
        return cls(frozenset(key for key, end in given if not end), tuple(r for r in given if r[1]))

    def covers(self, wanted: Range) -> bool:
        key, end = wanted
        return (not end and key in self.keys) or any(ranges.contains(r, wanted) for r in self.wide)


@record()
class Scope:
    """The most that a permit allows: RPC names (``"KV/Txn"``) and what they may touch.

    ``puts`` and ``deletes`` are ranges; ``leases`` and ``members`` are IDs, ``None`` meaning any.
    ``listed`` says that every key of the ranges was looked at and none is protected.
    """

    methods: frozenset[str]
    puts: tuple[Range, ...] = ()
    deletes: tuple[Range, ...] = ()
    leases: frozenset[int] | None = frozenset()
    members: frozenset[int] | None = frozenset()
    listed: bool = False
    _puts: _Reach = field(init=False, repr=False, compare=False)
    _deletes: _Reach = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_puts", _Reach.of(self.puts))
        object.__setattr__(self, "_deletes", _Reach.of(self.deletes))

    def may_put(self, key: bytes) -> bool:
        return self._puts.covers((key, b""))

    def refusal(self, intent: WriteIntent) -> str:
        """Why ``intent`` is outside, or the empty string when it is covered."""
        if intent.method not in self.methods:
            return f"{intent.method} was not confirmed"
        for key in intent.puts:
            if not self.may_put(key):
                return "a key that was not confirmed would be written"
        for wanted in intent.deletes:
            if not self._deletes.covers(wanted):
                return "a key that was not confirmed would be deleted"
        owned = not intent.method.startswith("KV/")
        if owned and intent.lease and self.leases is not None and intent.lease not in self.leases:
            return "another lease than the confirmed one"
        if owned and intent.member and self.members is not None and intent.member not in self.members:
            return "another member than the confirmed one"
        return ""


class PlanLine(Value):
    """One line of a review: pieces in order, ``bytes`` for what came from a server or a person."""

    parts: tuple[str | bytes, ...]
    tone: Tone = "plain"


def line(*parts: str | bytes, tone: Tone = "plain") -> PlanLine:
    """Shorthand for building a ``PlanLine``."""
    return PlanLine(parts, tone)


class Fact(Value):
    """One thing that a write changes: what kind of thing, its name, how it is now and how it becomes.

    The review and the audit line are both made of facts. ``str`` is our own, ``bytes`` came from a server or a
    person. A thing that is new has no ``before``. Values and passwords are in none of these; ``shown`` is what the
    review shows instead where it has to show a value.
    """

    what: str
    name: bytes = b""
    before: str | bytes = ""
    after: str | bytes = ""
    tone: Tone = "plain"
    shown: tuple[str | bytes, ...] = ()

    @property
    def line(self) -> PlanLine:
        """``member n2   voter -> removed``."""
        if self.shown:
            return PlanLine(self.shown, self.tone)
        parts: list[str | bytes] = [f"{self.what} "] if self.what else []
        parts += [self.name, "   "] if self.name else []
        parts += [self.before, " -> "] if self.before else []
        return PlanLine((*parts, self.after), self.tone)


class WritePlan(Value):
    """A write before it happens.

    ``action`` names it in two or three words (``"delete prefix"``), ``target`` is what it concerns,
    ``target_word`` what is typed where typing is asked. ``keys`` are the keys known to be written or deleted,
    ``values`` the first bytes of the values they hold now (for recognising foreign owners); ``over_limit`` raises
    the class to R4. ``changes`` counts keys, ``size`` bytes sent. ``blocked`` is a reason why it may never run.
    ``listing`` has a line for each key, of which a review shows the first few until all are asked for. ``facts`` are
    what changes, before and after, ``named`` the things a person pointed at where those are several.
    """

    action: str
    target: bytes
    action_class: ActionClass
    scope: Scope
    target_word: str = ""
    lines: tuple[PlanLine, ...] = ()
    condition: str = ""
    etcdctl: str = ""
    keys: tuple[bytes, ...] = ()
    values: tuple[tuple[bytes, bytes], ...] = ()
    changes: int = 1
    size: int = 0
    undo: str = ""
    blocked: str = ""
    listing: tuple[PlanLine, ...] = ()
    facts: tuple[Fact, ...] = ()
    named: tuple[bytes, ...] = ()


@lru_cache(maxsize=512)
def _glob(pattern: str) -> re.Pattern[bytes]:
    out, i = "", 0
    while i < len(pattern):
        if pattern.startswith("**/", i) and (i == 0 or pattern[i - 1] == "/"):
            out, i = out + "(?:.*/)?", i + 3
        elif pattern.startswith("**", i):
            out, i = out + ".*", i + 2
        elif pattern[i] == "*":
            out, i = out + "[^/]*", i + 1
        elif pattern[i] == "?":
            out, i = out + "[^/]", i + 1
        else:
            out, i = out + re.escape(pattern[i]), i + 1
    return re.compile(out.encode(), re.DOTALL)


def glob_matches(pattern: str, key: bytes) -> bool:
    """``*`` and ``?`` stay inside one segment, ``**`` crosses ``/``, ``**/x`` also matches ``x`` itself."""
    return _glob(pattern).fullmatch(key) is not None


def glob_touches(pattern: str, key: bytes, end: bytes) -> bool:
    """Whether the range could hold a key that ``pattern`` matches; errs on the side of yes."""
    if end == b"":
        return glob_matches(pattern, key)
    literal = re.split(r"[*?]", pattern, maxsplit=1)[0].encode()
    reach = ranges.prefix_range(literal) if literal != pattern.encode() else (literal, b"")
    return ranges.intersect(reach, (key, end)) is not None


def last_segment(key: bytes) -> bytes:
    """The last path segment with its trailing separator: ``b"/config/old/"`` gives ``b"old/"``."""
    head = key.rstrip(b"/")
    return key[head.rfind(b"/") + 1 :] if head else key
