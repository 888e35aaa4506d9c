"""Whether concurrent operations on one register could have happened one after the other (Wing and Gong, with memory).

Knows nothing of revisions: only what was asked, what was answered, and when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Needs = Literal["nothing", "equal", "unequal", "present"]
Value = str | None
FOREVER = 2**63


@dataclass(frozen=True)
class Step:
    """One operation between ``began`` and ``ended``: it is possible only while ``needs`` holds of the value, and then
    leaves ``leaves`` (where ``writes``). One of unknown fate never has to happen."""

    began: int
    ended: int
    needs: Needs = "nothing"
    value: Value = None
    writes: bool = False
    leaves: Value = None
    optional: bool = False

    def possible(self, value: Value) -> bool:
        match self.needs:
            case "equal":
                return value == self.value
            case "unequal":
                return value != self.value
            case "present":
                return value is not None
        return True


def linearizable(steps: Sequence[Step], initial: Value = None) -> bool:
    """Whether some order of the steps explains all of them, none moved outside of its own time.

    Depth first: whatever may come next is tried; what was tried with the same remainder and the same value is not
    tried again.
    """
    count = len(steps)
    order = sorted(range(count), key=lambda index: steps[index].began)
    required = sum(1 << index for index in range(count) if not steps[index].optional)
    seen: set[tuple[int, Value]] = set()
    stack: list[tuple[int, Value, int]] = []  # done so far, value, where in ``order`` to go on trying
    done, value, place = 0, initial, 0
    first = 0  # everything in ``order`` before it is done
    firsts: list[int] = []
    while True:
        if done & required == required:
            return True
        latest = FOREVER  # no step may come before one that ended before it began
        at, found = first, False
        while at < count:
            index = order[at]
            step = steps[index]
            if step.began > latest:
                break
            if not done >> index & 1:
                if at >= place and step.possible(value):
                    after = step.leaves if step.writes else value
                    key = (done | 1 << index, after)
                    if key not in seen:
                        seen.add(key)
                        stack.append((done, value, at + 1))
                        firsts.append(first)
                        done, value, place, found = key[0], after, 0, True
                        break
                if not step.optional:
                    latest = min(latest, step.ended)
            at += 1
        if found:
            while first < count and done >> order[first] & 1:
                first += 1
            continue
        if not stack:
            return False
        done, value, place = stack.pop()
        first = firsts.pop()
