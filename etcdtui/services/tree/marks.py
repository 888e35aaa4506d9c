"""Marked keys and folders, which the next write takes instead of the row under the cursor.

A mark lasts as long as what it is on: nobody should be surprised by the mark of a key that is gone, or that came back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from etcdtui.core.keytree import KeyTree, Level, State
from etcdtui.core.listing import folders_of


class Marks:
    """Paths of keys, and of folders with their separator at the end."""

    def __init__(self, tree: KeyTree) -> None:
        self._tree = tree
        self._marked: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._marked)

    def __iter__(self) -> Iterator[bytes]:
        return iter(sorted(self._marked))

    def __contains__(self, path: bytes) -> bool:
        return path in self._marked

    def toggle(self, path: bytes) -> None:
        self._marked ^= {path}

    def add(self, paths: Iterable[bytes]) -> None:
        self._marked.update(paths)

    def clear(self) -> None:
        self._marked.clear()

    def settle(self) -> bool:
        """Take the marks off whatever is shown no longer where it would have to be; whether there was any."""
        if not self._marked:
            return False
        levels = {level.prefix: level for level in self._tree.root.walk()}
        gone = {path for path in self._marked if self._is_gone(path, levels)}
        self._marked -= gone
        return bool(gone)

    def _is_gone(self, path: bytes, levels: Mapping[bytes, Level]) -> bool:
        above = b""
        for step in [*folders_of(path, self._tree.separators), path]:
            level = levels.get(above)
            if level is None or level.state is not State.READY or level.roots:
                return False
            if step != above and level.find(step[len(above) :]) < 0:
                return True
            above = step
        return False
