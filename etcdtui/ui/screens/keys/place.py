"""What search, census and history have in common: they end with a place, or with none."""

from __future__ import annotations

from etcdtui.ui.screens.base import ClusterScreen


class PlaceScreen(ClusterScreen):
    """A screen above the Keys screen in which a place can be chosen."""

    chosen: bytes = b""
    marks: frozenset[bytes] = frozenset()
    """Keys to mark in the tree."""
