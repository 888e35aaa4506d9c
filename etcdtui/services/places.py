"""Places one comes back to: bookmarks of the profile and of this run, and where one was, back and forward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from etcdtui.core.keypath import KeySyntaxError, parse_key

RECENT_KEPT = 50


@dataclass(slots=True)
class Places:
    """``bookmarks`` by name; ``trail`` is what ``[`` and ``]`` walk along, ``at`` the place shown now."""

    bookmarks: dict[str, bytes] = field(default_factory=dict)
    trail: list[bytes] = field(default_factory=list)
    at: int = -1
    last: int = -1

    @classmethod
    def from_profile(cls, bookmarks: Mapping[str, str]) -> Places:
        found: dict[str, bytes] = {}
        for name, text in bookmarks.items():
            try:
                found[name] = parse_key(text)
            except KeySyntaxError:
                found[name] = text.encode("utf-8", "surrogateescape")
        return cls(found)

    def visit(self, place: bytes) -> None:
        """A new place; what was ahead is forgotten."""
        if 0 <= self.at < len(self.trail) and self.trail[self.at] == place:
            return
        del self.trail[self.at + 1 :]
        self.trail.append(place)
        del self.trail[:-RECENT_KEPT]
        self.last = len(self.trail) - 2
        self.at = len(self.trail) - 1

    def back(self) -> bytes | None:
        return self._go(self.at - 1)

    def forward(self) -> bytes | None:
        return self._go(self.at + 1)

    def swap(self) -> bytes | None:
        """The place before this one, whatever the direction."""
        return self._go(self.last)

    def _go(self, index: int) -> bytes | None:
        if not 0 <= index < len(self.trail):
            return None
        self.last, self.at = self.at, index
        return self.trail[index]

    def recent(self) -> list[bytes]:
        """Places of this run, newest first, each once."""
        return list(dict.fromkeys(reversed(self.trail)))

    def toggle(self, place: bytes) -> bool:
        """Bookmark a place for this run, or drop the bookmark; whether it is one now."""
        known = [name for name, path in self.bookmarks.items() if path == place]
        if known:
            for name in known:
                del self.bookmarks[name]
            return False
        name = place.rstrip(b"/").rsplit(b"/", 1)[-1].decode("utf-8", "backslashreplace") or "place"
        while name in self.bookmarks:
            name += "'"
        self.bookmarks[name] = place
        return True
