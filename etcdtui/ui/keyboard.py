"""Bytes from the terminal that are not UTF-8 are shown as a replacement sign.

Textual's driver decodes strictly, so that a single such byte, typed in another encoding or pasted, ends the program.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from functools import partial

from textual.drivers import linux_driver


def _lenient_decoder(encoding: str) -> Callable[[], codecs.IncrementalDecoder]:
    return partial(codecs.getincrementaldecoder(encoding), errors="replace")


def tolerate_bad_bytes() -> None:
    """To be called before the application runs; calling it again changes nothing."""
    vars(linux_driver)["getincrementaldecoder"] = _lenient_decoder
