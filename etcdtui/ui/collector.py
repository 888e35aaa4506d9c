"""Keep the garbage collector from holding up the screen."""

from __future__ import annotations

import gc

START = 200_000
"""New objects between two collections until the first keys: more than the start makes, of which little is garbage."""
YOUNG = 4_000
"""New objects between two collections afterwards: painting makes cycles, and freeing 50,000 objects takes 40 ms."""
MIDDLE = 5
OLD = 10
LONG = 20_000
"""Names in a list from which a collection that walks it is felt: 300,000 take about 40 ms."""


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


def leave_out_names(count: int) -> bool:
    """Take a list of ``count`` names out of collections when it is long, with all else alive; whether it was.

    A list stays left out while it is the same one, however it grows, so this is done once a list.
    """
    if count >= LONG:
        gc.freeze()
        owe_collection()
    return count >= LONG


_owed = False


def owe_collection() -> None:
    """Much was let go, or left out with what had been let go: a whole collection is due when nobody waits for anything.

    What is left out and hangs together in a ring, as a screen and its widgets do, is not freed otherwise.
    """
    global _owed
    _owed = True


def collect_what_is_owed() -> bool:
    """Collect everything once if that is due, also what was left out, and leave out again what stays; whether it was.

    It takes about 50 ms.
    """
    global _owed
    if not _owed:
        return False
    _owed = False
    left_out = gc.get_freeze_count() > 0
    gc.unfreeze()
    gc.collect()
    if left_out:
        gc.freeze()
    return True
