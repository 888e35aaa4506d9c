"""Keep the garbage collector from holding up the screen."""

from __future__ import annotations

import gc

START = 200_000
"""New objects between two collections until the first keys: more than the start makes, of which little is garbage."""
YOUNG = 4_000
"""New objects between two collections afterwards: painting makes cycles, and freeing 50,000 objects takes 40 ms."""
MIDDLE = 5
OLD = 10


def calm_collector() -> None:
    """Collect in large steps. Call it before heavy imports."""
    gc.set_threshold(START, 50, 1000)


def leave_out_what_is_loaded() -> None:
    """Take everything alive out of collections: a full one over Textual and gRPC takes about a tenth of a second.

    Nothing is collected first, which would take as long while somebody waits for the first keys. From here on
    collections are many and short.
    """
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
