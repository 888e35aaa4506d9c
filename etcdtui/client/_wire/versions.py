"""Which faults a server's version has."""

from __future__ import annotations

from collections.abc import Mapping

_PROGRESS_WAITS = {(3, 4): 25, (3, 5): 8}


def before(version: str, patches: Mapping[tuple[int, int], int]) -> bool:
    """Whether ``"3.5.1"`` is older than the patch release told for its minor version; false for what is no version."""
    numbers = version.split("-")[0].split(".")
    if len(numbers) != 3 or not all(number.isdigit() for number in numbers):
        return False
    major, minor, patch = map(int, numbers)
    return patch < patches.get((major, minor), 0)


def tells_progress_early(version: str) -> bool:
    """Whether a request for progress is answered at once, whatever events are still to be sent (mended by 15248)."""
    return before(version, _PROGRESS_WAITS)
