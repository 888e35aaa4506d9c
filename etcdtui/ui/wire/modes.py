"""What is switched on at a terminal, and how it is given back; needs nothing but the standard library."""

from __future__ import annotations

import termios
from typing import Any

KITTY_KEYS = 1 | 8 | 16
"""Escape codes told apart, all keys as codes, with the text they make (the keyboard protocol of kitty)."""
TAKEN = (
    "\x1b[?1049h"  # the other screen
    "\x1b[?25l"  # no cursor
    "\x1b[?1004h"  # focus is told
    "\x1b[?2004h"  # pastes are marked
    "\x1b[?7l"  # no wrapping
    "\x1b[?2048$p"  # whether sizes can be told in the stream
)
KITTY_ON, KITTY_OFF = f"\x1b[>{KITTY_KEYS}u", "\x1b[<u"
MOUSE = "\x1b[?1000h\x1b[?1002h\x1b[?1015h\x1b[?1006h"
"""Clicks, wheels and drags, not the pointer that merely moves: what lies under it would be painted again."""
MOUSE_OFF = "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"
RESTORED = f"\x1b[m\x1b[?2026l\x1b[r\x1b[?7h\x1b[?2004l\x1b[?2048l{MOUSE_OFF}{KITTY_OFF}\x1b[?1049l\x1b[?25h\x1b[?1004l"
"""Gives a terminal back whatever was switched on; kitty's keys before the screen is left, which has them of its own."""
ABANDON = "\x18\x1b\\"
"""Ends whatever sequence was cut in two (ECMA-48 CAN, then ST)."""

INPUT, LOCAL, CHARACTERS = 0, 3, 6
"""Where in the list of ``tcgetattr`` these flags are."""


def raw_of(attributes: list[Any]) -> list[Any]:
    """The attributes of a terminal, of ``termios.tcgetattr``, with each key told at once, as it is, and not echoed."""
    raw = [*attributes[:CHARACTERS], [*attributes[CHARACTERS]]]
    raw[LOCAL] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
    raw[INPUT] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
    raw[CHARACTERS][termios.VMIN] = 1
    raw[CHARACTERS][termios.VTIME] = 0
    return raw
