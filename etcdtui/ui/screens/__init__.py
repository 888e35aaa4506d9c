"""The table of screens. A new screen is a folder here and one line below; nothing else names it.

``MAIN`` are the numbered ones, ``ABOVE`` those that others open above themselves. A screen is imported when it is
first shown; the class can also be had as an attribute of this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from etcdtui.core.late import late
from etcdtui.core.value import Value

if TYPE_CHECKING:  # only named here: the table is read before Textual is imported
    from etcdtui.ui.frame.base import ClusterScreen
    from etcdtui.ui.frame.place import PlaceScreen


class Entry(Value):
    """What is known of a main screen before it is imported: its name, label, and the class in its module."""

    screen_name: str
    label: str
    home: str
    kind: str

    def load(self) -> type[ClusterScreen]:
        """Import the screen; it is built with a session and a host."""
        found: type[ClusterScreen] = __getattr__(self.kind)
        return found


class Above(Value):
    """A screen that is opened above another one by its kind of ``ui.frame.host.Visit``."""

    home: str
    kind: str

    def load(self) -> type[PlaceScreen]:
        """Import the screen; it is built with a session, a host and the visit."""
        found: type[PlaceScreen] = __getattr__(self.kind)
        return found


MAIN: Mapping[int, Entry] = {
    1: Entry("keys", "Keys", "keys.screen", "KeysScreen"),
    2: Entry("watch", "Watch", "watch.screen", "WatchScreen"),
    3: Entry("leases", "Leases", "leases.screen", "LeasesScreen"),
    4: Entry("members", "Members", "members.screen", "MembersScreen"),
    5: Entry("auth", "Auth", "auth.screen", "AuthScreen"),
    6: Entry("locks", "Locks", "locks.screen", "LocksScreen"),
    7: Entry("doctor", "Doctor", "doctor.screen", "DoctorScreen"),
    8: Entry("txn", "Txn", "txn", "TxnScreen"),
    9: Entry("activity", "Activity", "activity", "ActivityScreen"),
}
NAMES: Mapping[int, str] = {number: entry.screen_name for number, entry in MAIN.items()}
ABOVE: Mapping[str, Above] = {
    "VisitHistory": Above("history.screen", "HistoryScreen"),
    "VisitCensus": Above("census", "CensusScreen"),
    "VisitSearch": Above("search", "SearchScreen"),
    "VisitPlan": Above("doctor.plan", "PlanScreen"),
    "VisitResults": Above("compare.results", "ResultsScreen"),
    "VisitCompare": Above("compare.screen", "CompareScreen"),
}

_HOMES = {one.kind: one.home for one in MAIN.values()} | {one.kind: one.home for one in ABOVE.values()}
__getattr__ = late(__name__, _HOMES)
