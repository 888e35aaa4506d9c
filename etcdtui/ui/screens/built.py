"""All main screens, imported; a new one adds its line to ``ENTRIES``, from which the program takes them."""

from __future__ import annotations

from collections.abc import Mapping

from etcdtui.ui.screens.base import ClusterScreen
from etcdtui.ui.screens.entries import ENTRIES

SCREENS: Mapping[int, type[ClusterScreen]] = {number: entry.load() for number, entry in ENTRIES.items()}
