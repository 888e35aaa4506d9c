"""Bytes from the keyboard taken apart before Textual's parser sees them: Esc and a letter are two keys.

A terminal sends alt and a letter as ESC and the letter. So do a person who presses Esc and at once a letter, tmux that
waited to see what follows an Esc, and a slow line that brings both in one piece. Where alt and that letter do nothing,
it was Esc.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator

ESC = "\x1b"
PASTE_BEGIN, PASTE_END = f"{ESC}[200~", f"{ESC}[201~"
INTRODUCERS = "[OPNX^_]\\"
"""What makes a longer sequence of an ESC before it (ECMA-48: CSI, SS3, DCS, SS2, SOS, PM, APC, OSC, ST)."""
_APART = re.compile(rf"{ESC}(?=[^\x00-\x1f{re.escape(INTRODUCERS)}])|{re.escape(PASTE_BEGIN)}|{re.escape(PASTE_END)}")


class Typed:
    """What was typed, piece by piece: texts for the parser, and ``ESC`` alone for the key of that name."""

    def __init__(self, is_bound: Callable[[str], bool]) -> None:
        self._is_bound = is_bound
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        self._pasting = False
        self._held = False

    @property
    def held(self) -> bool:
        """Whether an ESC came last: the key, unless more follows at once."""
        return self._held

    def pieces(self, data: bytes) -> Iterator[str]:
        """The pieces that ``data`` makes with what was held. Bytes that are not UTF-8 become replacement signs."""
        text = (ESC if self._held else "") + self._decode(data)
        self._held = text.endswith(ESC) and not self._pasting
        if self._held:
            text = text[:-1]
        done = 0
        for found in _APART.finditer(text):
            if found.group() != ESC:
                self._pasting = found.group() == PASTE_BEGIN
            elif not self._pasting and not self._is_bound(text[found.end()]):
                if found.start() > done:
                    yield text[done : found.start()]
                yield ESC
                done = found.end()
        if done < len(text):
            yield text[done:]

    def wait_no_more(self) -> Iterator[str]:
        """Nothing followed the ESC that is held."""
        if self._held:
            self._held = False
            yield ESC
