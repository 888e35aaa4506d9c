"""The write flows, and the command line; each is imported when it is first wanted."""

from __future__ import annotations

from etcdtui.core.late import late

__getattr__ = late(
    __name__,
    {
        "AccessWriting": "access",
        "FlowHost": "host",
        "LeaseWriting": "leases",
        "ManyWriting": "many",
        "MemberWriting": "members",
        "command": "command",
        "command_groups": "command_groups",
    },
)
