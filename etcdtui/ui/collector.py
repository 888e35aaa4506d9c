"""Keep the garbage collector from holding up the screen."""

from __future__ import annotations

import gc

YOUNG = 50_000
MIDDLE = 50
OLD = 1_000


def calm_collector() -> None:
    """Leave what is loaded at the start out of collections, and collect in larger steps.

    A full collection over all of Textual's and gRPC's objects takes about a tenth of a second, and reading hundreds
    of thousands of keys would cause several.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
