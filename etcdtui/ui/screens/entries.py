"""The main screens by number, each imported when it is first shown; ``built.py`` has them all imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from etcdtui.core.value import Value
from etcdtui.ui.screens.base import ClusterScreen


class Entry(Value):
    """What is known of a screen before it is imported; ``load`` imports it."""

    screen_name: str
    label: str
    load: Callable[[], type[ClusterScreen]]


def _keys() -> type[ClusterScreen]:
    from etcdtui.ui.screens.keys.screen import KeysScreen

    return KeysScreen


def _watch() -> type[ClusterScreen]:
    from etcdtui.ui.screens.watch import WatchScreen

    return WatchScreen


def _leases() -> type[ClusterScreen]:
    from etcdtui.ui.screens.leases import LeasesScreen

    return LeasesScreen


def _members() -> type[ClusterScreen]:
    from etcdtui.ui.screens.members.screen import MembersScreen

    return MembersScreen


def _auth() -> type[ClusterScreen]:
    from etcdtui.ui.screens.auth.screen import AuthScreen

    return AuthScreen


def _txn() -> type[ClusterScreen]:
    from etcdtui.ui.screens.txn import TxnScreen

    return TxnScreen


def _activity() -> type[ClusterScreen]:
    from etcdtui.ui.screens.activity import ActivityScreen

    return ActivityScreen


ENTRIES: Mapping[int, Entry] = {
    1: Entry("keys", "Keys", _keys),
    2: Entry("watch", "Watch", _watch),
    3: Entry("leases", "Leases", _leases),
    4: Entry("members", "Members", _members),
    5: Entry("auth", "Auth", _auth),
    8: Entry("txn", "Txn", _txn),
    9: Entry("activity", "Activity", _activity),
}
