"""Text as cells: one character of a ``str`` for each column, whatever the characters of the text are.

The second column of a wide character is ``TAIL``; a character with marks on it is one character of a private plane,
kept in a table. So a row of the screen is a plain string as long as the screen is wide, and strings of equal length
are cut, joined and compared at the speed of C.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rich.cells import cell_len, split_graphemes

TAIL = "\0"
"""The second column of the wide character before it."""
BLANK = " "
FIRST_CLUSTER = 0xF0000
"""Where the private plane begins; text of that plane is never shown, it is not printable."""
CLUSTERS_MOST = 0xFFF0

_NARROW = r"\x20-\x7e\xa1-\xac\xae-\u02af\u0370-\u0377\u0384-\u038a\u038e-\u03ff\u0400-\u0482\u048a-\u052f"
_SIGNS = r"\u2010-\u2027\u2030-\u2044\u2190-\u2193\u2500-\u25fc\u2400-\u2426\u00a0"
_SURE = re.compile(rf"[{_NARROW}{_SIGNS}\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3\x00]*")
"""Characters that every terminal draws as wide as they are measured."""


class Clusters:
    """The characters with marks, joiners or selectors that are on the screen, each as one character of the plane."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._known: dict[str, str] = {}

    @property
    def full(self) -> bool:
        """Whether no more can be kept; what comes now is shown without its marks."""
        return len(self._texts) >= CLUSTERS_MOST

    def of(self, text: str) -> str:
        known = self._known.get(text)
        if known is None:
            if self.full:
                return text[0]
            known = self._known[text] = chr(FIRST_CLUSTER + len(self._texts))
            self._texts.append(text)
        return known

    def text(self, char: str) -> str:
        """What a terminal is sent for one character of a row."""
        at = ord(char) - FIRST_CLUSTER
        return self._texts[at] if at >= 0 else char

    def clear(self) -> None:
        self._texts.clear()
        self._known.clear()


def is_sure(cells: str) -> bool:
    """Whether terminals agree how many columns each of the characters takes."""
    return cells.isascii() or _SURE.fullmatch(cells) is not None


def cells_of(text: str, clusters: Clusters) -> str:
    """``text`` as cells; of the length that Textual measures for it."""
    if text.isascii():
        return text
    spans = _spans(text)
    if spans is None:
        return text
    parts: list[str] = []
    for start, end, width in spans:
        char = text[start:end]
        if width:
            parts.append((char if end - start == 1 else clusters.of(char)) + TAIL * (width - 1))
        elif parts:  # a mark on what stands before it
            head = parts[-1]
            parts[-1] = clusters.of(clusters.text(head[0]) + char) + head[1:]
    cells, width = "".join(parts), cell_len(text)
    return cells if len(cells) == width else cells[:width].ljust(width)


@lru_cache(maxsize=4096)
def _spans(text: str) -> tuple[tuple[int, int, int], ...] | None:
    """Characters as half-open spans with their widths; ``None`` when each is one character of one column."""
    spans, width = split_graphemes(text)
    if width == len(text) and all(cells == 1 for _, _, cells in spans):
        return None
    return tuple(spans)
