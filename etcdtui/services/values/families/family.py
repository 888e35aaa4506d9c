"""What a family of keys is: shapes of keys with names in words, who owns them, what a write would do, and jumps."""

from __future__ import annotations

import re

from etcdtui.core.keynames import find, in_words, pattern
from etcdtui.core.value import Value

MAX_KEY = 1_000
"""Bytes of a key that is looked at."""


class Rule(Value):
    """Keys of one shape. ``name`` is their name in words, ``effect`` a sentence: what a write to one would do."""

    match: str
    name: str
    effect: str = ""


class Family(Value):
    """``schemes`` are the words of a jump (``k8s`` of ``k8s:NAME``). ``advice`` is the safer way than a write, in a
    sentence; empty where a person writes these keys. ``jumps`` are patterns whose variables are what is typed, part by
    part; what fits none of them is searched for below ``root``.
    """

    name: str
    schemes: tuple[str, ...]
    rules: tuple[Rule, ...]
    advice: str = ""
    jumps: tuple[str, ...] = ()
    root: bytes = b""

    def recognise(self, key: bytes) -> Named | None:
        """The key or folder by the first rule that fits; ``None`` when it is none of this family."""
        if len(key) > MAX_KEY:
            return None
        text = key.decode("utf-8", "surrogateescape")
        for rule in self.rules:
            if (found := find(rule.match, text)) is not None:
                return Named(self, in_words(rule.name, found), rule.effect)
        return None

    def jump(self, words: str) -> Jump:
        """Where ``words`` lead to."""
        parts = [part for part in words.strip("/ ").split("/") if part]
        for shape in self.jumps:
            if (path := pattern(shape).fill(parts)) is not None:
                return Jump(path=path.encode("utf-8", "surrogateescape"))
        wanted = re.escape("/".join(parts))
        return Jump(below=self.root, search=f"^/(^|/){wanted}(/|$)/" if parts else "")


class Named(Value):
    """A key in words: ``name`` without its family's, which is ``family.name``; ``effect`` of a write, where known."""

    family: Family
    name: str
    effect: str

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know before a write: whose it is and the safer way, and what a write does."""
        owner = f"{self.family.name} manages this key. {self.family.advice}".strip()
        return (f"{self.name}: {owner}", *([f"A write here: {self.effect}"] if self.effect else []))

    @property
    def words(self) -> str:
        """``Patroni: leader of pg-main``."""
        return f"{self.family.name}: {self.name}"


class Jump(Value):
    """A ``path`` to go to, or what to ``search`` for ``below`` a prefix; with neither, the prefix itself."""

    path: bytes = b""
    below: bytes = b""
    search: str = ""
