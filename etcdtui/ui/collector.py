"""Keep the garbage collector from holding up the screen."""

from __future__ import annotations

import gc

YOUNG = 50_000
MIDDLE = 50
OLD = 1_000


def calm_collector() -> None:
    """Collect in large steps: reading hundreds of thousands of keys would cause many. Call it before heavy imports."""
    gc.set_threshold(YOUNG, MIDDLE, OLD)


def leave_out_what_is_loaded() -> None:
    """Take everything alive out of collections: a full one over Textual and gRPC takes about a tenth of a second.

    Nothing is collected first, which would take as long while somebody waits for the first keys.
    """
    gc.freeze()
