"""The main screens; ``SCREENS`` says which are built, by number: a new one adds its import and its line."""

from __future__ import annotations

from collections.abc import Mapping

from etcdtui.ui.screens.base import ClusterScreen
from etcdtui.ui.screens.keys import KeysScreen

SCREENS: Mapping[int, type[ClusterScreen]] = {
    1: KeysScreen,
}
