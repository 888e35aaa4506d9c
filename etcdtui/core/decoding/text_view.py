"""The views every value has: its text and its bytes."""

from __future__ import annotations

from functools import cache

from etcdtui.core.decoding import json_text, masking
from etcdtui.core.decoding.lines import HexLines, TextLines
from etcdtui.core.decoding.result import HIDDEN, Lines, View


def text_view(text: str, name: str = "text", syntax: str = "") -> View:
    return View(name, cache(lambda: TextLines(text)), syntax)


def hex_view(data: bytes, *, hidden: bool = False, name: str = "hex") -> View:
    if hidden:
        return View(name, lambda: [f"{HIDDEN} fields are hidden; reveal them to see the bytes"])
    return View(name, lambda: HexLines(data))


def json_views(text: str, hidden: frozenset[str]) -> tuple[View, ...]:
    """Pretty first, then as it is stored."""

    @cache
    def pretty() -> Lines:
        return json_text.pretty(text, hidden)

    @cache
    def stored() -> Lines:
        return TextLines(json_text.mask(text, hidden) if hidden else text)

    return View("JSON", pretty, "json"), View("text", stored, "json")


def masked_text(text: str, hidden: frozenset[str]) -> tuple[str, bool]:
    """The text with hidden fields replaced, and whether there were any."""
    shown = masking.mask_lines(text, hidden)
    return shown, shown is not text and shown != text
