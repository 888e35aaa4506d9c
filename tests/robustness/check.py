"""The judge: every complaint about a history."""

from __future__ import annotations

from tests.robustness import promises, store
from tests.robustness.history import History

KEEPS_DELETES = {(3, 4): 34, (3, 5): 16}
"""Patch release from which a watch gets the deletion at the revision that was compacted."""


def complaints(history: History) -> list[str]:
    """Sentences about what cannot be true, none when all is well."""
    linear, found = store.check(history)
    found = [*history.complaints, *found]
    old = history.version[2] < KEEPS_DELETES.get(history.version[:2], 0)
    for watch in history.watches:
        found += promises.check(watch, linear, loses_a_delete=old)
    return found
