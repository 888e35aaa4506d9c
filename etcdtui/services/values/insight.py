"""Values as a search understands them: their fields, the text they are shown in, and what of them may be shown."""

from __future__ import annotations

import re
from functools import cache

from etcdtui.config.schema import Mask
from etcdtui.core.decoding import kube_object, kubernetes
from etcdtui.core.search import KeyGlob
from etcdtui.core.tree import Tree
from etcdtui.services.values import packing
from etcdtui.services.values.formats import read
from etcdtui.services.values.valuediff import Hiding, text

COVERED = b"(masked)"
_WORDS = re.compile(r"[A-Za-z0-9_]+")
_WRITTEN_OTHERWISE = re.compile(r"[0-9]+[TZ]?[0-9]*Z?|true|false|null", re.IGNORECASE)
"""Words that may stand in YAML for bytes that are not them: numbers, parts of times, truth."""


class Insights:
    """For the values of one profile, whose masks hold in whatever is shown."""

    def __init__(self, mask: Mask) -> None:
        fields = frozenset(name.lower() for name in mask.fields)
        self._globs = [KeyGlob(pattern) for pattern in mask.keys]
        self._hiding = Hiding(fields, secrets=True)

    def document(self, value: bytes) -> Tree:
        """The fields of a value, ``None`` where it has none."""
        made = read(value)
        return made.tree if made is not None else None

    def readable(self, key: bytes, value: bytes, pattern: str) -> bytes | None:
        """The text a value is shown in where that is not what is stored: an object as YAML, compressed text unpacked.

        ``None`` also where ``pattern`` cannot be in it. What is masked is not in it.
        """
        if self._is_whole(key):
            return None
        if value.startswith(kubernetes.MAGIC):
            if not _may_hold(value, pattern):
                return None
        elif packing.unpack(value) is None:
            return None
        made = self._hiding.decode(value)
        return "\n".join(made.views[0].lines()).encode("utf-8", "surrogateescape") if made.views else None

    def cover(self, key: bytes, value: bytes, start: int, end: int) -> bytes:
        """A piece of the stored bytes; words instead of it where a masked part may be in it."""
        if self._is_whole(key):
            return COVERED
        shown = text(value, self._hiding)
        if shown is None:
            return COVERED if self._hiding.decode(value).masked else value[start:end]
        stored = value[start:end]
        return stored if stored in shown.encode() else COVERED

    def _is_whole(self, key: bytes) -> bool:
        return any(glob.matches(key) for glob in self._globs)


@cache
def _names() -> bytes:
    """All names of fields that YAML of an object may have beside what is stored, in lower case."""
    return kube_object.field_names().lower().encode()


def _may_hold(value: bytes, pattern: str) -> bool:
    """Whether every word of a pattern is in the stored bytes, is the name of a field, or is written otherwise there."""
    words = _WORDS.findall(pattern.lower())
    stored = value.lower()
    return all(
        (data := word.encode()) in stored or data in _names() or _WRITTEN_OTHERWISE.fullmatch(word) for word in words
    )
