"""Screens that are opened above others, and end with something chosen or with nothing."""

from __future__ import annotations

from etcdtui.core.types import KeyValue
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.frame.host import Chosen


class PlaceScreen(ClusterScreen):
    """A screen above another one. A subclass takes ``(session, host, wanted)``, its own kind of ``Visit``."""

    chosen: bytes = b""
    marks: frozenset[bytes] = frozenset()
    """Keys to mark in the tree."""
    restore: KeyValue | None = None
    undelete: int = 0

    @property
    def outcome(self) -> Chosen:
        """What the screen below should do now."""
        return Chosen(self.chosen, self.marks, self.restore, self.undelete)
