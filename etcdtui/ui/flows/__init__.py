"""The write flows, and the command line; each is imported when it is first wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcdtui.core.late import late

if TYPE_CHECKING:
    from etcdtui.ui.flows.access import AccessWriting as AccessWriting
    from etcdtui.ui.flows.host import FlowHost as FlowHost
    from etcdtui.ui.flows.leases import LeaseWriting as LeaseWriting
    from etcdtui.ui.flows.many import ManyWriting as ManyWriting
    from etcdtui.ui.flows.members import MemberWriting as MemberWriting

_HOMES = {
    "AccessWriting": "access",
    "FlowHost": "host",
    "LeaseWriting": "leases",
    "ManyWriting": "many",
    "MemberWriting": "members",
}
__getattr__ = late(__name__, _HOMES)
