"""Places one comes back to: bookmarks of the profile, bookmarks and recent places of earlier runs, back and forward."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from etcdtui.config.state import load_places, save_places
from etcdtui.core.keypath import KeySyntaxError, parse_key
from etcdtui.core.value import record

RECENT_KEPT = 50
KEPT_BYTES = 1024
"""The longest name that is kept between runs."""


@record(frozen=False)
class Places:
    """``bookmarks`` by name, those of the profile in ``fixed``; ``trail`` is what ``[`` and ``]`` walk along, ``at``
    the place shown now; ``earlier`` are places of earlier runs, newest first."""

    profile: str = ""
    bookmarks: dict[str, bytes] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    trail: list[bytes] = field(default_factory=list)
    at: int = -1
    earlier: list[bytes] = field(default_factory=list)

    @classmethod
    def from_profile(cls, profile: str, bookmarks: Mapping[str, str]) -> Places:
        found: dict[str, bytes] = {}
        for name, text in bookmarks.items():
            try:
                found[name] = parse_key(text)
            except KeySyntaxError:
                found[name] = text.encode("utf-8", "surrogateescape")
        return cls(profile, found, frozenset(found))

    def visit(self, place: bytes) -> None:
        """A new place; what was ahead is forgotten."""
        if 0 <= self.at < len(self.trail) and self.trail[self.at] == place:
            return
        del self.trail[self.at + 1 :]
        self.trail.append(place)
        del self.trail[:-RECENT_KEPT]
        self.at = len(self.trail) - 1

    def back(self) -> bytes | None:
        return self._go(self.at - 1)

    def forward(self) -> bytes | None:
        return self._go(self.at + 1)

    def _go(self, index: int) -> bytes | None:
        if not 0 <= index < len(self.trail):
            return None
        self.at = index
        return self.trail[index]

    def recent(self) -> list[bytes]:
        """Places of this run and of earlier ones, newest first, each once."""
        return list(dict.fromkeys([*reversed(self.trail), *self.earlier]))[:RECENT_KEPT]

    def name_of(self, place: bytes) -> str:
        """The name of the bookmark on a place; empty when there is none."""
        return next((name for name, path in self.bookmarks.items() if path == place), "")

    def add(self, place: bytes) -> str:
        """Bookmark a place; the name it gets."""
        name = place.rstrip(b"/").rsplit(b"/", 1)[-1].decode("utf-8", "backslashreplace") or "place"
        while name in self.bookmarks:
            name += "'"
        self.bookmarks[name] = place
        return name

    def drop(self, place: bytes) -> None:
        """Forget the bookmark; those of the profile stay."""
        for name in [n for n, path in self.bookmarks.items() if path == place and n not in self.fixed]:
            del self.bookmarks[name]

    # --- between runs ------------------------------------------------------------------------------------

    def load(self, folder: Path) -> None:
        """Add what earlier runs kept. Reads a file."""
        kept = load_places(folder)
        for place in kept.bookmarks:
            if place.profile == self.profile and not self.name_of(place.key_bytes):
                name = place.name or "place"
                while name in self.bookmarks:
                    name += "'"
                self.bookmarks[name] = place.key_bytes
        self.earlier = [place.key_bytes for place in kept.recent if place.profile == self.profile]

    def keep_visit(self, folder: Path, place: bytes) -> None:
        """Remember a place for later runs, unless its name is very long. Writes a file; raises ``OSError``."""
        if len(place) > KEPT_BYTES:
            return
        save_places(folder, load_places(folder).visited(self.profile, place))

    def keep_bookmark(self, folder: Path, place: bytes, name: str) -> None:
        """Remember the bookmark, or with an empty name its absence. Writes a file; raises ``OSError``."""
        if len(place) > KEPT_BYTES:
            raise OSError(errno.ENAMETOOLONG, "a name of that length is not kept")
        kept = load_places(folder)
        save_places(folder, kept.marked(self.profile, place, name) if name else kept.unmarked(self.profile, place))
