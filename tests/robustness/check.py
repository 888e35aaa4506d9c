"""The judge: every complaint about a history."""

from __future__ import annotations

from tests.robustness import promises, store
from tests.robustness.history import History


def complaints(history: History) -> list[str]:
    """Sentences about what cannot be true, none when all is well."""
    linear, found = store.check(history)
    found = [*history.complaints, *found]
    for watch in history.watches:
        found += promises.check(watch, linear, loses_a_delete=history.loses_a_delete)
    return found
