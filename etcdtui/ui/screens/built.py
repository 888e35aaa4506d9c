"""The main screens; ``SCREENS`` says which are built, by number: a new one adds its import and its line."""

from __future__ import annotations

from collections.abc import Mapping

from etcdtui.ui.screens.activity import ActivityScreen
from etcdtui.ui.screens.auth import AuthScreen
from etcdtui.ui.screens.base import ClusterScreen
from etcdtui.ui.screens.keys import KeysScreen
from etcdtui.ui.screens.leases import LeasesScreen
from etcdtui.ui.screens.members import MembersScreen
from etcdtui.ui.screens.txn import TxnScreen
from etcdtui.ui.screens.watch import WatchScreen

SCREENS: Mapping[int, type[ClusterScreen]] = {
    1: KeysScreen,
    2: WatchScreen,
    3: LeasesScreen,
    4: MembersScreen,
    5: AuthScreen,
    8: TxnScreen,
    9: ActivityScreen,
}
